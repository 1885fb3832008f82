"""StarCoder in ctransformers, the library of 2023, which brings llama.cpp's ancestor along.

What was measured or read, and what follows from it:

- It opens no StarCoder GGUF, only the older GGML container: `load` repacks a GGUF file once (`engine.repack`).
- It crashes on damaged files: `read_container` has seen every tensor before the library does.
- One model is one cache. Evaluating at position n overwrites what was there, so going back is free.
- Positions past the context are clamped in silence, and scratch buffers overrun in silence: both are bounded here.
- Its own tokenizer is not BPE. Only ids go in.
- Evaluating 16 tokens at once is no faster than one after another, until the context grows long: then each call copies
  all cached values, and chunks share that copy. Chunks are as small as that allows, so that cancelling is quick.
- Its threads spin at barriers and never yield: one fewer than the cores is the most that is good for anybody.
"""

from __future__ import annotations

import ctypes
import logging
import platform
import sys
import time
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from starcoder_lsp.engine.base import (
    EngineInfo,
    Evaluation,
    Finish,
    Generation,
    OnToken,
    Token,
    check_prompt,
    common_prefix,
)
from starcoder_lsp.engine.ctransformers_fit import MAX_CHUNK, fit, largest_chunk
from starcoder_lsp.engine.likely import LIKELIEST, keeps_to
from starcoder_lsp.engine.repack import repack
from starcoder_lsp.errors import EngineClosed, EngineFailed
from starcoder_lsp.models.ggml.container import read_container
from starcoder_lsp.models.ggml.header import GGMLHeader
from starcoder_lsp.models.memory import available_memory, human

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.engine.repack import Progress
    from starcoder_lsp.models.ggml.container import Container
    from starcoder_lsp.models.gguf import GGUFHeader

log = logging.getLogger(__name__)

_CHUNK_S: Final = 0.1
"""How long a chunk of a prefill should take: half of it is what cancelling costs on average."""

_COPY_COST: Final = 5
"""Copying the cached values costs as much as evaluating `_COPY_COST * past / width` tokens (measured, 1B)."""


