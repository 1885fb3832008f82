"""How each family of models was trained to fill a gap, as data: a row of token spellings and conventions.

Three layouts (PRE is the text before the cursor, SUF the text behind it; https://arxiv.org/abs/2207.14255):

    psm    prefix PRE suffix SUF middle
    spm    prefix suffix SUF middle PRE
    spm1   suffix SUF prefix PRE middle

The second is "SPMv2": generation simply continues PRE. In the third one token stands behind PRE, or none. Both keep the
suffix in front, so that a keystroke costs what was typed, and that token.

A row has no layout, and no form for other files, that its source does not show.
"""
# ruff: noqa: RUF001 -- DeepSeek writes its tokens with fullwidth bars

from __future__ import annotations

from typing import Final, Literal

from attrs import evolve, frozen

Layout = Literal["psm", "spm", "spm1"]
RepositoryStyle = Literal["files", "lines", "comments"]


@frozen
class Sign:
    """A control token by its spelling, in a text that has both."""

    spelling: str


@frozen(kw_only=True)
class FimFamily:
    """Spellings and conventions of a family of models. None, and empty, mean: the family has no such thing."""

    name: str
    prefix: str
    suffix: str
    middle: str | None
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
    `lines`: several files, each behind a line that names its path, and no token.
    `comments`: the family knows one file at a time; neighbours go into it as comments."""
    after_repo: str = ""
    """Text between the repository's name and what follows."""
    neighbour_head: str = "{path}\n"
    """Introduces a neighbour's content (`files`, `lines`)."""
    file_head: str = ""
    """Introduces the current file: `{path}`, `{language}` (a name such as Python), `{comment}` (what begins one)."""
    after_file: str = ""
    """Text between a neighbour's content and the next `file_separator`."""
    introduces_single_file: bool = False
    """Whether a file without neighbours stands behind `file_separator` and `file_head` too."""
    path_inside_prefix: bool = True
    """Whether `file_head` (in `lines`, the neighbours too) stands behind the prefix token, or in front of all."""
    before_prefix: str = ""
    """Text in front of PRE: the space that SentencePiece puts before every text."""
    opening: tuple[Sign | str, ...] = ()
    """Stands in front of everything, chat markup for example."""
    closing: tuple[Sign | str, ...] = ()
    """Stands behind everything."""

    architectures: tuple[str, ...] = ()
    """Only models of these architectures; empty: of any."""
    rules: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """Only models whose tokenizer cuts words by one of these rules (`tokenizer.ggml.pre`), or whose name has one of
    these names in it, where other models have the same tokens; both empty: any."""
    if_named: bool = False
    """Those too whose file says that these tokens fill gaps."""
    if_asked: bool = False
    """Only where the setting `chatMarkup` is `always`."""


_ANGLES: Final = FimFamily(
    name="granite",
    prefix="<fim_prefix>",
    suffix="<fim_suffix>",
    middle="<fim_middle>",
    pad="<fim_pad>",
    ends=("<|endoftext|>", "<|end_of_text|>"),
)
"""StarCoder's tokens with nothing around them, and PSM, which all show: Granite Code and Granite to 3.3
(https://github.com/ibm-granite/granite-code-models), Stable Code, CodeQwen1.5. What order Granite's SPM has is
published nowhere."""

_BARS: Final = FimFamily(
    name="bars",
    prefix="<|fim_prefix|>",
    suffix="<|fim_suffix|>",
    middle="<|fim_middle|>",
    pad="<|fim_pad|>",
    ends=("<|endoftext|>", "<|end_of_text|>", "<|im_end|>"),
)
"""Qwen's tokens with nothing around them. So Granite 4 and others have them."""

_QWEN: Final = evolve(
    _BARS,
    name="qwen-coder",
    repo="<|repo_name|>",
    file_separator="<|file_sep|>",
    repository="files",
    after_repo="\n",
    file_head="{path}\n",
    after_file="\n",
    path_inside_prefix=False,
)
"""https://arxiv.org/abs/2409.12186, figures 2 and 3: line breaks around everything, the path before <|fim_prefix|>."""

_GLM: Final = FimFamily(
    name="glm",
    prefix="<|code_prefix|>",
    suffix="<|code_suffix|>",
    middle="<|code_middle|>",
    ends=("<|endoftext|>", "<|user|>", "<|observation|>", "<|assistant|>"),
    opening=(Sign("[gMASK]"), Sign("<sop>")),
    architectures=("glm4", "glm4moe", "glm-dsa"),
)
"""Zed's order (crates/edit_prediction, fim.rs; looked up in November 2026): GLM's authors publish none. Behind the two
tokens that begin every text of GLM's."""

