"""GGUF files written by hand, so that tests can make what no honest writer would."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from gguf.constants import GGUFValueType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from starcoder_lsp.models.gguf import Vocabulary

Plain = str | int | float | bool
Tensor = tuple[str, tuple[int, ...], int, int]
"""Name, dimensions (innermost first), type number, bytes."""


def write_gguf(
    path: Path,
    pairs: Mapping[str, Plain | Sequence[Plain]],
    *,
    vocabulary: Vocabulary | None = None,
    tensors: Sequence[Tensor] = (),
    version: int = 3,
    order: str = "<",
) -> None:
    """Write a file with these key/value pairs, and zeros for the tensors' data. `order`: `<` or `>` (big-endian)."""
    tables: dict[str, list[str] | list[int] | list[float]] = {}
    if vocabulary:
        tables = {
            "tokenizer.ggml.tokens": vocabulary.tokens,
            "tokenizer.ggml.token_type": vocabulary.types,
            "tokenizer.ggml.scores": vocabulary.scores,
            "tokenizer.ggml.merges": vocabulary.merges,
        }
    values: dict[str, Plain | Sequence[Plain]] = {**pairs, **{key: table for key, table in tables.items() if table}}
    writer = _Writer(order)
    head = b"GGUF" + struct.pack(f"{order}IQQ", version, len(tensors), len(values))
    body = b"".join(writer.string(key) + writer.value(value) for key, value in values.items())
    infos, at = b"", 0
    for name, dimensions, kind, size in tensors:
        shape = struct.pack(f"{order}I{len(dimensions)}Q", len(dimensions), *dimensions)
        infos += writer.string(name) + shape + struct.pack(f"{order}IQ", kind, at)
        at += -(-size // 32) * 32
    header = head + body + infos
    path.write_bytes(header + bytes(-len(header) % 32) + bytes(at))


_FORMS = {GGUFValueType.BOOL: "?", GGUFValueType.INT32: "i", GGUFValueType.INT64: "q", GGUFValueType.FLOAT32: "f"}


class _Writer:
    def __init__(self, order: str) -> None:
        self._order = order

    def string(self, text: str) -> bytes:
        raw = text.encode()
        return struct.pack(f"{self._order}Q", len(raw)) + raw

    def value(self, value: Plain | Sequence[Plain]) -> bytes:
        if isinstance(value, (str, int, float)):
            return self._number(_kind(value)) + self._plain(value)
        kind = _kind(value[0])
        head = self._number(GGUFValueType.ARRAY) + self._number(kind) + struct.pack(f"{self._order}Q", len(value))
        return head + b"".join(map(self._plain, value))

    def _number(self, number: int) -> bytes:
        return struct.pack(f"{self._order}I", number)

    def _plain(self, value: Plain) -> bytes:
        if isinstance(value, str):
            return self.string(value)
        form = {
            GGUFValueType.BOOL: "?",
            GGUFValueType.INT32: "i",
            GGUFValueType.INT64: "q",
            GGUFValueType.FLOAT32: "f",
        }[_kind(value)]
        return struct.pack(f"{self._order}{form}", value)


def _kind(value: Plain) -> GGUFValueType:
    match value:
        case bool():
            return GGUFValueType.BOOL
        case int():
            return GGUFValueType.INT32 if -(2**31) <= value < 2**31 else GGUFValueType.INT64
        case float():
            return GGUFValueType.FLOAT32
        case _:
            return GGUFValueType.STRING
