"""Ids for models whose vocabulary is not here: three characters each, so that prompts are planned as for any model.

Such an id counts for about a token of code in budgets, and holds its characters: nothing has to be remembered to write
a prompt out again. Control tokens have ids of their own, beyond all text; they are written out by their spelling, or
tell a server's fields apart (`suffix`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from starcoder_lsp.completion.families import CONTROL_SPELLINGS, FAMILIES, FimFamily
from starcoder_lsp.completion.fim import resolve_family

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starcoder_lsp.completion.fim import FimTokens

WIDTH: Final = 3
"""Characters of one id. Code has 3 to 3.5 characters a token in the vocabularies of code models."""

_BITS: Final = 21
_MASK: Final = (1 << _BITS) - 1
_CONTROL: Final = 1 << (_BITS * WIDTH)

SUFFIX_FIELD: Final = FimFamily(name="suffix", prefix="«prefix»", suffix="«suffix»", middle="«middle»", ends=())
"""For servers that take what stands behind the cursor in a field of its own, and know their model's tokens."""

_NAMES: Final = (
    ("starcoder2", "starcoder2"),
    ("starcoder", "starcoder"),
    ("santacoder", "santacoder"),
    ("refact", "refact"),
    ("qwen", "qwen-coder"),
    ("codegemma", "codegemma"),
    ("codellama", "codellama"),
    ("code-llama", "codellama"),
    ("deepseek-coder", "deepseek-coder"),
    ("granite", "granite"),
)
"""What a server's name for a model contains, and its family."""

_CONTROL_TEXT: Final = re.compile(
    "|".join([*(re.escape(one.replace("▁", "")) for one in sorted(CONTROL_SPELLINGS)), r"<[|｜][^|｜\s]{1,40}[|｜]>"])  # noqa: RUF001 - DeepSeek's bars
)


def family_named(name: str) -> FimFamily | None:
    """Return the family that a server's name for a model tells, if it does; also by the family's own name."""
    low = name.lower().replace("_", "-")
    if low == SUFFIX_FIELD.name:
        return SUFFIX_FIELD
    wanted = low if any(one.name == low for one in FAMILIES) else next((to for part, to in _NAMES if part in low), None)
    return next((one for one in FAMILIES if one.name == wanted), None)


class TextTokenizer:
    """See the module. Has what `Tokenizer` has; immutable."""

    def __init__(self, family: FimFamily) -> None:
        """`family`: how the model is asked."""
        self.family = family
        spelled = [family.prefix, family.suffix, family.middle, family.pad, family.repo, family.file_separator]
        self.spellings = tuple(dict.fromkeys(one for one in (*spelled, family.file_name, *family.ends) if one))
        self._ids = {spelling: _CONTROL + number for number, spelling in enumerate(self.spellings)}
        self.chunk = re.compile(r"[^\n]*\n|[^\n]+")

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which a generation should end, the most telling first: some servers take only a few."""
        family = self.family
        first = (family.file_separator, *family.ends, family.prefix, family.suffix, family.middle, family.repo)
        return tuple(one.replace("▁", " ").strip() for one in dict.fromkeys(first) if one)

    @property
    def fim_tokens(self) -> FimTokens:
        """The family's tokens as these ids."""
        roles = [role for role in ("prefix", "suffix", "middle") if getattr(self.family, role) is not None]
        named = {role: self._ids[getattr(self.family, role)] for role in roles}
        found = resolve_family("", self.id_of, named)
        if found.family.name == self.family.name:
            return found
        from attrs import evolve  # noqa: PLC0415 - a family that is known by no spelling of its own

        return evolve(found, family=self.family)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, none of which is a control token."""
        found = []
        for start in range(0, len(text), WIDTH):
            packed = 0
            for letter in reversed(text[start : start + WIDTH]):
                packed = packed << _BITS | (ord(letter) + 1)
            found.append(packed)
        return found

    @staticmethod
    def open_end(_text: str) -> int:
        """Nothing is known of the model's tokens: a prompt ends at the cursor."""
        return 0

    def piece(self, token: int) -> bytes:
        """Return the bytes of one id; of a control token, its spelling."""
        return self.text(token).encode("utf-8", "replace")

    def text(self, token: int) -> str:
        """Return the characters of one id; of a control token, its spelling."""
        if token >= _CONTROL:
            return self.spellings[token - _CONTROL]
        letters = []
        while token:
            letters.append(chr((token & _MASK) - 1))
            token >>= _BITS
        return "".join(letters)

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes of all ids that are text."""
        return b"".join(self.piece(token) for token in ids if not self.is_control(token))

    @staticmethod
    def is_control(token: int) -> bool:
        """Return whether an id is a control token."""
        return token >= _CONTROL

    def id_of(self, spelling: str) -> int | None:
        """Return the control token that is spelled so, if there is one."""
        return self._ids.get(spelling)

    # ---- writing a prompt out ----------------------------------------------------------------------------------------

    def parts(self, ids: Sequence[int]) -> list[tuple[str, bool]]:
        """Return a prompt's texts and spellings in order; True for a control token.

        What a user's text spells like a control token is broken up by a blank, so that no server takes it for one.
        """
        found: list[tuple[str, bool]] = []
        run: list[str] = []
        for token in ids:
            if self.is_control(token):
                found += [(harmless("".join(run)), False), (self.text(token), True)]
                run = []
            else:
                run.append(self.text(token))
        return [part for part in [*found, (harmless("".join(run)), False)] if part[0]]

    def written_out(self, ids: Sequence[int]) -> str:
        """Return a prompt as one text, control tokens by their spelling (SentencePiece's blank as a blank)."""
        parts = [text.replace("▁", " ") if control else text for text, control in self.parts(ids)]
        return "".join(parts).removeprefix(" ") if self.family.before_prefix else "".join(parts)

    def in_fields(self, ids: Sequence[int]) -> tuple[str, str]:
        """Return what stands in front of the cursor and what behind it, of a prompt with the prefix first."""
        before, _, after = self.written_out(ids).partition(self.family.suffix)
        return before.replace(self.family.prefix, "", 1), after.removesuffix(self.family.middle or "")


def harmless(text: str) -> str:
    """Return a text in which no control token's spelling stands."""
    return _CONTROL_TEXT.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text)
