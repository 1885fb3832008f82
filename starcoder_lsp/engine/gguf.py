"""What a GGUF file says about itself, read from its header alone.

The numbers and names of the format come from the `gguf` package. Its reader, however, builds an array object for every
string, and takes 2.3 s for a vocabulary of 49,152 tokens; the walk below hops from length to length and takes some
20 ms. It maps the file and touches only the header's pages: tensor data is neither read nor copied.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from attrs import evolve, field, frozen
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType, LlamaFileType

from starcoder_lsp.engine.foreign import HEAD_BYTES, identify
from starcoder_lsp.errors import ModelNotFound, ModelNotReadable, ModelTruncated, ModelUnsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MAGIC: Final = b"GGUF"
VERSIONS: Final = (2, 3)
"""Version 1 had 32-bit lengths and was gone within a month (August 2023)."""

_DEFAULT_ALIGNMENT: Final = 32

NOT_DECODERS: Final = frozenset({
    "bert", "clip", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada", "llada-moe",
    "llama-embed", "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "t5", "t5encoder", "wavtokenizer-dec",
})  # fmt: skip
"""Architectures that do not write text from left to right: embeddings, vision, speech, encoder-decoders, diffusion."""

_NAMED_KEYS: Final = {
    "bos": ("bos_token_id",),
    "eos": ("eos_token_id",),
    "eot": ("eot_token_id",),
    "prefix": ("fim_pre_token_id", "prefix_token_id"),  # the second spelling is that of 2023
    "suffix": ("fim_suf_token_id", "suffix_token_id"),
    "middle": ("fim_mid_token_id", "middle_token_id"),
    "pad": ("fim_pad_token_id",),
    "repo": ("fim_rep_token_id",),
    "separator": ("fim_sep_token_id",),
}

_BOS_BY_DEFAULT: Final = frozenset({
    "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken", "chameleon",
})  # fmt: skip
"""Pre-tokenizers for which llama.cpp begins with <bos> unless the file says otherwise."""

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
class Vocabulary:
    """The tokenizer's tables; all but `merges` have one entry per token id.

    `types` are `gguf.TokenType` numbers, `scores` SentencePiece's; both are empty where the file has none.
    `merges` are `"left right"`, the best first.
    """

    tokens: list[str]
    types: list[int]
    scores: list[float]
    merges: list[str]


@frozen(kw_only=True)
class GGUFHeader:
    """A model file's description of itself. Lengths are in tokens, embeddings in numbers, files in bytes."""

    path: Path
    """The file to load; of a split model, its first part."""
    architecture: str
    name: str
    context_length: int
    embedding_length: int
    block_count: int
    head_count: int
    head_count_kv: int
    key_length: int
    """Numbers per head in a key; usually `embedding_length / head_count`."""
    value_length: int
    feed_forward_length: int
    vocab_size: int
    parameters: int
    file_bytes: int
    """Of all parts together."""
    tensor_count: int
    data_end: int
    """Where the last tensor of this part ends, a byte offset: a shorter file is truncated."""
    quantisation: str
    """Such as `Q4_K_M`; of files that do not say, the type that most of their bytes have."""
    sliding_window: int | None
    tokenizer_model: str
    """`gpt2` (byte-level BPE), `llama` (SentencePiece), ..."""
    tokenizer_pre: str | None
    """Which rule cuts text into words before BPE; files of 2023 do not say."""
    add_space_prefix: bool
    named_ids: Mapping[str, int]
    """The special tokens that the file names, those it has of `bos`, `eos`, `eot`, `prefix`, `suffix`, `middle`, `pad`,
    `repo` and `separator`. `bos` is there only if every text of this model begins with it."""
    metadata: Mapping[str, Value] = field(repr=False)

    def vocabulary(self) -> Vocabulary:
        """Read the tokenizer's tables: some 50 ms for 49,152 tokens, and not kept.

        Raises ModelUnsupported if the file has none.
        """
        arrays = {
            name: self.metadata.get(f"tokenizer.ggml.{name}") for name in ("tokens", "token_type", "scores", "merges")
        }
        if not isinstance(arrays["tokens"], ArrayAt):
            raise ModelUnsupported(self.path, "has no vocabulary", "Convert the model again, with its tokenizer")
        with _mapped(self.path) as data:
            tables = {name: _read_array(data, at) for name, at in arrays.items() if isinstance(at, ArrayAt)}
        return Vocabulary(
            tokens=cast("list[str]", tables["tokens"]),
            types=cast("list[int]", tables.get("token_type", [])),
            scores=cast("list[float]", tables.get("scores", [])),
            merges=cast("list[str]", tables.get("merges", [])),
        )


