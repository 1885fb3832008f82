"""A StarCoder GGUF file as ctransformers can open it: repacked once into GGML, and kept in a cache folder.

ctransformers' llama.cpp is of 2023 and opens no StarCoder GGUF; its own `gpt_bigcode` code opens the same weights in a
GGML container. What changes on the way:

- StarCoder's single key and value head is repeated for every query head, as the loader expects it. Quantised rows are
  repeated as they are, without rounding.
- All matrices get one type (`engine.requantise`).
- Position embeddings become float32.

The file appears under its name only when it is complete, so a crash leaves none that is half. Two processes that want
the same file: one repacks, the other waits. Weights pass through a few rows at a time: 98 MB of memory for a
1B model (measured), besides the mapped source.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import shutil
from typing import IO, TYPE_CHECKING, Final, TypeAlias

import gguf
import numpy as np
import platformdirs
from attrs import frozen
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

from starcoder_lsp.engine.file_lock import locked
from starcoder_lsp.engine.requantise import dequantise, requantise, target_type
from starcoder_lsp.errors import ModelError, ModelUnsupported
from starcoder_lsp.models.byte_alphabet import token_bytes
from starcoder_lsp.models.ggml import container as ggml
from starcoder_lsp.models.memory import human

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from starcoder_lsp.models.gguf import GGUFHeader

log = logging.getLogger(__name__)

Progress: TypeAlias = "Callable[[int, int], None]"
"""Called with (bytes written, bytes in all) some times a second; an exception from it ends the repacking."""

_FORMAT: Final = 1
"""Raise it whenever the same source gives another file: caches of older versions are then made again."""

_NUMBERS_AT_ONCE: Final = 1 << 22
"""Converted together: 16 MiB as float32, and a few times that in the `gguf` package's intermediate results."""

_SPARE_BYTES: Final = 256 * 2**20
"""Left free on the disk of the cache folder."""

_HEAD_BYTES: Final = 1 << 20
"""How much of the beginning of a model goes into its identity: its hyperparameters, a part of its vocabulary."""

_EPSILON: Final = 1e-5
"""The layer norms' epsilon that is fixed in the library."""

_LLAMA: Final = "Use the engine llama.cpp, which opens the file as it is"

_NAMES: Final = {
    "token_embd.weight": "model/wte",
    "position_embd.weight": "model/wpe",
    "output.weight": "model/lm_head",
    "output_norm.weight": "model/ln_f/g",
    "output_norm.bias": "model/ln_f/b",
}
_LAYER_NAMES: Final = {
    "attn_norm.weight": "ln_1/g",
    "attn_norm.bias": "ln_1/b",
    "ffn_norm.weight": "ln_2/g",
    "ffn_norm.bias": "ln_2/b",
    "attn_qkv.weight": "attn/c_attn/w",
    "attn_qkv.bias": "attn/c_attn/b",
    "attn_output.weight": "attn/c_proj/w",
    "attn_output.bias": "attn/c_proj/b",
    "ffn_up.weight": "mlp/c_fc/w",
    "ffn_up.bias": "mlp/c_fc/b",
    "ffn_down.weight": "mlp/c_proj/w",
    "ffn_down.bias": "mlp/c_proj/b",
}


def cache_folder() -> Path:
    """Return where repacked models are kept: `repacked` in the program's cache folder."""
    return platformdirs.user_cache_path("starcoder-lsp", appauthor=False) / "repacked"


def repacked_path(header: GGUFHeader, folder: Path | None = None) -> Path:
    """Return where the repacked copy of the file is, or would be: its name holds the source's identity."""
    return (folder or cache_folder()) / f"{_family(header)}{_identity(header)}.ggml"


def repack(header: GGUFHeader, *, progress: Progress | None = None, folder: Path | None = None) -> Path:
    """Return the path of the repacked copy, made now unless it is there already.

    A 1B model takes some 5 s, 25 s if it is requantised. Older copies of the same file are removed.

    Raises:
        ModelUnsupported: another architecture, or a shape that the library does not know.
        ModelError: no space or no permission in the cache folder.
    """
    _check(header)
    target = repacked_path(header, folder)
    if _is_whole(target):
        return target

    def waiting() -> None:
        if progress is not None:
            progress(0, header.file_bytes)

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.with_suffix(".lock"), waiting=waiting):
            if not _is_whole(target):  # nobody else made it while we waited
                _make(header, target, progress or (lambda _done, _total: None))
    except OSError as error:
        problem = f"could not be repacked for ctransformers into {target.parent} ({error.strerror or error})"
        raise ModelError(header.path, problem, _LLAMA) from error
    return target


