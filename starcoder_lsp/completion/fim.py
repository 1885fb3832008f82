"""Which family of `completion.families` a model belongs to, and its tokens as the ids of one vocabulary.

Spellings come before the ids that a GGUF file names, because files are known to name them wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from starcoder_lsp.completion.families import FAMILIES, GENERIC, FimFamily, Sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    IdOf = Callable[[str], int | None]


class NoFimTokens(ValueError):  # noqa: N818 -- reads as the fact it is
    """The vocabulary has no fill-in-the-middle tokens."""


@frozen(kw_only=True)
class FimTokens:
    """A family's tokens as the ids of one vocabulary."""

    family: FimFamily
    prefix: int
    suffix: int
    middle: int | None
    pad: int | None
    repo: int | None
    file_separator: int | None
    file_name: int | None
    bos: int | None
    """Begins every prompt; None where the model was trained without."""
    opening: tuple[int | str, ...] = ()
    """In front of everything: ids of control tokens, and texts."""
    closing: tuple[int | str, ...] = ()
    """Behind everything."""
    stops: frozenset[int]
    """Each ends a suggestion."""


def resolve_family(
    architecture: str,
    id_of: IdOf,
    named: Mapping[str, int] | None = None,
    *,
    rule: str = "",
    names: str = "",
    chat_markup: bool = False,
) -> FimTokens:
    """Find the family that a model belongs to, and the ids of its tokens.

    Args:
        architecture: as the file names it.
        id_of: gives the id of a control token by its spelling.
        named: the ids a file names itself: any of `prefix`, `suffix`, `middle`, `pad`, `repo`, `separator`, `bos`,
            `eos`, `eot`.
        rule: by which the tokenizer cuts words (`tokenizer.ggml.pre`).
        names: what the model and its file are called.
        chat_markup: take the form of the prompt that is a message of a chat, where the family has one.

    Raises:
        NoFimTokens: it cannot fill gaps.
    """
    named = named or {}
    for family in FAMILIES:
        if family.if_asked and not chat_markup:
            continue
        if family.architectures and architecture not in family.architectures:
            continue
        chosen = rule in family.rules or _is_called(family, names)
        if (family.rules or family.names) and not chosen and not _names_its_tokens(family, id_of, named):
            continue
        if all(id_of(spelling) is not None for spelling in _required(family)):
            return _resolve(family, id_of, named)
    if {"prefix", "suffix", "middle"} <= named.keys():
        return _resolve(GENERIC, id_of, named)
    raise NoFimTokens(f"no fill-in-the-middle tokens in this {architecture} model's vocabulary")


def _is_called(family: FimFamily, names: str) -> bool:
    return any(name in names.lower() for name in family.names)


def _names_its_tokens(family: FimFamily, id_of: IdOf, named: Mapping[str, int]) -> bool:
    """Whether the file says that gaps are filled with this family's tokens: PSM of `GENERIC` would be wrong then."""
    if not family.if_named:
        return False
    wanted = {"prefix": id_of(family.prefix), "suffix": id_of(family.suffix)}
    return all(token is not None and named.get(role) == token for role, token in wanted.items())


def _required(family: FimFamily) -> list[str]:
    tokens = (family.prefix, family.suffix, family.middle, family.repo, family.file_separator, family.file_name)
    signs = [part.spelling for part in (*family.opening, *family.closing) if isinstance(part, Sign)]
    return [spelling for spelling in tokens if spelling is not None] + signs


def _resolve(family: FimFamily, id_of: IdOf, named: Mapping[str, int]) -> FimTokens:
    def find(spelling: str | None, role: str = "") -> int | None:
        found = id_of(spelling) if spelling else None
        return named.get(role) if found is None else found

    def parts(texts: tuple[Sign | str, ...]) -> tuple[int | str, ...]:
        ids = [id_of(part.spelling) if isinstance(part, Sign) else part for part in texts]
        return tuple(part for part in ids if part is not None)

    prefix, suffix = find(family.prefix, "prefix"), find(family.suffix, "suffix")
    middle = None if family.middle is None else find(family.middle, "middle")
    if prefix is None or suffix is None or (middle is None and family.middle is not None):
        raise NoFimTokens(f"the {family.name} family's tokens are not all in the vocabulary")
    pad, repo = find(family.pad, "pad"), find(family.repo, "repo")
    file_separator, file_name = find(family.file_separator, "separator"), find(family.file_name)
    ends = (find(spelling) for spelling in family.ends)
    stops = {prefix, suffix, middle, pad, repo, file_separator, file_name, named.get("eos"), named.get("eot"), *ends}
    return FimTokens(
        family=family,
        prefix=prefix,
        suffix=suffix,
        middle=middle,
        pad=pad,
        repo=repo,
        file_separator=file_separator,
        file_name=file_name,
        bos=named.get("bos"),
        opening=parts(family.opening),
        closing=parts(family.closing),
        stops=frozenset(token for token in stops if token is not None),
    )


_BLOCKS_OF_15B: Final = 40


def advice(*, architecture: str, block_count: int) -> str | None:
    """Return what the user of this model should know about it, a sentence or None. `block_count`: its layers."""
    if architecture == "starcoder2" and block_count == _BLOCKS_OF_15B:
        return (
            "StarCoder2-15B fills gaps badly: by its authors' account (arXiv 2402.19173) a bug broke this part of its"
            " training. StarCoder2-3B and 7B are better at completion, and faster."
        )
    return None
