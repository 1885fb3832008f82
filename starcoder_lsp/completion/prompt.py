"""The prompt: token ids in the layouts that a family of models was trained on (see `completion.families`).

    psm    context prefix [path] PRE suffix SUF middle
    spm    context prefix suffix SUF middle [path] PRE
    spm1   context suffix SUF prefix [path] PRE middle

Control tokens are put in as ids; text is encoded by the caller's `chunks`, which knows no control tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen

from starcoder_lsp.completion.cursor import CLOSERS
from starcoder_lsp.completion.language_names import language_name, line_comment
from starcoder_lsp.completion.window import Anchor, Chunks, Window, encoded, prefix_window, suffix_window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completion.families import Layout
    from starcoder_lsp.completion.fim import FimTokens

LayoutChoice = Literal["auto", "spm", "psm"]
"""What people may ask for: `spm` is the order with the suffix in front, of which each family knows one at most."""
_SUFFIX_FIRST: tuple[Layout, ...] = ("spm", "spm1")

_CONTROLS = 8
"""Room kept for control tokens: the most that any layout takes."""
_LEAST_ROOM = 16
_SUFFIX_SHARE = 4
"""A quarter of what the window has goes behind the cursor."""
_OPEN_REACH = 4096
"""Characters in front of a cursor in which its word is looked for."""
_MOST_CLOSERS = 8
"""More closing characters than this behind a cursor were not put there by an editor."""


@frozen
class Place:
    """A cursor in a file. `text` has newlines as its only line ends; `offset` is in characters of it."""

    text: str = field(repr=False)
    offset: int
    path: str = ""
    """Relative to the repository, with slashes; for models that are told it."""


@frozen
class Context:
    """What stands in front of the file: ids ready to use, stable between two keystrokes. Empty by default."""

    ids: tuple[int, ...] = field(default=(), repr=False)
    names_path: bool = False
    """Whether the current file is introduced by its path, as its neighbours are."""
    inside_prefix: bool = False
    """Whether it stands behind the prefix token, as part of the file (families that know one file at a time)."""
    key: str = ""
    """Of the neighbours it was made of; empty without any."""


@frozen
class Prompt:
    """Ids to evaluate, and what they stand for."""

    ids: list[int] = field(repr=False)
    layout: Layout
    prefix: Window = field(repr=False)
    suffix: Window = field(repr=False)
    context: Context = field(factory=Context)
    skipped: str = ""
    """Closing characters between the cursor and the suffix that the prompt leaves out (see `candidates`)."""
    begin: str = ""
    """What stands between the prefix window and the cursor: the generation must begin with it."""
    stem: int = 0
    """How many of `ids` stand in front of what a key changes: all up to the end of the prefix window."""


def candidates(  # noqa: PLR0913 - what a prompt is made of
    place: Place,
    *,
    tokens: FimTokens,
    budget: int,
    anchor: Anchor,
    chunks: Chunks,
    layout: LayoutChoice = "auto",
    contexts: Sequence[Context] = (Context(),),
    skip_closers: bool = False,
    open_end: Callable[[str], int] = lambda _text: 0,
    language: str = "",
) -> list[Prompt]:
    """Return the prompts that may be asked at this place, the preferred first.

    Each has at most `budget` tokens besides its context: the windows are the same in front of whatever context, or
    their anchor would move when another is chosen. Prompts with the first of `contexts` come first.

    `open_end` says how many characters at the end of a text belong to a word that may go on. The prefix window ends in
    front of them, and the generation begins with them (see `completion.continuation`).

    `language` is the LSP language id, for families that are told the language.

    With `skip_closers`, a variant is added whose suffix begins behind the closing characters that stand alone behind
    the cursor on its line: an editor that closes brackets by itself changes the suffix with every bracket typed, and
    the front of an SPM prompt with it; the variant's front stays, and the model writes the closers itself (refining
    drops them).

    Raises:
        ValueError: `budget` is too small for any prompt (24 tokens).
    """
    path = _head(place.path, language, tokens, chunks)
    ends = _ends(tokens, chunks)
    controls = _CONTROLS + sum(map(len, ends))
    room = budget - len(path) - controls
    if room < _LEAST_ROOM:
        path, contexts = (), (Context(),)
        room = budget - controls
    if room < _LEAST_ROOM:
        ends, room = ((), ()), budget - _CONTROLS
    if room < _LEAST_ROOM:
        raise ValueError(f"A budget of {budget} tokens is too small for a prompt.")
    # The prefix's share does not depend on the suffix found, or the anchor would move when the suffix changes.
    behind = room // _SUFFIX_SHARE
    cut = place.offset - open_end(place.text[max(0, place.offset - _OPEN_REACH) : place.offset])
    begin = place.text[cut : place.offset]
    prefix = prefix_window(place.text, cut, room - behind, anchor, chunks)
    suffix = suffix_window(place.text, place.offset, behind, chunks)
    layouts = [one for one in _preference(layout) if one in tokens.family.layouts] or list(tokens.family.layouts[:1])
    first = next((one for one in layouts if one in _SUFFIX_FIRST), None)
    skipped = closers_behind(place.text, place.offset) if skip_closers and first else ""
    behind_closers = suffix_window(place.text, place.offset + len(skipped), behind, chunks) if skipped else suffix
    found = []
    for context in contexts:
        frame = _Frame.of(tokens, context, path if context.names_path else (), ends, chunks)
        for one in layouts:
            ids, stem = frame.around(prefix, suffix, one)
            found.append(Prompt(ids, one, prefix, suffix, context, begin=begin, stem=stem))
        if skipped and first:
            ids, stem = frame.around(prefix, behind_closers, first)
            found.append(Prompt(ids, first, prefix, behind_closers, context, skipped, begin, stem))
    return found


def _head(path: str, language: str, tokens: FimTokens, chunks: Chunks) -> tuple[int, ...]:
    """What introduces the current file; empty in families that do not, and for a file without a path."""
    head = tokens.family.file_head if path else ""
    if tokens.family.repository == "files" and tokens.file_separator is None:
        head = ""
    text = head.format(path=path, language=language_name(language), comment=line_comment(language))
    return encoded(text, chunks) if text else ()


def _ends(tokens: FimTokens, chunks: Chunks) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What stands in front of everything, and behind everything."""

    def ids(parts: tuple[int | str, ...]) -> tuple[int, ...]:
        encoded_parts = ((part,) if isinstance(part, int) else encoded(part, chunks) for part in parts)
        return tuple(token for part in encoded_parts for token in part)

    return ids(tokens.opening), ids(tokens.closing)


