"""A catalogue of models that complete code, as data: where each can be had, what it needs, what its licence asks.

Shapes are those of the models' own configuration files; sizes follow from them (`BITS`), and are the truth within a
tenth: the exact size is shown before anything is fetched. Repositories are those in common use in autumn 2026; where
one has moved, `hf:OWNER/REPOSITORY/FILE.gguf` names another. StarCoderBase's files and sizes are as stored copies of
the repositories' pages list them (of the 1B, as another program's catalogue does).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from starcoder_lsp.models.licences import APACHE, BIGCODE, DEEPSEEK, GEMMA, MISTRAL, MIT, QWEN, Licence

if TYPE_CHECKING:
    from collections.abc import Mapping

BITS: Final = {"Q4_K_M": 4.9, "Q5_K_M": 5.7, "Q6_K": 6.6, "Q8_0": 8.5, "F16": 16.0}
"""Bits for a weight, of a whole file of the usual mixture."""

_USUAL: Final = ("Q4_K_M", "Q5_K_M", "Q8_0")


@frozen
class KnownFile:
    """One quantisation of a model."""

    quantisation: str
    repo: str
    file: str
    bytes: int
    """About."""
    sha256: str | None = None
    """Where known; the hub states its own."""


@frozen(kw_only=True)
class KnownModel:
    """A model of the catalogue. The dimensions are those of `models.memory`."""

    name: str
    title: str
    family: str
    """In `completion.families`."""
    licence: Licence
    card: str
    """The model's own page: `owner/repository` on huggingface.co."""
    parameters: int
    active: int
    """Parameters that a token meets; fewer than all in mixtures of experts."""
    block_count: int
    embedding_length: int
    head_count: int
    head_count_kv: int
    head_length: int
    context_length: int
    year: int
    """Of its training."""
    files: tuple[KnownFile, ...]
    warning: str = ""
    recommended: bool = True
    """Whether `recommend` may choose it."""

    @property
    def key_length(self) -> int:
        """Numbers of a key."""
        return self.head_length

    @property
    def value_length(self) -> int:
        """Numbers of a value."""
        return self.head_length

    def file(self, quantisation: str = "") -> KnownFile | None:
        """Return the file of this quantisation; of none named, the first, which is the recommended one."""
        wanted = quantisation.upper() or self.files[0].quantisation
        return next((one for one in self.files if one.quantisation == wanted), None)


def _files(
    parameters: float,
    repo: str,
    pattern: str,
    quantisations: tuple[str, ...] = _USUAL,
    checksums: dict[str, str] | None = None,
    sizes: Mapping[str, float] = MappingProxyType({}),
) -> tuple[KnownFile, ...]:
    """Return the files of a repository; `sizes` in bytes, where they were seen there."""
    return tuple(
        KnownFile(
            one,
            repo,
            pattern.format(one),
            round(sizes.get(one, parameters * BITS[one] / 8)),
            (checksums or {}).get(one),
        )
        for one in quantisations
    )


@frozen
class _Shape:
    parameters: float
    blocks: int
    width: int
    heads: int
    kv_heads: int
    head: int = 128
    context: int = 16384
    year: int = 2024
    active: float = field(default=0.0)


def _model(  # noqa: PLR0913 - a row of a table
    name: str,
    title: str,
    family: str,
    licence: Licence,
    card: str,
    shape: _Shape,
    files: tuple[KnownFile, ...],
    *,
    warning: str = "",
    recommended: bool = True,
) -> KnownModel:
    return KnownModel(
        name=name,
        title=title,
        family=family,
        licence=licence,
        card=card,
        parameters=round(shape.parameters),
        active=round(shape.active or shape.parameters),
        block_count=shape.blocks,
        embedding_length=shape.width,
        head_count=shape.heads,
        head_count_kv=shape.kv_heads,
        head_length=shape.head,
        context_length=shape.context,
        year=shape.year,
        files=files,
        warning=warning,
        recommended=recommended,
    )


def _qwen(size: str, shape: _Shape, checksums: dict[str, str] | None = None, licence: Licence = APACHE) -> KnownModel:
    repo, pattern = f"QuantFactory/Qwen2.5-Coder-{size}-GGUF", f"Qwen2.5-Coder-{size}.{{}}.gguf"
    files = _files(shape.parameters, repo, pattern, checksums=checksums)
    name, card = f"qwen2.5-coder-{size.lower()}", f"Qwen/Qwen2.5-Coder-{size}"
    return _model(name, f"Qwen2.5-Coder {size}", "qwen-coder", licence, card, shape, files)


def _starcoderbase(size: str, owner: str, sizes: Mapping[str, float], shape: _Shape) -> KnownModel:
    card = "bigcode/starcoderbase" + ("" if size == "15b" else f"-{size}")
    own = card.removeprefix("bigcode/")
    files = _files(shape.parameters, f"{owner}/{own}-GGUF", f"{own}.{{}}.gguf", tuple(sizes), sizes=sizes)
    return _model(f"starcoderbase-{size}", f"StarCoderBase {size.upper()}", "starcoder", BIGCODE, card, shape, files)


def _starcoder2(size: str, shape: _Shape, warning: str = "") -> KnownModel:
    files = _files(shape.parameters, f"second-state/StarCoder2-{size.upper()}-GGUF", f"starcoder2-{size}-{{}}.gguf")
    return _model(
        f"starcoder2-{size}",
        f"StarCoder2 {size.upper()}",
        "starcoder2",
        BIGCODE,
        f"bigcode/starcoder2-{size}",
        shape,
        files,
        warning=warning,
        recommended=not warning,
    )