FAMILIES: Final = (
    # The cards of JetBrains/Mellum-4b-base and Mellum2, "Fill in the middle with additional files as context". They
    # have StarCoder's tokens, and were never asked in SPMv2.
    evolve(
        _ANGLES,
        name="mellum",
        file_separator="<filename>",
        layouts=("spm1",),
        repository="files",
        file_head="{path}\n",
        path_inside_prefix=False,
        rules=("mellum", "mellum2"),
        names=("mellum",),  # conversions of April 2025 say `default`
    ),
    # https://arxiv.org/abs/2402.19173, section 5.1: the repository format, with the path behind <fim_prefix>. In
    # training every file stands behind <file_sep>, one without a repository too; both layouts (BigCode's Megatron-LM,
    # gpt_dataset.py).
    evolve(
        _ANGLES,
        name="starcoder2",
        repo="<repo_name>",
        file_separator="<file_sep>",
        layouts=("psm", "spm"),
        repository="files",
        file_head="{path}\n",
        introduces_single_file=True,
    ),
    # StarCoder's tokenizer; the card of the 1.6B model (smallcloudai/Refact-1_6B-fim) shows PSM.
    evolve(_ANGLES, name="refact", repo="<reponame>", file_name="<filename>", architectures=("refact",)),
    # https://arxiv.org/abs/2305.06161, section 5.1: metadata inside the prefix, one file, both layouts.
    evolve(
        _ANGLES,
        name="starcoder",
        repo="<reponame>",
        file_name="<filename>",
        layouts=("psm", "spm"),
        architectures=("starcoder",),
    ),
    _ANGLES,
    # https://arxiv.org/abs/2301.03988: hyphens, no metadata, SPMv2.
    FimFamily(
        name="santacoder",
        prefix="<fim-prefix>",
        suffix="<fim-suffix>",
        middle="<fim-middle>",
        pad="<fim-pad>",
        layouts=("psm", "spm"),
    ),
    # README of QwenLM/Qwen3-Coder, "Fill in the middle with Qwen3-Coder" (looked up in November 2026): this system
    # message, and the prompt as the user's; "FIM is supported in every version". It shows one file, without a path:
    # the form of other files is Qwen2.5-Coder's, and not proven here.
    evolve(
        _QWEN,
        name="qwen-coder-chat",
        opening=(
            Sign("<|im_start|>"),
            "system\nYou are a code completion assistant.",
            Sign("<|im_end|>"),
            "\n",
            Sign("<|im_start|>"),
            "user\n",
        ),
        closing=(Sign("<|im_end|>"), "\n", Sign("<|im_start|>"), "assistant\n"),
        if_asked=True,
    ),
    _QWEN,
    # https://ai.google.dev/gemma/docs/codegemma/prompt-structure (looked up in November 2026): PSM, nothing between the
    # tokens and the text; <|file_separator|> is "for multi-file contexts", in a form that it does not show, and ends a
    # completion. (https://arxiv.org/abs/2406.11409 says that SPM was trained too, but not in which order.)
    evolve(_BARS, name="codegemma", file_separator="<|file_separator|>", ends=("<eos>",)),
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
    # https://arxiv.org/abs/2401.14196, section 3.1: PSM over files one behind the other, each behind a comment with its
    # path; the README's repository example shows the form.
    FimFamily(
        name="deepseek-coder",
        prefix="<｜fim▁begin｜>",
        suffix="<｜fim▁hole｜>",
        middle="<｜fim▁end｜>",
        ends=("<｜end▁of▁sentence｜>", "<|EOT|>"),
        repository="lines",
        neighbour_head="#{path}\n",
        file_head="#{path}\n",
    ),
    # https://arxiv.org/abs/2506.03524, "Fill-in-the-Middle": one file at a time.
    FimFamily(
        name="seed-coder",
        prefix="<[fim-prefix]>",
        suffix="<[fim-suffix]>",
        middle="<[fim-middle]>",
        ends=("<[end▁of▁sentence]>",),
        layouts=("spm1",),
    ),
    # aixcoder-plugin/aiXcoder-7B, README, "Pre-training tasks", and its fine-tuning data: both layouts.
    FimFamily(
        name="aixcoder",
        prefix="▁<AIX-SPAN-PRE>",
        suffix="▁<AIX-SPAN-POST>",
        middle="▁<AIX-SPAN-MIDDLE>",
        ends=("</s>",),
        layouts=("spm", "psm"),
        file_head="{comment} the file path is: {path}\n{comment} the code file is written by {language}\n",
        introduces_single_file=True,
    ),
    # mistral-common, `encode_fim` in tokens/tokenizers/instruct.py: no token for the middle; SentencePiece's space in
    # front of the prefix, none in front of the suffix. All of Mistral's vocabularies have these tokens.
    FimFamily(
        name="codestral",
        prefix="[PREFIX]",
        suffix="[SUFFIX]",
        middle=None,
        ends=("</s>", "[MIDDLE]"),
        layouts=("spm1",),
        before_prefix=" ",
        names=("codestral",),
        if_named=True,
    ),
    _GLM,
    # THUDM/CodeGeeX4, guides/Infilling_guideline.md (looked up in November 2026; Continue's template is the same): a
    # message to the assistant, the suffix first, other files behind ###REFERENCE.
    evolve(
        _GLM,
        name="codegeex",
        layouts=("spm1",),
        repository="lines",
        neighbour_head="###REFERENCE:\n###PATH:{path}\n",
        file_head="###PATH:{path}\n###LANGUAGE:{language}\n###MODE:BLOCK\n",
        introduces_single_file=True,
        path_inside_prefix=False,
        opening=(Sign("[gMASK]"), Sign("<sop>"), Sign("<|user|>"), "\n"),
        closing=(Sign("<|assistant|>"), "\n"),
        architectures=("chatglm",),
        names=("codegeex",),
        if_named=True,
    ),
)
"""The first that fits is taken: a family with more tokens of its own stands before one with fewer."""

GENERIC: Final = FimFamily(name="generic", prefix="", suffix="", middle="")
"""For models known only by the ids their file names: PSM, one file at a time."""

_SPELLING_FIELDS: Final = ("prefix", "suffix", "middle", "pad", "repo", "file_separator", "file_name")


def _spellings(family: FimFamily) -> set[str]:
    of_fields = {getattr(family, name) for name in _SPELLING_FIELDS} - {None}
    signs = {part.spelling for part in (*family.opening, *family.closing) if isinstance(part, Sign)}
    return of_fields | signs | set(family.ends)


CONTROL_SPELLINGS: Final = frozenset(spelling for family in FAMILIES for spelling in _spellings(family))
"""No user's text ever becomes one of these tokens, however a file marks them."""
