"""How each family of models is asked to fill a gap, as data.

A family is a row of token spellings and conventions; `resolve_family` finds the row that fits a vocabulary and turns
the spellings into ids. Spellings come before the ids that a GGUF file names, because files are known to name them
wrongly.

Two layouts (https://arxiv.org/abs/2207.14255; PRE is the text before the cursor, SUF the text behind it):

    psm   prefix PRE suffix SUF middle
    spm   prefix suffix SUF middle PRE

The second is "SPMv2": generation simply continues PRE, and what a keystroke adds stands at the end.
"""
# ruff: noqa: RUF001 -- DeepSeek writes its tokens with fullwidth bars

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Layout = Literal["psm", "spm"]
RepositoryStyle = Literal["files", "comments"]


class NoFimTokens(ValueError):  # noqa: N818 -- reads as the fact it is
    """The vocabulary has no fill-in-the-middle tokens."""


@frozen(kw_only=True)
class FimFamily:
    """Spellings and conventions of a family of models. None, and empty, mean: the family has no such thing."""

    name: str
    prefix: str
    suffix: str
    middle: str
    pad: str | None = None
    repo: str | None = None
    """Stands before the repository's name."""
    file_separator: str | None = None
    """Stands before each file of a repository."""
    file_name: str | None = None
    """Stands before the file's path, in families that give it as metadata."""
    ends: tuple[str, ...] = ("<|endoftext|>",)
    """End a text. (The tokens above end a suggestion too.)"""

    layouts: tuple[Layout, ...] = ("psm",)
    """Those the family was trained on, the one its documentation shows first."""
    repository: RepositoryStyle = "comments"
    """`files`: several files in one prompt, each behind `file_separator` and its path.
    `comments`: the family knows one file at a time; neighbours go into it as comments."""
    after_repo: str = ""
    """Text between the repository's name and what follows."""
    after_path: str = "\n"
    """Text between a file's path and its content."""
    after_file: str = ""
    """Text between a neighbour's content and the next `file_separator`."""
    path_inside_prefix: bool = True
    """Whether the current file's path stands behind the prefix token (or before it)."""
    before_prefix: str = ""
    """Text in front of PRE: the space that SentencePiece puts before every text."""

    architectures: tuple[str, ...] = ()
    """Only models of these architectures; empty: of any."""


_ANGLES: Final = FimFamily(
    name="granite",
    prefix="<fim_prefix>",
    suffix="<fim_suffix>",
    middle="<fim_middle>",
    pad="<fim_pad>",
    ends=("<|endoftext|>", "<|end_of_text|>"),
    layouts=("psm", "spm"),
)
"""StarCoder's tokens with nothing around them. So newer Granite models have them."""

_BARS: Final = FimFamily(
    name="bars",
    prefix="<|fim_prefix|>",
    suffix="<|fim_suffix|>",
    middle="<|fim_middle|>",
    pad="<|fim_pad|>",
    ends=("<|endoftext|>", "<|end_of_text|>", "<|im_end|>"),
)
"""Qwen's tokens with nothing around them. So Granite 4 and others have them."""

