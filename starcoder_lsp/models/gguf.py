"""What a GGUF file says about itself, read from its header alone (`models.gguf_format`), and checked."""

from __future__ import annotations

import mmap
import re
import struct
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

from attrs import evolve, field, frozen
from gguf.constants import GGUFValueType, LlamaFileType

from starcoder_lsp.errors import ModelNotFound, ModelTruncated, ModelUnsupported
from starcoder_lsp.models.foreign import HEAD_BYTES, identify
from starcoder_lsp.models.gguf_format import MAGIC, ArrayAt, read_array, walk
from starcoder_lsp.models.regular import opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from starcoder_lsp.models.gguf_format import Tensor, Value

NOT_DECODERS: Final = frozenset({
    "bert", "clip", "dream", "eurobert", "gemma-embedding", "jina-bert-v2", "jina-bert-v3", "llada", "llada-moe",
    "llama-embed", "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "t5", "t5encoder", "wavtokenizer-dec",
})  # fmt: skip
"""Architectures that do not write text from left to right: embeddings, vision, speech, encoder-decoders, diffusion."""

_LEAST_CONTEXT: Final = 64
"""Tokens: a prompt of some lines and a suggestion."""

_MOST_OF_ANY: Final = 2**24
_MOST: Final = {"context_length": 2**31 - 1, "block_count": 512}
"""What a header may claim. llama.cpp takes a longer context for a negative one, and ends the process; it has room for
512 layers (`LLAMA_MAX_LAYERS`)."""

_TEXTS: Final = frozenset({GGUFValueType.STRING})
_FLOATS: Final = frozenset({GGUFValueType.FLOAT32, GGUFValueType.FLOAT64})
_INTEGERS: Final = frozenset(GGUFValueType) - _TEXTS - _FLOATS - {GGUFValueType.BOOL, GGUFValueType.ARRAY}

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
    quantisation: str
    """Such as `Q4_K_M`; of files that do not say, the type that most of their bytes have."""
    tokenizer_model: str
    """`gpt2` (byte-level BPE), `llama` (SentencePiece), ..."""
    tokenizer_pre: str | None
    """Which rule cuts text into words before BPE; files of 2023 do not say."""
    named_ids: Mapping[str, int]
    """The special tokens that the file names, those it has of `bos`, `eos`, `eot`, `prefix`, `suffix`, `middle`, `pad`,
    `repo` and `separator`. `bos` is there only if every text of this model begins with it."""
    metadata: Mapping[str, Value] = field(repr=False)

    @property
    def is_recurrent(self) -> bool:
        """Whether some of its layers keep a state that cannot be taken back to an earlier token."""
        return any(self.metadata.get(f"{self.architecture}.{key}") for key in _RECURRENT)

    def vocabulary(self) -> Vocabulary:
        """Read the tokenizer's tables: some 50 ms for 49,152 tokens, and not kept.

        Raises ModelUnsupported if the file has none, ModelTruncated if it was cut off since its header was read.
        """
        kinds = {"tokens": _TEXTS, "token_type": _INTEGERS, "scores": _FLOATS, "merges": _TEXTS}
        arrays = {name: self.metadata.get(f"tokenizer.ggml.{name}") for name in kinds}
        if not isinstance(arrays["tokens"], ArrayAt):
            raise ModelUnsupported(self.path, "has no vocabulary", "Convert the model again, with its tokenizer")
        for name, at in arrays.items():
            if isinstance(at, ArrayAt) and at.type not in kinds[name]:
                raise _damaged(self.path, f"tokenizer.ggml.{name} holds {at.type.name} values")
        with _mapped(self.path) as data:
            tables = {name: read_array(data, at) for name, at in arrays.items() if isinstance(at, ArrayAt)}
        return Vocabulary(
            tokens=cast("list[str]", tables["tokens"]),
            types=cast("list[int]", tables.get("token_type", [])),
            scores=cast("list[float]", tables.get("scores", [])),
            merges=cast("list[str]", tables.get("merges", [])),
        )


_RECURRENT: Final = frozenset(
    {"ssm.state_size", "ssm.inner_size", "wkv.head_size", "shortconv.l_cache", "kda.head_dim"}
)
"""Keys of layers that have one state instead of a cache: Mamba, Granite-H, Qwen3-Next; RWKV; LFM2; Kimi Linear."""


def read_header(path: Path, *, vocabulary_only: bool = False) -> GGUFHeader:
    """Read what the file at `path` says about itself, in some 25 ms, and check that nothing of it is missing.

    Of a model split into `-00001-of-0000N` parts, any part may be named: all are checked, and the first one's header is
    returned. `vocabulary_only` accepts files without tensors.

    Raises a ModelError: ModelNotFound, ModelNotReadable, ModelForeign, ModelTruncated or ModelUnsupported.
    """
    parts = part_paths(path)
    missing = [part.name for part in parts if not _is_there(part)]
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