def read_header(path: Path, *, vocabulary_only: bool = False) -> GGUFHeader:
    """Read what the file at `path` says about itself, in some 25 ms, and check that nothing of it is missing.

    Of a model split into `-00001-of-0000N` parts, any part may be named: all are checked, and the first one's header is
    returned. `vocabulary_only` accepts files without tensors.

    Raises a ModelError: ModelNotFound, ModelNotReadable, ModelForeign, ModelTruncated or ModelUnsupported.
    """
    parts = _parts(path)
    missing = [part.name for part in parts if not part.exists()]
    if missing:
        raise ModelNotFound(path, missing if len(parts) > 1 else ())
    headers = [_read_part(part) for part in parts]
    header = evolve(
        headers[0],
        file_bytes=sum(part.file_bytes for part in headers),
        parameters=sum(part.parameters for part in headers),
        tensor_count=sum(part.tensor_count for part in headers),
    )
    if not vocabulary_only:
        _require_decoder(header)
    return header


def _parts(path: Path) -> list[Path]:
    """All files of the model, in order; for a model in one piece, `path` alone."""
    match = re.fullmatch(r"(.*)-(\d{5})-of-(\d{5})\.gguf", path.name)
    if not match:
        return [path]
    stem, count = match[1], int(match[3])
    return [path.with_name(f"{stem}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]


def _require_decoder(header: GGUFHeader) -> None:
    advice = "Choose a language model for code, such as StarCoder2-3B"
    kind = header.metadata.get("general.type", "model")
    if kind != "model":
        raise ModelUnsupported(header.path, f"is no language model by itself (its type is {kind!r})", advice)
    if header.architecture in NOT_DECODERS:
        raise ModelUnsupported(header.path, f"({header.architecture}) does not produce text from left to right", advice)
    if not header.tensor_count:
        raise ModelUnsupported(header.path, "holds a vocabulary only, no weights", advice)
    if not (header.block_count and header.embedding_length and header.head_count and header.context_length):
        raise ModelUnsupported(header.path, "does not state its dimensions", "Download another conversion of it")


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file's bytes, read-only and unread. An empty file cannot be mapped (ValueError)."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    except OSError as error:
        raise ModelNotReadable(path, error.strerror or str(error)) from error


def _read_part(path: Path) -> GGUFHeader:
    """The header of one file, its completeness checked."""
    if not path.is_file():  # before opening it: a named pipe would make us wait for ever
        raise ModelNotReadable(path, "it is a directory" if path.is_dir() else "it is not a regular file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise ModelNotReadable(path, error.strerror or str(error)) from error
    if head[:4] != MAGIC:
        raise identify(path, head)
    with _mapped(path) as data:
        try:
            metadata, tensors, end = _walk(path, data)
        except (struct.error, OverflowError) as error:  # a length led past the end
            raise ModelTruncated(path, expected=None, actual=size) from error
    if tensors and end > size:
        raise ModelTruncated(path, expected=end, actual=size)
    return _describe(path, size, metadata, tensors, end)


@frozen
class _Tensor:
    """What the header says of one tensor: numbers in it, its type's name, bytes it takes (0 if the type is unknown)."""

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
        return array


def _walk(path: Path, data: mmap.mmap) -> tuple[dict[str, Value], list[_Tensor], int]:
    """The key/value pairs, the tensors, and the byte offset at which the last tensor ends."""
    cursor = _Cursor(data)
    version = cursor.number(_U32)
    if version & 0xFFFF == 0:
        raise ModelUnsupported(path, "is a big-endian GGUF file", "Download the usual, little-endian one")
    if version not in VERSIONS:
        remedy = "Download a newer conversion of the model" if version < min(VERSIONS) else "Update this program"
        raise ModelUnsupported(path, f"has version {version} of the GGUF format", remedy)
    tensor_count, pair_count = cursor.number(_U64), cursor.number(_U64)
    metadata: dict[str, Value] = {}
    tensors: list[_Tensor] = []
    end = 0
    try:
        for _ in range(pair_count):
            key = cursor.string()
            metadata[key] = cursor.value(GGUFValueType(cursor.number(_U32)))
    except ValueError as error:  # an unknown value type
        raise ModelUnsupported(path, f"has a damaged header ({error})", "Delete it and download it again") from error
    for _ in range(tensor_count):
        cursor.string()
        shape = [cursor.number(_U64) for _ in range(cursor.number(_U32))]
        tensor = _tensor(cursor.number(_U32), math.prod(shape))
        end = max(end, cursor.number(_U64) + tensor.bytes)
        tensors.append(tensor)
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise ModelUnsupported(path, f"has a damaged header (alignment {alignment})", "Delete it and download it again")
    start = -(-cursor.at // alignment) * alignment
    return metadata, tensors, start + end


def _tensor(type_number: int, count: int) -> _Tensor:
    try:
        kind = GGMLQuantizationType(type_number)
    except ValueError:  # newer than the gguf package: its size is unknown, the engine may know better
        return _Tensor(count, f"type {type_number}", 0)
    block, block_bytes = GGML_QUANT_SIZES[kind]
    return _Tensor(count, kind.name, count // block * block_bytes)


def _read_array(data: mmap.mmap, array: ArrayAt) -> list[str] | list[int] | list[float]:
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


def _describe(path: Path, size: int, metadata: dict[str, Value], tensors: list[_Tensor], end: int) -> GGUFHeader:
    architecture = str(metadata.get("general.architecture", ""))
    tokenizer_model = str(metadata.get("tokenizer.ggml.model", ""))
    pre = metadata.get("tokenizer.ggml.pre")

    def shape(key: str, default: int = 0) -> int:
        value = metadata.get(f"{architecture}.{key}", default)
        if isinstance(value, ArrayAt):  # one number per layer: the largest, to be on the safe side with memory
            with _mapped(path) as data:
                return int(max(cast("list[int]", _read_array(data, value)), default=default))
        return int(value)

    def token(*keys: str) -> int | None:
        found = [metadata.get(f"tokenizer.ggml.{key}") for key in keys]
        return next((value for value in found if isinstance(value, int)), None)

    tokens = metadata.get("tokenizer.ggml.tokens")
    heads = shape("attention.head_count")
    head_length = shape("embedding_length") // heads if heads else 0
    is_sentencepiece = tokenizer_model == "llama"
    add_bos = bool(metadata.get("tokenizer.ggml.add_bos_token", is_sentencepiece or pre in _BOS_BY_DEFAULT))
    named = {role: token(*keys) for role, keys in _NAMED_KEYS.items()}
    if not add_bos:
        del named["bos"]
    return GGUFHeader(
        path=path,
        architecture=architecture,
        name=str(metadata.get("general.name", path.stem)),
        context_length=shape("context_length"),
        embedding_length=shape("embedding_length"),
        block_count=shape("block_count"),
        head_count=heads,
        head_count_kv=shape("attention.head_count_kv", heads),
        key_length=shape("attention.key_length", head_length),
        value_length=shape("attention.value_length", head_length),
        feed_forward_length=shape("feed_forward_length"),
        vocab_size=tokens.count if isinstance(tokens, ArrayAt) else shape("vocab_size"),
        parameters=sum(tensor.count for tensor in tensors),
        file_bytes=size,
        tensor_count=len(tensors),
        data_end=end,
        quantisation=_quantisation(metadata.get("general.file_type"), tensors),
        sliding_window=shape("attention.sliding_window") or None,
        tokenizer_model=tokenizer_model,
        tokenizer_pre=pre if isinstance(pre, str) else None,
        add_space_prefix=bool(metadata.get("tokenizer.ggml.add_space_prefix", is_sentencepiece)),
        named_ids={role: number for role, number in named.items() if number is not None},
        metadata=metadata,
    )


def _quantisation(file_type: Value | None, tensors: list[_Tensor]) -> str:
    try:
        return LlamaFileType(cast("int", file_type)).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    except ValueError:
        weight = Counter[str]()
        for tensor in tensors:
            weight[tensor.type] += tensor.bytes
        return weight.most_common(1)[0][0] if weight else "unknown"