class CTransformers:
    """An `Engine` over one GGML file. It has a single slot."""

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - untyped library
        info: EngineInfo,
        container: Container,
        *,
        end_ids: frozenset[int],
        threads: int,
    ) -> None:
        """Wrap a loaded model. Use `load`."""
        self._model = model
        self._info = info
        self._shape = container.shape
        self._pieces = container.vocabulary
        self._end_ids = end_ids
        self._threads = threads
        self._cached: list[int] = []
        self._logits_after = 0  # the number of ids behind which the library's logits stand
        self._token_s = 0.0  # what a token of the last chunk took, in seconds

    @property
    def info(self) -> EngineInfo:
        """What this engine is."""
        return self._info

    def cached(self, slot: int) -> Sequence[int]:
        """Return the ids whose keys and values are in the cache; `slot` can only be 0."""
        self._check_slot(slot)
        return self._cached

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """See `Engine.reusable`."""
        return common_prefix(ids, self.cached(slot))

    def keep(self, slot: int) -> None:
        """See `Engine.keep`; it does nothing here."""

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """See `Engine.prefill`. Ids that are all cached cost nothing."""
        self._check(ids, slot)
        return self._extend(ids, common_prefix(ids, self._cached), cancel)

    def generate(
        self,
        ids: Sequence[int],
        *,
        slot: int,
        max_tokens: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: str = "",
        others: bool = False,
    ) -> Generation:
        """See `Engine.generate`."""
        self._check(ids, slot)
        known = common_prefix(ids, self._cached)
        if known == len(ids) and self._logits_after != known:
            known -= 1  # the logits are those of another place: the last id again gives them
        prefill = self._extend(ids, known, cancel)
        started = time.perf_counter()
        generated = 0
        finish: Finish = "cancelled"
        if prefill.completed:
            room = self._info.context_window - len(ids)
            generated, finish = self._decode(min(max_tokens, room), on_token, cancel, begin.encode(), others=others)
        return Generation(prefill, generated, (time.perf_counter() - started) * 1e3, finish)

    def close(self) -> None:
        """Free the model."""
        self._model = None  # its __del__ frees the native part
        self._cached = []

    def _check_slot(self, slot: int) -> None:
        if slot != 0:
            raise ValueError(f"ctransformers has one slot, 0, and was asked for slot {slot}")

    def _check(self, ids: Sequence[int], slot: int) -> None:
        """Refuse what the library would accept: it looks ids up and never asks how large the vocabulary is."""
        self._check_slot(slot)
        if self._model is None:
            raise EngineClosed
        check_prompt(ids, self._info.context_window, self._shape.vocab)

    def _extend(self, ids: Sequence[int], known: int, cancel: CancelToken) -> Evaluation:
        """Evaluate `ids[known:]` behind the first `known`, in chunks, until the end or until cancelled."""
        started = time.perf_counter()
        del self._cached[known:]
        at = known
        while at < len(ids) and not cancel.cancelled:
            chunk = ids[at : at + self._chunk(at)]
            self._evaluate(chunk)
            at += len(chunk)
        completed = at == len(ids) and not cancel.cancelled
        return Evaluation(known, at - known, (time.perf_counter() - started) * 1e3, completed)

    def _chunk(self, past: int) -> int:
        """How many tokens to evaluate in one call: what takes `_CHUNK_S`, or enough to share the copy of the cache."""
        quick = int(_CHUNK_S / self._token_s) if self._token_s else 4
        worthwhile = past * _COPY_COST // self._shape.width
        return max(1, min(max(quick, worthwhile), MAX_CHUNK, largest_chunk(self._shape, past)))

    def _evaluate(self, chunk: Sequence[int]) -> None:
        """Evaluate `chunk` behind the cache. The library releases the GIL."""
        started = time.perf_counter()
        count, past = len(chunk), len(self._cached)
        self._logits_after = -1
        numbers = (ctypes.c_int * count)(*chunk)
        if not self._model.ctransformers_llm_batch_eval(numbers, count, past, count, self._threads):
            raise EngineFailed(f"ctransformers could not evaluate {count} tokens behind {past:,} others.")
        self._cached.extend(chunk)
        self._logits_after = len(self._cached)
        self._token_s = (time.perf_counter() - started) / count

    def _decode(
        self, limit: int, on_token: OnToken, cancel: CancelToken, begin: bytes, *, others: bool
    ) -> tuple[int, Finish]:
        """Take the likeliest token, hand it out, evaluate it; return how many there were, and why it ended."""
        for generated in range(1, limit + 1):
            if cancel.cancelled:
                return generated - 1, "cancelled"
            token = self._likeliest(begin, others=others)
            others = others and len(token.piece) <= len(begin)
            begin = begin[len(token.piece) :]
            if token.id in self._end_ids or on_token(token):
                return generated, "stop"
            if generated < limit:
                self._evaluate([token.id])
        return max(0, limit), "length"

    def _likeliest(self, begin: bytes, *, others: bool) -> Token:
        """Return the likeliest token of those that keep to `begin`, and its natural-log probability among them."""
        pointer = self._model.ctransformers_llm_logits_data()
        logits: NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape=(self._shape.vocab,))
        if not np.isfinite(logits).all():
            raise EngineFailed("ctransformers computed no numbers: the weights are damaged. Download the model again.")
        keeping = np.arange(self._shape.vocab)
        if begin:
            fitting = [one for one in range(len(self._pieces)) if self._keeps_to(begin, one)]
            keeping = np.array(fitting) if fitting else keeping
        token = int(keeping[np.argmax(logits[keeping])])
        scale = float(logits[token]) + float(np.log(np.exp(logits[keeping] - logits[token]).sum(dtype=np.float64)))
        piece = self._pieces[token]
        rivals: tuple[Token, ...] = ()
        if others and len(piece) > len(begin):
            ranked = keeping[np.argsort(-logits[keeping])[:LIKELIEST]]
            tokens = [Token(int(one), self._pieces[one], float(logits[one]) - scale) for one in ranked if one != token]
            rivals = tuple(one for one in tokens if self._rivals(one, begin))
        return Token(token, piece, float(logits[token]) - scale, rivals)

    def _rivals(self, token: Token, begin: bytes) -> bool:
        goes_on = token.piece.startswith(begin) and len(token.piece) > len(begin)
        return goes_on and token.id not in self._end_ids

    def _keeps_to(self, begin: bytes, token: int) -> bool:
        return token not in self._end_ids and keeps_to(begin, self._pieces[token])


