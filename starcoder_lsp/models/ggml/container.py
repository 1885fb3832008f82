"""The GGML file of 2023 that ctransformers opens as `gpt_bigcode`: its layout, its checks, and how to write one.

A GGML file has no table of contents: hyperparameters, vocabulary, then tensors one behind the other until the file
ends. The native loader trusts every number in it. A truncated file loads with random weights behind the cut, a number
of dimensions above two overwrites the stack, and a missing tensor goes unnoticed. So everything is checked here, and
native code sees a file only after `read_container` found all of its tensors, each where and as large as it should be.

::

    uint32 magic "ggml"    int32 n_vocab, n_ctx, n_embd, n_head, n_layer, ftype (+ 1000 * quantisation version)
    int32 n_vocab          then for each token: uint32 length, raw bytes
    for each tensor:       int32 n_dims, name length, type; int32 dims, innermost first; name; data

Read from `models/llms/starcoder.cc` of ctransformers 0.2.27 and `examples/starcoder` of ggml.
"""

from __future__ import annotations

import math
import os
import struct
from typing import IO, TYPE_CHECKING, Final

from attrs import field, frozen
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from starcoder_lsp.errors import ModelTruncated, ModelUnsupported
from starcoder_lsp.models.foreign import HEAD_BYTES, identify
from starcoder_lsp.models.regular import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAGIC: Final = b"lmgg"
"""The number 0x67676d6c, "ggml", as a little-endian machine writes it."""

QUANTISATION_VERSION: Final = 2
"""Since June 2023. Older quantised files have other block layouts, which the library reads as noise."""

_F32: Final = GGMLQuantizationType.F32

FILE_TYPES: Final = {
    0: GGMLQuantizationType.F32,
    1: GGMLQuantizationType.F16,
    2: GGMLQuantizationType.Q4_0,
    3: GGMLQuantizationType.Q4_1,
    7: GGMLQuantizationType.Q8_0,
    8: GGMLQuantizationType.Q5_0,
    9: GGMLQuantizationType.Q5_1,
    10: GGMLQuantizationType.Q2_K,
    11: GGMLQuantizationType.Q3_K,
    12: GGMLQuantizationType.Q4_K,
    13: GGMLQuantizationType.Q5_K,
    14: GGMLQuantizationType.Q6_K,
}
"""`ftype` numbers and the one type that all matrices of such a file have (`ggml_ftype_to_ggml_type`)."""

_NUMBER_OF: Final = {kind: number for number, kind in FILE_TYPES.items()}
_UNQUANTISED: Final = frozenset({GGMLQuantizationType.F32, GGMLQuantizationType.F16})
_VERSION_FACTOR: Final = 1000
_LONGEST_TOKEN: Final = 1024
"""Bytes. StarCoder's longest token has 256 (spaces); a longer one means that this is no vocabulary."""
_DIMENSIONS: Final = 2

_LIMITS: Final = {"tokens": 1 << 20, "context": 1 << 20, "width": 1 << 16, "heads": 1 << 10, "layers": 1 << 10}
"""Numbers beyond these are no hyperparameters of a model of this kind, but something else's bytes."""

_WHAT_TO_DO: Final = "Download the model's GGUF file and use the engine llama.cpp"


@frozen
class TensorSpec:
    """A tensor as the loader expects it: `dims` innermost first, `size` in bytes."""

    name: str
    dims: tuple[int, ...]
    type: GGMLQuantizationType

    @property
    def count(self) -> int:
        """Numbers in it."""
        return math.prod(self.dims)

    @property
    def size(self) -> int:
        """Bytes of its data."""
        block, block_bytes = GGML_QUANT_SIZES[self.type]
        return self.count // block * block_bytes

    @property
    def head_size(self) -> int:
        """Bytes of what stands in front of its data."""
        return 12 + 4 * len(self.dims) + len(self.name.encode())


