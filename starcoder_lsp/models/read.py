"""A model file of either kind: where it is decided whether it is GGML or GGUF, by its first bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.models.ggml.container import MAGIC
from starcoder_lsp.models.ggml.header import GGMLHeader, read_ggml_header
from starcoder_lsp.models.gguf import GGUFHeader, part_paths, read_header
from starcoder_lsp.models.regular import opened

if TYPE_CHECKING:
    from pathlib import Path


def read_any_header(path: Path, *, vocabulary_only: bool = False) -> GGUFHeader:
    """Read and check the header of a GGUF or a GGML file; of the latter, a GGMLHeader comes. Raises ModelError.

    `vocabulary_only` accepts a GGUF file without weights.
    """
    first, *others = part_paths(path)
    if others:
        return read_header(first, vocabulary_only=vocabulary_only)
    with opened(path) as file:
        ggml = file.read(len(MAGIC)) == MAGIC
    return read_ggml_header(path) if ggml else read_header(path, vocabulary_only=vocabulary_only)


def is_ggml(header: GGUFHeader) -> bool:
    """Return whether the header is of a GGML file."""
    return isinstance(header, GGMLHeader)