def _is_whole(target: Path) -> bool:
    """Whether a copy is there that can be used. A damaged one is no fault of the user's: it is made again."""
    if not target.exists():
        return False
    try:
        ggml.read_container(target)
    except ModelError as error:
        log.warning("A repacked copy is damaged and is made again. %s", error)
        return False
    return True


def _check(header: GGUFHeader) -> None:
    """Refuse what the library cannot run."""
    if header.architecture == "starcoder2":
        problem = (
            "is a StarCoder2 model, and ctransformers knows only the first StarCoder:"
            " not the rotary positions, grouped heads and sliding window of the second"
        )
        raise ModelUnsupported(header.path, problem, _LLAMA)
    if header.architecture != "starcoder":
        problem = f"is a {header.architecture} model, and the engine ctransformers runs only StarCoder's"
        raise ModelUnsupported(header.path, problem, _LLAMA)
    width, heads, shared = header.embedding_length, header.head_count, header.head_count_kv
    epsilon = header.metadata.get("starcoder.attention.layer_norm_epsilon", _EPSILON)
    odd = None
    if not heads or not shared or width % heads or heads % shared:
        odd = f"{heads} heads that share {shared} keys, {width} wide"
    elif header.feed_forward_length != 4 * width:
        odd = f"feed-forward layers {header.feed_forward_length} wide"
    elif not isinstance(epsilon, float) or not math.isclose(epsilon, _EPSILON, rel_tol=1e-3):
        odd = f"a norm with epsilon {epsilon}"
    if odd:
        raise ModelUnsupported(header.path, f"has a shape that ctransformers does not know: {odd}", _LLAMA)


def _family(header: GGUFHeader) -> str:
    """The beginning of the names of all copies of this file: `model-0123abcd-`."""
    where = hashlib.sha256(os.fsencode(header.path.resolve())).hexdigest()[:8]
    return f"{header.path.stem}-{where}-"


def _identity(header: GGUFHeader) -> str:
    stat = header.path.stat()
    digest = hashlib.sha256(f"{_FORMAT} {stat.st_size} {stat.st_mtime_ns} ".encode())
    with header.path.open("rb") as file:
        digest.update(file.read(_HEAD_BYTES))
    return digest.hexdigest()[:16]


@frozen
class _Job:
    """What to write, and from what."""

    header: GGUFHeader
    shape: ggml.Shape
    tensors: dict[str, gguf.ReaderTensor]
    vocabulary: list[bytes]

    @property
    def tied(self) -> bool:
        return "model/lm_head" not in self.tensors

    @property
    def bytes(self) -> int:
        return ggml.container_bytes(self.shape, self.vocabulary, tied=self.tied)