def load(
    header: GGUFHeader,
    *,
    end_ids: frozenset[int],
    context_window: int,
    threads: int = 0,
    gpu_layers: int | None = None,
    progress: Progress | None = None,
    folder: Path | None = None,
) -> CTransformers:
    """Load a GGML file, or a StarCoder GGUF file that is repacked first.

    Args:
        header: of the file to load, as `read_header` or `read_ggml_header` returned it.
        end_ids: ids that end a generation.
        context_window: tokens wanted; cut to what there is memory for, with a line in the log and in `info.detail`.
        threads: 0 for `default_threads()`.
        gpu_layers: layers to compute on an NVIDIA GPU. None and 0 for none: its CUDA build is asked for by name.
        progress: called while a GGUF file is repacked.
        folder: where repacked files are kept; None for `repack.cache_folder()`.

    Raises:
        ModelError: the file is damaged, of another model, or too large; the message says which, and what to do.
        EngineFailed: the library is not there for this machine, or could not load the file.
    """
    build = _build(gpu_layers or 0)
    if isinstance(header, GGMLHeader):
        container = header.container
    else:
        container = read_container(repack(header, progress=progress, folder=folder))
    fitting = fit(container, wanted=context_window, available=available_memory())
    log.info(
        "Loading %s in ctransformers: %s with %d tokens of context",
        container.path, human(fitting.bytes), fitting.context,
    )  # fmt: skip
    if fitting.reason:
        log.warning("%s: %s", container.path.name, fitting.reason)
    threads = threads or default_threads()
    model = _open(container.path, build, gpu_layers or 0)
    detail = f"ctransformers {metadata.version('ctransformers')} ({build}), {threads} threads"
    info = EngineInfo(
        engine="ctransformers",
        context_window=fitting.context,
        slots=1,
        detail=f"{detail}; {fitting.reason}" if fitting.reason else detail,
    )
    return CTransformers(model, info, container, end_ids=end_ids, threads=threads)


def default_threads() -> int:
    """Return one fewer than the physical cores, at most 8 and at least 1: the library's threads spin at barriers."""
    import psutil  # noqa: PLC0415 - only a load needs it

    return max(1, min((psutil.cpu_count(logical=False) or 2) - 1, 8))


def _build(gpu_layers: int) -> str:
    """Return which of the library's builds to load: `cuda`, `avx2`, `avx` or `basic`."""
    if gpu_layers <= 0:
        return _cpu_build()
    if sys.platform == "darwin":
        raise EngineFailed(
            "ctransformers computes StarCoder on NVIDIA GPUs only, not with Metal. Use the engine llama.cpp, which does"
            ' both, or set "gpuLayers" to 0.'
        )
    return "cuda"


@cache
def _cpu_build() -> str:
    """Which build this processor runs. Asking py-cpuinfo, as the library does, takes over a second and a process."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        flags = set(text.partition("flags")[2].partition("\n")[0].split())
    elif platform.machine().lower() in {"x86_64", "amd64"}:
        from cpuinfo import get_cpu_info  # type: ignore[import-untyped]  # noqa: PLC0415 - slow, needed only here

        flags = set(get_cpu_info().get("flags", ()))
    else:
        return "basic"
    return "avx2" if "avx2" in flags else "avx" if {"avx", "f16c"} <= flags else "basic"


def _open(path: Path, build: str, gpu_layers: int) -> Any:  # noqa: ANN401 - untyped library
    """Hand a checked file to the library."""
    try:
        from ctransformers.llm import LLM, Config  # noqa: PLC0415 - loads numpy, huggingface_hub and more

        return LLM(str(path), "gpt_bigcode", config=Config(gpu_layers=gpu_layers), lib=build)
    except OSError as error:
        hint = (
            "Its CUDA part needs NVIDIA's libraries: pip install ctransformers[cuda]"
            if build == "cuda"
            else f"It has no build for {sys.platform} on {platform.machine()}"
        )
        raise EngineFailed(
            f"The library of ctransformers could not be loaded. {hint}, or use the engine llama.cpp. ({error})"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise EngineFailed(f"ctransformers could not load {path}: {error}") from error