def _preference(layout: LayoutChoice) -> Sequence[Layout]:
    if layout == "psm":
        return ("psm",)
    return (*_SUFFIX_FIRST, "psm") if layout == "auto" else _SUFFIX_FIRST


def closers_behind(text: str, offset: int) -> str:
    """Return the closing characters behind `offset` if nothing else stands there up to the line's end."""
    end = text.find("\n", offset)
    rest = text[offset : end if end >= 0 else len(text)].rstrip(" \t")
    return rest if len(rest) <= _MOST_CLOSERS and all(one in CLOSERS for one in rest) else ""


@frozen
class _Frame:
    """What stands around the windows: control tokens, context, path."""

    tokens: FimTokens
    head: tuple[int, ...]
    before_prefix: tuple[int, ...]
    closing: tuple[int, ...]

    @classmethod
    def of(
        cls,
        tokens: FimTokens,
        context: Context,
        path: tuple[int, ...],
        ends: tuple[tuple[int, ...], tuple[int, ...]],
        chunks: Chunks,
    ) -> _Frame:
        family, (opening, closing) = tokens.family, ends
        bos = () if tokens.bos is None or opening[:1] == (tokens.bos,) else (tokens.bos,)
        outer, inner = ((), context.ids) if context.inside_prefix else (context.ids, ())
        if not family.path_inside_prefix:
            outer += path
        elif family.repository == "comments":  # what introduces the file, and then comments in it
            inner = path + inner
        else:
            inner += path
        space = encoded(family.before_prefix, chunks) if family.before_prefix else ()
        return cls(tokens, bos + opening + outer, space + inner, closing)

    def around(self, prefix: Window, suffix: Window, layout: Layout) -> tuple[list[int], int]:
        """Return the ids, and how many of them stand up to the end of the prefix window."""
        tokens, before, after = self.tokens, self.before_prefix + prefix.ids, suffix.ids
        middle = () if tokens.middle is None else (tokens.middle,)
        behind: tuple[int, ...]
        if layout == "psm":
            stem, behind = [tokens.prefix, *before], (tokens.suffix, *after, *middle)
        elif layout == "spm":
            stem, behind = [tokens.prefix, tokens.suffix, *after, *middle, *before], ()
        else:
            stem, behind = [tokens.suffix, *after, tokens.prefix, *before], middle
        return [*self.head, *stem, *behind, *self.closing], len(self.head) + len(stem)