def _make(header: GGUFHeader, target: Path, progress: Progress) -> None:
    """Write the copy beside its place, check it, and move it there. The lock is held."""
    job = _plan(header)
    free = shutil.disk_usage(target.parent).free
    if free < job.bytes + _SPARE_BYTES:
        problem = (
            f"cannot be repacked for ctransformers: the copy takes {human(job.bytes)},"
            f" and {target.parent} has {human(free)} free"
        )
        raise ModelError(header.path, problem, f"Make room there. {_LLAMA}")
    log.info("Repacking %s for ctransformers: %s in %s", header.path, human(job.bytes), job.shape.weights.name)
    partial = target.with_suffix(".part")  # one that a crash left is written over
    try:
        with partial.open("wb") as stream:
            _write(job, stream, progress)
            stream.flush()
            os.fsync(stream.fileno())
        ggml.read_container(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    for older in target.parent.glob(f"{_glob_escape(_family(header))}*.ggml"):
        if older != target:
            _discard(older)


def _plan(header: GGUFHeader) -> _Job:
    reader = gguf.GGUFReader(header.path)
    tensors = {_ggml_name(tensor.name): tensor for tensor in reader.tensors}
    by_type: dict[GGMLQuantizationType, int] = {}
    for name, tensor in tensors.items():
        if len(tensor.shape) > 1 and name != "model/wpe":
            by_type[tensor.tensor_type] = by_type.get(tensor.tensor_type, 0) + int(tensor.n_bytes)
    shape = ggml.Shape(
        vocab=header.vocab_size,
        context=header.context_length,
        width=header.embedding_length,
        heads=header.head_count,
        layers=header.block_count,
        weights=target_type(by_type, frozenset(ggml.FILE_TYPES.values())),
    )
    vocabulary = header.vocabulary()
    plain = (gguf.TokenType.NORMAL, gguf.TokenType.BYTE)
    types = vocabulary.types or [gguf.TokenType.NORMAL] * len(vocabulary.tokens)
    job = _Job(
        header=header,
        shape=shape,
        tensors=tensors,
        vocabulary=[
            token_bytes(token) if kind in plain else token.encode()
            for token, kind in zip(vocabulary.tokens, types, strict=True)
        ],
    )
    missing = [spec.name for spec in shape.tensors(tied=job.tied) if spec.name not in tensors]
    if missing:
        problem = f"lacks weights that StarCoder has ({', '.join(missing[:3])})"
        raise ModelUnsupported(header.path, problem, "Download another conversion of it")
    return job


def _ggml_name(name: str) -> str:
    """Return the name in the container; an unknown one unchanged."""
    if name.startswith("blk."):
        _, layer, rest = name.split(".", 2)
        return f"model/h{layer}/{_LAYER_NAMES.get(rest, rest)}"
    return _NAMES.get(name, name)


def _write(job: _Job, stream: IO[bytes], progress: Progress) -> None:
    total = job.bytes
    progress(0, total)
    ggml.write_head(stream, job.shape, job.vocabulary)
    for spec in job.shape.tensors(tied=job.tied):
        ggml.write_tensor_head(stream, spec)
        for rows in _converted(job, spec):
            stream.write(np.ascontiguousarray(rows).data)
            progress(stream.tell(), total)


def _converted(job: _Job, spec: ggml.TensorSpec) -> Iterator[NDArray[np.uint8]]:
    """Yield the tensor's rows as bytes in the type that `spec` asks for, some at a time."""
    tensor = job.tensors[spec.name]
    source = GGMLQuantizationType(tensor.tensor_type)
    inner = int(tensor.shape[0])
    block, block_bytes = GGML_QUANT_SIZES[source]
    rows = tensor.data.view(np.uint8).reshape(-1, inner // block * block_bytes)
    if spec.name.endswith("c_attn/b"):
        rows = rows.reshape(-1, block_bytes)  # a column, so that it is cut as the matrix is
    parts = _spread_heads(job, rows) if "c_attn" in spec.name else [rows]
    yield from _convert_parts(parts, source, spec)


def _spread_heads(job: _Job, rows: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return query, key and value rows, each shared key and value head repeated for the query heads that use it."""
    width, shared = job.shape.width, job.header.head_count_kv
    length = width // job.shape.heads
    query, key, value = np.split(rows, [width, width + shared * length])
    group = job.shape.heads // shared

    def spread(part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return part.reshape(shared, 1, length, -1).repeat(group, axis=1).reshape(width, -1)

    return [query, spread(key), spread(value)]


def _convert_parts(
    parts: list[NDArray[np.uint8]], source: GGMLQuantizationType, spec: ggml.TensorSpec
) -> Iterator[NDArray[np.uint8]]:
    step = max(1, _NUMBERS_AT_ONCE // spec.dims[0])
    for part in parts:
        for start in range(0, len(part), step):
            rows = part[start : start + step]
            if spec.type == GGMLQuantizationType.F32:
                yield dequantise(rows, source).view(np.uint8)
            else:
                yield requantise(rows, source, spec.type)


def _discard(path: Path) -> None:
    try:
        path.unlink()
        path.with_suffix(".lock").unlink(missing_ok=True)
    except OSError as error:  # Windows: another process has it open
        log.info("An older repacked copy stays: %s (%s)", path, error)


def _glob_escape(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)