@frozen
class Shape:
    """A `gpt_bigcode` model's hyperparameters; `weights` is the type of its matrices."""

    vocab: int
    context: int
    width: int
    heads: int
    layers: int
    weights: GGMLQuantizationType

    @property
    def cache_bytes_per_token(self) -> int:
        """What the key/value cache takes for a token: float32, a key and a value in every layer, all heads in full."""
        return 2 * 4 * self.width * self.layers

    def tensors(self, *, tied: bool) -> Iterator[TensorSpec]:
        """Yield every tensor, in the order in which they are written. A `tied` model has no `model/lm_head`."""
        width, matrix = self.width, self.weights
        yield TensorSpec("model/ln_f/g", (width,), _F32)
        yield TensorSpec("model/ln_f/b", (width,), _F32)
        yield TensorSpec("model/wte", (width, self.vocab), matrix)
        yield TensorSpec("model/wpe", (width, self.context), _F32)
        if not tied:
            yield TensorSpec("model/lm_head", (width, self.vocab), matrix)
        for layer in range(self.layers):
            here = f"model/h{layer}"
            for norm in ("ln_1", "ln_2"):
                yield TensorSpec(f"{here}/{norm}/g", (width,), _F32)
                yield TensorSpec(f"{here}/{norm}/b", (width,), _F32)
            for name, inner, outer in (
                ("attn/c_attn", width, 3 * width),
                ("attn/c_proj", width, width),
                ("mlp/c_fc", width, 4 * width),
                ("mlp/c_proj", 4 * width, width),
            ):
                yield TensorSpec(f"{here}/{name}/w", (inner, outer), matrix)
                yield TensorSpec(f"{here}/{name}/b", (outer,), _F32)


@frozen
class Container:
    """A GGML file that was read up to its weights, and found whole."""

    path: Path
    shape: Shape
    vocabulary: tuple[bytes, ...] = field(repr=False)
    file_bytes: int
    tied: bool
    """Whether the output matrix is the embedding, of which the loader then makes a copy."""

    @property
    def weight_bytes(self) -> int:
        """What the weights take in memory."""
        return sum(tensor.size for tensor in self.shape.tensors(tied=False))


def read_container(path: Path) -> Container:
    """Read what stands before and between the weights, and check that the file is whole: some 40 ms.

    Raises a ModelError: ModelNotFound, ModelNotReadable, ModelForeign (not a GGML file), ModelTruncated, or
    ModelUnsupported (a GGML file of another model, or of an older kind).
    """
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEAD_BYTES)
        if head[: len(MAGIC)] != MAGIC:
            raise identify(path, head)
        file.seek(len(MAGIC))
        return _Reader(path, file, size).read()


def write_head(stream: IO[bytes], shape: Shape, vocabulary: Sequence[bytes]) -> None:
    """Write all that stands before the tensors."""
    quantised = shape.weights not in _UNQUANTISED
    file_type = _NUMBER_OF[shape.weights] + (QUANTISATION_VERSION * _VERSION_FACTOR if quantised else 0)
    numbers = (shape.vocab, shape.context, shape.width, shape.heads, shape.layers, file_type, len(vocabulary))
    stream.write(MAGIC + struct.pack("<7i", *numbers))
    stream.write(b"".join(struct.pack("<I", len(token)) + token for token in vocabulary))


def write_tensor_head(stream: IO[bytes], tensor: TensorSpec) -> None:
    """Write what stands before a tensor's data."""
    name = tensor.name.encode()
    dims = struct.pack(f"<{len(tensor.dims)}i", *tensor.dims)
    stream.write(struct.pack("<3i", len(tensor.dims), len(name), int(tensor.type)) + dims + name)


def container_bytes(shape: Shape, vocabulary: Sequence[bytes], *, tied: bool) -> int:
    """Return how large a file with these contents is."""
    head = len(MAGIC) + 7 * 4 + sum(4 + len(token) for token in vocabulary)
    return head + sum(tensor.head_size + tensor.size for tensor in shape.tensors(tied=tied))