def read_parts(path: Path) -> tuple[dict[str, Value], dict[str, Tensor]]:
    """Return the key/value pairs of one GGUF file of any type, and its tensors by name.

    Raises a ModelError, as `read_header` does, for what is not whole too.
    """
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
    if head[:4] != MAGIC:
        raise identify(path, head)
    with _mapped(path) as data:
        metadata, tensors, end = walk(path, data)
        if tensors and end > len(data):
            raise ModelTruncated(path, expected=end, actual=len(data))
        return metadata, {tensor.name: tensor for tensor in tensors}


def part_paths(path: Path) -> list[Path]:
    """Return all files of the model, in order; for a model in one piece, `path` alone."""
    match = re.fullmatch(r"(.*)-(\d{5})-of-(\d{5})\.gguf", path.name)
    if not match or not 1 <= int(match[2]) <= int(match[3]):
        return [path]
    stem, count = match[1], int(match[3])
    return [path.with_name(f"{stem}-{number:05}-of-{count:05}.gguf") for number in range(1, count + 1)]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have: opening it says why
        return True


def _require_decoder(header: GGUFHeader) -> None:
    advice = "Choose a language model for code, such as StarCoder2-3B"
    kind = header.metadata.get("general.type", "model")
    if kind != "model":
        raise ModelUnsupported(header.path, f"is no language model by itself (its type is {kind!r})", advice)
    if header.architecture in NOT_DECODERS:
        raise ModelUnsupported(header.path, f"({header.architecture}) does not produce text from left to right", advice)
    if not header.tensor_count:
        raise ModelUnsupported(header.path, "holds a vocabulary only, no weights", advice)
    heads = header.head_count or header.is_recurrent
    if not (header.block_count and header.embedding_length and heads and header.context_length):
        raise ModelUnsupported(header.path, "does not state its dimensions", "Download another conversion of it")
    if header.context_length < _LEAST_CONTEXT:
        problem = f"states a context of {header.context_length} tokens, too short to complete anything"
        raise ModelUnsupported(header.path, problem, "Download another conversion of it")


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    """The file's bytes, read-only and unread. What leads past their end (struct.error) is ModelTruncated."""
    with opened(path) as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
        except (struct.error, OverflowError) as error:
            raise ModelTruncated(path, expected=None, actual=path.stat().st_size) from error


def _read_part(path: Path) -> GGUFHeader:
    """The header of one file, its completeness checked."""
    with opened(path) as file:
        head = file.read(HEAD_BYTES)
    if head[:4] != MAGIC:
        raise identify(path, head)
    with _mapped(path) as data:
        size = len(data)
        metadata, tensors, end = walk(path, data)
        if tensors and end > size:
            raise ModelTruncated(path, expected=end, actual=size)
        return _describe(path, data, metadata, tensors)


def _damaged(path: Path, what: str) -> ModelUnsupported:
    return ModelUnsupported(path, f"has a damaged header ({what})", "Delete it and download it again")


def _describe(path: Path, data: mmap.mmap, metadata: dict[str, Value], tensors: list[Tensor]) -> GGUFHeader:
    architecture = str(metadata.get("general.architecture", ""))
    tokenizer_model = str(metadata.get("tokenizer.ggml.model", ""))
    pre = metadata.get("tokenizer.ggml.pre")

    def shape(key: str, default: int = 0) -> int:
        value = metadata.get(f"{architecture}.{key}", default)
        if isinstance(value, ArrayAt):  # one number per layer: the largest, to be on the safe side with memory
            value = max(read_array(data, value), default=default) if value.type in _INTEGERS else "an array"
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST.get(key, _MOST_OF_ANY):
            raise _damaged(path, f"{architecture}.{key} is {value!r:.60}")
        return value

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
        file_bytes=len(data),
        tensor_count=len(tensors),
        quantisation=_quantisation(metadata.get("general.file_type"), tensors),
        tokenizer_model=tokenizer_model,
        tokenizer_pre=pre if isinstance(pre, str) else None,
        named_ids={role: number for role, number in named.items() if number is not None},
        metadata=metadata,
    )


def _quantisation(file_type: Value | None, tensors: list[Tensor]) -> str:
    try:
        return LlamaFileType(cast("int", file_type)).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    except ValueError:
        weight = Counter[str]()
        for tensor in tensors:
            weight[tensor.type] += tensor.bytes
        return weight.most_common(1)[0][0] if weight else "unknown"