FAMILIES: Final = (
    # https://arxiv.org/abs/2402.19173, section 5.1: the repository format, with the path behind <fim_prefix>.
    evolve(_ANGLES, name="starcoder2", repo="<repo_name>", file_separator="<file_sep>", repository="files"),
    # StarCoder's tokenizer; the card of the 1.6B model (smallcloudai/Refact-1_6B-fim) shows PSM.
    evolve(
        _ANGLES,
        name="refact",
        repo="<reponame>",
        file_name="<filename>",
        layouts=("psm",),
        architectures=("refact",),
    ),
    # https://arxiv.org/abs/2305.06161, section 5.1: metadata inside the prefix, one file. Granite Code
    # (https://arxiv.org/abs/2405.04324) has the same tokens and both layouts.
    evolve(_ANGLES, name="starcoder", repo="<reponame>", file_name="<filename>"),
    _ANGLES,
    # https://arxiv.org/abs/2301.03988: hyphens, no metadata.
    FimFamily(
        name="santacoder",
        prefix="<fim-prefix>",
        suffix="<fim-suffix>",
        middle="<fim-middle>",
        pad="<fim-pad>",
        layouts=("psm", "spm"),
    ),
    # https://arxiv.org/abs/2409.12186, figures 2 and 3: line breaks around everything, the path before <|fim_prefix|>.
    evolve(
        _BARS,
        name="qwen-coder",
        repo="<|repo_name|>",
        file_separator="<|file_sep|>",
        repository="files",
        after_repo="\n",
        after_file="\n",
        path_inside_prefix=False,
    ),
    # https://arxiv.org/abs/2406.11409: trained on both layouts; <|file_separator|> ends a completion.
    evolve(_BARS, name="codegemma", file_separator="<|file_separator|>", ends=("<eos>",), layouts=("psm", "spm")),
    _BARS,
    # https://arxiv.org/abs/2308.12950, section 2.3; `infilling_prompt_tokens` in facebookresearch/codellama.
    FimFamily(
        name="codellama",
        prefix="▁<PRE>",
        suffix="▁<SUF>",
        middle="▁<MID>",
        ends=("▁<EOT>", "</s>"),
        layouts=("psm", "spm"),
        before_prefix=" ",
    ),
    # https://arxiv.org/abs/2401.14196, section 3.1.2: PSM. A repository is files one behind the other, their paths in
    # comments.
    FimFamily(
        name="deepseek-coder",
        prefix="<｜fim▁begin｜>",
        suffix="<｜fim▁hole｜>",
        middle="<｜fim▁end｜>",
        ends=("<｜end▁of▁sentence｜>", "<|EOT|>"),
    ),
)
"""The first that fits is taken: a family with more tokens of its own stands before one with fewer."""

_SPELLING_FIELDS: Final = ("prefix", "suffix", "middle", "pad", "repo", "file_separator", "file_name")

CONTROL_SPELLINGS: Final = frozenset(
    spelling
    for family in FAMILIES
    for spelling in (*family.ends, *(getattr(family, name) for name in _SPELLING_FIELDS))
    if spelling is not None
)
"""No user's text ever becomes one of these tokens, however a file marks them."""


@frozen(kw_only=True)
class FimTokens:
    """A family's tokens as the ids of one vocabulary."""

    family: FimFamily
    prefix: int
    suffix: int
    middle: int
    pad: int | None
    repo: int | None
    file_separator: int | None
    file_name: int | None
    bos: int | None
    """Begins every prompt; None where the model was trained without."""
    stops: frozenset[int]
    """Each ends a suggestion."""


def resolve_family(
    architecture: str, id_of: Callable[[str], int | None], named: Mapping[str, int] | None = None
) -> FimTokens:
    """Find the family that a model belongs to, and the ids of its tokens.

    `id_of` gives the id of a control token by its spelling. `named` holds the ids a file names itself: any of `prefix`,
    `suffix`, `middle`, `pad`, `repo`, `separator`, `bos`, `eos`, `eot`.

    Raises NoFimTokens.
    """
    named = named or {}
    for family in FAMILIES:
        if family.architectures and architecture not in family.architectures:
            continue
        required = (family.prefix, family.suffix, family.middle, family.repo, family.file_separator, family.file_name)
        if all(id_of(spelling) is not None for spelling in required if spelling is not None):
            return _resolve(family, id_of, named)
    if {"prefix", "suffix", "middle"} <= named.keys():
        return _resolve(GENERIC, id_of, named)
    raise NoFimTokens(f"no fill-in-the-middle tokens in this {architecture} model's vocabulary")


GENERIC: Final = FimFamily(name="generic", prefix="", suffix="", middle="")
"""For models known only by the ids their file names: PSM, one file at a time."""


def _resolve(family: FimFamily, id_of: Callable[[str], int | None], named: Mapping[str, int]) -> FimTokens:
    def find(spelling: str | None, role: str = "") -> int | None:
        found = id_of(spelling) if spelling else None
        return named.get(role) if found is None else found

    prefix, suffix, middle = find(family.prefix, "prefix"), find(family.suffix, "suffix"), find(family.middle, "middle")
    if prefix is None or suffix is None or middle is None:
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