def _granite(size: str, context: str, shape: _Shape) -> KnownModel:
    files = _files(
        shape.parameters, f"ibm-granite/granite-{size}-code-base-{context}-GGUF", f"granite-{size}-code-base.{{}}.gguf"
    )
    card = f"ibm-granite/granite-{size}-code-base-{context}"
    return _model(f"granite-{size}-code", f"Granite Code {size.upper()}", "granite", APACHE, card, shape, files)


_SC = 8192
KNOWN: Final = (
    _qwen("0.5B", _Shape(0.494e9, 24, 896, 14, 2, head=64, context=32768)),
    _starcoderbase("1b", "mradermacher", {"Q4_K_M": 0.793e9}, _Shape(1.137e9, 24, 2048, 16, 1, context=_SC, year=2023)),
    _qwen(
        "1.5B",
        _Shape(1.544e9, 28, 1536, 12, 2, context=32768),
        {"Q8_0": "4b524f9e85096b590809c1d35e7b616900d0d977d12d2f74eec16852cdd85ed6"},
    ),
    _starcoderbase("3b", "cosmo3769", {"Q4_K_M": 2.05e9}, _Shape(3.0e9, 36, 2816, 22, 1, context=_SC, year=2023)),
    _starcoder2("3b", _Shape(3.03e9, 30, 3072, 24, 2)),
    _qwen("3B", _Shape(3.086e9, 36, 2048, 16, 2, context=32768), licence=QWEN),
    _granite("3b", "2k", _Shape(3.483e9, 32, 2560, 32, 32, head=80, context=2048)),
    _model(
        "mellum-4b", "Mellum 4B", "mellum", APACHE, "JetBrains/Mellum-4b-base",
        _Shape(4.02e9, 30, 3072, 24, 24, context=8192, year=2025),
        _files(4.02e9, "mradermacher/Mellum-4b-base-GGUF", "Mellum-4b-base.{}.gguf", ("Q4_K_M", "Q5_K_M"))
        + _files(4.02e9, "JetBrains/Mellum-4b-base-gguf", "mellum-4b-base.{}.gguf", ("Q8_0",)),
    ),
    _model(
        "deepseek-coder-6.7b", "DeepSeek-Coder 6.7B", "deepseek-coder", DEEPSEEK,
        "deepseek-ai/deepseek-coder-6.7b-base",
        _Shape(6.74e9, 32, 4096, 32, 32, year=2023),
        _files(6.74e9, "TheBloke/deepseek-coder-6.7B-base-GGUF", "deepseek-coder-6.7b-base.{}.gguf"),
    ),
    _starcoder2("7b", _Shape(7.17e9, 32, 4608, 36, 4)),
    _starcoderbase(
        "7b", "QuantFactory", {"Q4_K_M": 4.87e9, "Q5_K_M": 5.61e9, "Q8_0": 8.11e9},
        _Shape(7.33e9, 42, 4096, 32, 1, context=_SC, year=2023),
    ),
    _qwen("7B", _Shape(7.616e9, 28, 3584, 28, 4, context=32768)),
    _granite("8b", "4k", _Shape(8.05e9, 36, 4096, 32, 8, context=4096)),
    _model(
        "seed-coder-8b", "Seed-Coder 8B", "seed-coder", MIT, "ByteDance-Seed/Seed-Coder-8B-Base",
        _Shape(8.25e9, 32, 4096, 32, 8, context=32768, year=2025),
        _files(8.25e9, "mradermacher/Seed-Coder-8B-Base-GGUF", "Seed-Coder-8B-Base.{}.gguf"),
    ),
    _model(
        "codegemma-2b", "CodeGemma 2B", "codegemma", GEMMA, "google/codegemma-2b",
        _Shape(2.51e9, 18, 2048, 8, 1, head=256, context=8192),
        _files(2.51e9, "bartowski/codegemma-2b-GGUF", "codegemma-2b-{}.gguf"),
        recommended=False,
    ),
    _qwen("14B", _Shape(14.77e9, 48, 5120, 40, 8, context=32768)),
    _starcoderbase(
        "15b", "mradermacher", {"Q4_K_M": 10.1e9, "Q5_K_M": 11.7e9, "Q8_0": 17.0e9},
        _Shape(15.52e9, 40, 6144, 48, 1, context=_SC, year=2023),
    ),
    _starcoder2(
        "15b", _Shape(15.96e9, 40, 6144, 48, 4),
        "Fills gaps badly: a bug broke this part of its training (arXiv 2402.19173). The 3B and the 7B are better.",
    ),
    _model(
        "codestral-22b", "Codestral 22B", "codestral", MISTRAL, "mistralai/Codestral-22B-v0.1",
        _Shape(22.25e9, 56, 6144, 48, 8, context=32768),
        _files(22.25e9, "bartowski/Codestral-22B-v0.1-GGUF", "Codestral-22B-v0.1-{}.gguf"),
        recommended=False,
    ),
)  # fmt: skip
"""From small to large."""


def known_names() -> list[str]:
    """Return the names of all models of the catalogue."""
    return [model.name for model in KNOWN]


def known_model(name: str) -> KnownModel | None:
    """Return the model of this name, in any case of letters."""
    return next((model for model in KNOWN if model.name == name.lower()), None)