class _Reader:
    """Walks through one open file, behind its magic."""

    def __init__(self, path: Path, file: IO[bytes], size: int) -> None:
        self._path = path
        self._file = file
        self._size = size

    def read(self) -> Container:
        shape = self._shape()
        vocabulary = self._vocabulary(shape)
        tied = self._tensors(shape)
        return Container(self._path, shape, vocabulary, self._size, tied)

    def _take(self, form: str) -> tuple[int, ...]:
        raw = self._file.read(struct.calcsize(form))
        if len(raw) < struct.calcsize(form):
            raise ModelTruncated(self._path, expected=None, actual=self._size)
        return struct.unpack(form, raw)

    def _other(self, why: str) -> ModelUnsupported:
        problem = f"is a GGML file, but not one of a StarCoder model ({why})"
        return ModelUnsupported(self._path, problem, _WHAT_TO_DO)

    def _shape(self) -> Shape:
        vocab, context, width, heads, layers, file_type = self._take("<6i")
        numbers = {"tokens": vocab, "context": context, "width": width, "heads": heads, "layers": layers}
        for name, number in numbers.items():
            if not 0 < number <= _LIMITS[name]:
                raise self._other(f"its header says {name} = {number}")
        version, number = divmod(file_type, _VERSION_FACTOR)
        kind = FILE_TYPES.get(number)
        if kind is None or width % heads:
            raise self._other(f"its header says file type {file_type}, width {width}, {heads} heads")
        if kind not in _UNQUANTISED and version != QUANTISATION_VERSION:
            raise ModelUnsupported(
                self._path,
                f"is quantised in format {version} of GGML, from before June 2023, which nothing reads any more",
                _WHAT_TO_DO,
            )
        if width % GGML_QUANT_SIZES[kind][0]:
            raise self._other(f"rows of {width} numbers cannot be stored as {kind.name}")
        return Shape(vocab, context, width, heads, layers, kind)

    def _vocabulary(self, shape: Shape) -> tuple[bytes, ...]:
        (count,) = self._take("<i")
        if count != shape.vocab:
            raise self._other(f"its header says {shape.vocab} tokens and its vocabulary {count}")
        tokens: list[bytes] = []
        for _ in range(count):
            (length,) = self._take("<I")
            if length > _LONGEST_TOKEN:
                raise self._other(f"its vocabulary has a token of {length} bytes")
            tokens.append(self._file.read(length))
        return tuple(tokens)

    def _tensors(self, shape: Shape) -> bool:
        """Check every tensor; return whether the output matrix is missing, as it is where it equals the embedding."""
        wanted = {tensor.name: tensor for tensor in shape.tensors(tied=False)}
        at = self._file.tell()
        while at < self._size:
            tensor = self._tensor(wanted)
            at += tensor.head_size + tensor.size
            self._file.seek(at)
        tied = "model/lm_head" in wanted
        missing = sum(tensor.head_size + tensor.size for tensor in wanted.values() if tensor.name != "model/lm_head")
        if at > self._size or missing:
            raise ModelTruncated(self._path, expected=at + missing, actual=self._size)
        return tied

    def _tensor(self, wanted: dict[str, TensorSpec]) -> TensorSpec:
        """Read one tensor's head and take the tensor off the list of those that are wanted."""
        dimensions, length, kind = self._take("<3i")
        if not 0 < dimensions <= _DIMENSIONS or not 0 < length <= _LONGEST_TOKEN:
            raise self._other(f"one of its tensors has {dimensions} dimensions and a name of {length} bytes")
        dims = self._take(f"<{dimensions}i")
        name = self._file.read(length).decode("utf-8", "replace")
        tensor = wanted.pop(name, None)
        if tensor is None:
            raise self._other(f"its tensor {name!r} is not one of StarCoder's, or is there twice")
        if (dims, kind) != (tensor.dims, tensor.type):
            raise self._other(f"its tensor {name} has dimensions {dims} and type {kind}, not {tensor.dims}")
        return tensor
