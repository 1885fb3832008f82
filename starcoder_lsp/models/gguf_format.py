"""The GGUF container: key/value pairs, then what each tensor is, then the tensors' data.

The numbers and names of the format come from the `gguf` package. Its reader, however, builds an array object for every
string, and takes 2.3 s for a vocabulary of 49,152 tokens; the walk below hops from length to length and takes some
20 ms. It needs a map of the file and touches only the header's pages: tensor data is neither read nor copied.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from attrs import frozen
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType

from starcoder_lsp.errors import ModelUnsupported

if TYPE_CHECKING:
    import mmap
    from pathlib import Path

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
"""Version 1 had 32-bit lengths and was gone within a month (August 2023)."""

_DEFAULT_ALIGNMENT: Final = 32

_SCALARS: Final = {
    GGUFValueType.UINT8: struct.Struct("<B"),
    GGUFValueType.INT8: struct.Struct("<b"),
    GGUFValueType.UINT16: struct.Struct("<H"),
    GGUFValueType.INT16: struct.Struct("<h"),
    GGUFValueType.UINT32: struct.Struct("<I"),
    GGUFValueType.INT32: struct.Struct("<i"),
    GGUFValueType.FLOAT32: struct.Struct("<f"),
    GGUFValueType.BOOL: struct.Struct("<?"),
    GGUFValueType.UINT64: struct.Struct("<Q"),
    GGUFValueType.INT64: struct.Struct("<q"),
    GGUFValueType.FLOAT64: struct.Struct("<d"),
}
_U32: Final = _SCALARS[GGUFValueType.UINT32]
_U64: Final = _SCALARS[GGUFValueType.UINT64]


@frozen
class ArrayAt:
    """An array in the file that was not read: its element type, length, and the byte offset of its first element."""

    type: GGUFValueType
    count: int
    offset: int


Scalar: TypeAlias = int | float | bool | str
Value: TypeAlias = Scalar | ArrayAt


@frozen
class Tensor:
    """What the header says of one tensor: numbers in it, its type's name, bytes it takes (0 if the type is unknown).

    `shape` has the innermost dimension first.
    """

    name: str
    shape: tuple[int, ...]
    count: int
    type: str
    bytes: int


class _Cursor:
    """A place in the file that moves on as things are read. Reading past the end raises struct.error."""

    __slots__ = ("at", "data")

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = len(MAGIC)

    def number(self, form: struct.Struct) -> int:
        (value,) = form.unpack_from(self.data, self.at)
        self.at += form.size
        return cast("int", value)

    def string(self) -> str:
        length = self.number(_U64)
        raw = self.data[self.at : self.at + length]
        if len(raw) < length:
            raise struct.error("string past the end")
        self.at += length
        return raw.decode("utf-8", "replace")

    def value(self, kind: GGUFValueType) -> Value:
        if kind == GGUFValueType.STRING:
            return self.string()
        if kind == GGUFValueType.ARRAY:
            return self.array()
        return self.number(_SCALARS[kind])

    def array(self) -> ArrayAt:
        """Note where the array is, and go behind it."""
        array = ArrayAt(GGUFValueType(self.number(_U32)), self.number(_U64), self.at)
        if array.type == GGUFValueType.STRING:
            unpack, data, at = _U64.unpack_from, self.data, self.at
            for _ in range(array.count):
                at += 8 + unpack(data, at)[0]
            self.at = at
        elif array.type == GGUFValueType.ARRAY:
            for _ in range(array.count):
                self.array()
        else:
            self.at += array.count * _SCALARS[array.type].size
        if self.at > len(self.data):
            raise struct.error("array past the end")
        return array


def walk(path: Path, data: mmap.mmap) -> tuple[dict[str, Value], list[Tensor], int]:
    """Return the key/value pairs, the tensors, and the byte offset at which the last tensor ends.

    Raises struct.error or OverflowError where a length leads past the end, ModelUnsupported for what cannot be read.
    """
    cursor = _Cursor(data)
    version = cursor.number(_U32)
    if version & 0xFFFF == 0:
        raise ModelUnsupported(path, "is a big-endian GGUF file", "Download the usual, little-endian one")
    if version not in VERSIONS:
        remedy = "Download a newer conversion of the model" if version < min(VERSIONS) else "Update this program"
        raise ModelUnsupported(path, f"has version {version} of the GGUF format", remedy)
    tensor_count, pair_count = cursor.number(_U64), cursor.number(_U64)
    metadata: dict[str, Value] = {}
    tensors: list[Tensor] = []
    end = 0
    try:
        for _ in range(pair_count):
            key = cursor.string()
            metadata[key] = cursor.value(GGUFValueType(cursor.number(_U32)))
    except ValueError as error:  # an unknown value type
        raise ModelUnsupported(path, f"has a damaged header ({error})", "Delete it and download it again") from error
    for _ in range(tensor_count):
        name = cursor.string()
        shape = tuple(cursor.number(_U64) for _ in range(cursor.number(_U32)))
        tensor = _tensor(name, shape, cursor.number(_U32))
        end = max(end, cursor.number(_U64) + tensor.bytes)
        tensors.append(tensor)
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise ModelUnsupported(path, f"has a damaged header (alignment {alignment})", "Delete it and download it again")
    start = -(-cursor.at // alignment) * alignment
    return metadata, tensors, start + end


def _tensor(name: str, shape: tuple[int, ...], type_number: int) -> Tensor:
    count = math.prod(shape)
    try:
        kind = GGMLQuantizationType(type_number)
    except ValueError:  # newer than the gguf package: its size is unknown, the engine may know better
        return Tensor(name, shape, count, f"type {type_number}", 0)
    block, block_bytes = GGML_QUANT_SIZES[kind]
    return Tensor(name, shape, count, kind.name, count // block * block_bytes)


def read_array(data: mmap.mmap, array: ArrayAt) -> list[str] | list[int] | list[float]:
    """Return the array's elements. Raises struct.error where the file has become too short for it."""
    if array.type == GGUFValueType.ARRAY:
        raise struct.error("an array of arrays")
    if array.type != GGUFValueType.STRING:
        form = _SCALARS[array.type].format[1:]
        return list(struct.unpack_from(f"<{array.count}{form}", data, array.offset))
    strings: list[str] = []
    unpack, at = _U64.unpack_from, array.offset
    for _ in range(array.count):
        length = unpack(data, at)[0]
        at += 8
        strings.append(data[at : at + length].decode("utf-8", "replace"))
        at += length
    return strings
