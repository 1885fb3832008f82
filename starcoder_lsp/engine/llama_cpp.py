"""The llama.cpp engine, through xllamacpp: llama.cpp's server in this process. The only home of xllamacpp.

What the library does, as measured (docs/engines.md):

- `handle_completions` blocks, releases the GIL, and calls back after each prompt chunk and each token; a truthy answer
  ends the work. A chunk or step that is under way then still ends, and what it evaluated stays in the slot: behind a
  token, the next one's is under way already. So where a step takes long, each token is a call of its own.
- A prompt of ids is taken as it is; a prompt of text would turn `<fim_middle>` into the control token. Only ids go in.
- `max_tokens: 0` evaluates the prompt and keeps it; evaluating an unchanged prompt costs its last token again.
- It always listens: on a Unix socket in a private folder (a loopback port with a random key on Windows), never on a
  network address.
- OpenMP threads that spin at barriers make decoding collapse when other programs want the cores (17 to 0.3 tokens a
  second); `OMP_WAIT_POLICY=passive` must be in the environment before the library is loaded.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from starcoder_lsp.engine import private_folder
from starcoder_lsp.engine.base import CancelToken, EngineInfo, Evaluation, Generation, OnToken, check_prompt
from starcoder_lsp.engine.file_guard import FileGuard
from starcoder_lsp.engine.left_behind import interruptible
from starcoder_lsp.engine.llama_cpp_checkpoints import Checkpoints
from starcoder_lsp.engine.llama_cpp_fit import Device, DeviceKind
from starcoder_lsp.engine.llama_cpp_run import Run, grammar
from starcoder_lsp.engine.llama_cpp_slots import SlotFiles
from starcoder_lsp.engine.states.opening import Opening
from starcoder_lsp.errors import Cancelled, EngineClosed, EngineFailed
from starcoder_lsp.models.gguf import part_paths
from starcoder_lsp.system_libraries import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from starcoder_lsp.engine.states.folder import StatesFolder
    from starcoder_lsp.engine.states.shelf import Shelf
    from starcoder_lsp.models.gguf import GGUFHeader

log = logging.getLogger(__name__)

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_SMALL_MODEL_BYTES = 600 * 2**20
_BLOCK = 32
_LONG_STEP_MS = 20.0
"""A call costs a millisecond or so beside the step."""
_BATCH_GPU, _BATCH_SMALL, _BATCH_LARGE = 512, 32, 16


class LlamaCpp:
    """An `Engine` over one GGUF file. `slots` independent caches of `context_window` tokens each."""

    def __init__(
        self,
        server: Any,  # noqa: ANN401 - untyped library
        info: EngineInfo,
        *,
        end_ids: frozenset[int],
        private: Path,
        guard: FileGuard,
        shelf: Shelf | None = None,
    ) -> None:
        """Wrap a running server. Use `load`. `shelf`: the states kept of this model; None: none are."""
        self._server = server
        self._info = info
        self._end_ids = end_ids
        self._private = private
        self._guard = guard
        self._shelf = shelf
        self._step_ms = 0.0  # of the last generation
        self._doubtful: set[int] = set()  # slots of which the library may think that they hold what they do not
        self._cached: list[list[int]] = [[] for _ in range(info.slots)]
        self._checkpoints = [Checkpoints(cuts_anywhere=info.cuts_back) for _ in range(info.slots)]

    @property
    def info(self) -> EngineInfo:
        """What this engine is."""
        return self._info

    def cached(self, slot: int) -> Sequence[int]:
        """Return the ids that `slot` holds. After a cancelled call it may hold a chunk more than this says."""
        return self._cached[slot]

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        """See `Engine.reusable`."""
        if self._shelf is None:
            return self._own(ids, slot)
        held = [self._own(ids, one) for one in range(self._info.slots)]
        return self._shelf.known.worth(ids, max(held)) or held[slot]

    def _own(self, ids: Sequence[int], slot: int) -> int:
        """Return how many of `ids` the slot itself holds and can go on from."""
        return self._checkpoints[slot].reusable(ids, self._cached[slot])

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """See `Engine.prefill`. Ids that are all cached cost no call."""
        self._check(ids)
        self._take_down(ids, slot)
        known = self.reusable(ids, slot)
        if known == len(ids) or ids == self._cached[slot]:
            return Evaluation(cached=len(ids), evaluated=0, ms=0.0, completed=True)
        run = Run(len(ids), known, lambda _token: True, cancel, self._end_ids)
        self._complete(ids, slot, 0, run)
        return run.evaluation()

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
        self._check(ids)
        self._take_down(ids, slot)
        limit = max(1, min(max_tokens, self._info.context_window - len(ids)))
        run = Run(len(ids), self.reusable(ids, slot), on_token, cancel, self._end_ids, begin, others)
        if self._step_ms >= _LONG_STEP_MS and self._info.cuts_back and begin.isascii():
            self._step_by_step(ids, slot, limit, run)
        else:
            self._complete(ids, slot, limit, run, begin)
        self._step_ms = run.step_ms or self._step_ms
        return Generation(
            prefill=run.evaluation(),
            generated=run.generated,
            decode_ms=run.decode_ms,
            finish=run.finish(),
        )

    def keep(self, slot: int) -> None:
        """See `Engine.keep`."""
        if self._server is None:
            raise EngineClosed
        self._guard.check()
        if self._shelf is not None and slot not in self._doubtful:
            self._shelf.put(self._cached[slot], slot)

    def close(self) -> None:
        """Free the model and its private folder."""
        if self._shelf is not None:
            self._shelf.close()
        self._server = None
        _free(self._private, self._guard)

    def _check(self, ids: Sequence[int]) -> None:
        if self._server is None:
            raise EngineClosed
        self._guard.check()
        check_prompt(ids, self._info.context_window)

    def _take_down(self, ids: Sequence[int], slot: int) -> None:
        """Read the kept state that helps these ids into the slot, where one helps more than what the slot holds."""
        if self._shelf is None or not self._shelf.known.worth(ids, self._own(ids, slot)):
            return
        held = self._shelf.take(ids, slot)
        if held is not None:
            self._cached[slot] = held
            (self._doubtful.discard if held else self._doubtful.add)(slot)

    def _step_by_step(self, ids: Sequence[int], slot: int, limit: int, run: Run) -> None:
        """Generate with a call for each token: a cancel, or a stop, then waits for one step at most, not for two."""
        while not run.ended and run.generated < limit:
            before = run.generated
            self._complete([*ids, *run.tokens], slot, 1, run, run.rest)
            if run.generated == before and not run.ended:
                # The library holds back a token that ends within a character: it comes with the next ones.
                self._complete([*ids, *run.tokens], slot, limit - before, run, run.rest)
                return

    def _complete(self, ids: Sequence[int], slot: int, max_tokens: int, run: Run, begin: str = "") -> None:
        if run.cancel.cancelled:
            run.cancelled = True
            return
        request = {
            "prompt": list(ids),
            "max_tokens": max_tokens,
            "id_slot": slot,
            "cache_prompt": slot not in self._doubtful,
            "stream": True,
            "return_progress": True,
            "timings_per_token": True,
            "temperature": 0.0,
            "n_probs": run.likeliest if max_tokens else 0,
        }
        if begin:
            request["grammar"] = grammar(begin)
        try:
            run.called()
            self._server.handle_completions(request, run.event)
        except Exception as error:
            self._cached[slot] = []
            self._checkpoints[slot].lost()
            raise EngineFailed(f"llama.cpp failed: {error}") from error
        self._doubtful.discard(slot)
        self._cached[slot] = [*ids[: run.processed], *run.decoded_ids]
        evaluation = run.evaluation()
        self._checkpoints[slot].evaluated(
            evaluation.cached, run.processed, whole=evaluation.completed, generated=max_tokens > 0
        )
        if run.error is not None:
            raise run.error


def default_threads() -> tuple[int, int]:
    """Return how many threads decode, and how many prefill: fewer than the physical cores, and all of them.

    Decoding goes on for as long as a suggestion is being written, and is bound by memory bandwidth, which a few cores
    exhaust: it leaves one core, and all beyond 8, to the editor. Prefill comes in short bursts that a person may be
    waiting for, and every core counts; its threads sleep at barriers (see the module), so others get in at once.
    """
    import psutil  # noqa: PLC0415 - only a load needs it

    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 2
    if hasattr(os, "sched_getaffinity"):
        cores = min(cores, len(os.sched_getaffinity(0)))
    return max(1, min(cores - 1, 8)), max(1, min(cores, 16))


def has_gpu() -> bool:
    """Return whether this build of llama.cpp sees a GPU (Metal, CUDA, ROCm or Vulkan)."""
    return any(device.kind != "cpu" for device in devices())


def batch_size(header: GGUFHeader, gpu_layers: int | None) -> int:
    """Return how many tokens are evaluated at once: as few as cost nothing, since a cancel waits for them to end.

    On processors 16 at once are as fast as 512 (measured); a GPU wants many.
    """
    if has_gpu() and gpu_layers != 0:
        return _BATCH_GPU
    return _BATCH_SMALL if header.file_bytes < _SMALL_MODEL_BYTES else _BATCH_LARGE


def _library() -> Any:  # noqa: ANN401 - untyped library
    """Return the xllamacpp module. Raises EngineFailed, with what to install, where the system lacks what it needs."""
    try:
        import xllamacpp  # noqa: PLC0415 - loads the native library
    except ImportError as error:
        raise EngineFailed(explain(error)) from error
    return xllamacpp


def devices() -> list[Device]:
    """Return each device that llama.cpp sees, with its free memory now; the processor is one of them."""
    xllamacpp = _library()

    kinds: dict[str, DeviceKind] = {
        "GGML_BACKEND_DEVICE_TYPE_GPU": "gpu",
        "GGML_BACKEND_DEVICE_TYPE_IGPU": "shared",
    }
    return [
        Device(
            name=str(device["name"]),
            description=str(device["description"]),
            # An accelerator such as Accelerate or BLAS computes for the processor, in its memory.
            kind="shared"
            if str(device["name"]).startswith(("Metal", "MTL"))
            else kinds.get(device["type"].name, "cpu"),
            free=int(device["memory_free"]),
        )
        for device in xllamacpp.get_device_info()
    ]


def usable_cache_type(wanted: str, header: GGUFHeader, flash_attention: str) -> str:
    """Return the type that the caches will have.

    llama.cpp packs numbers in blocks of 32, and values only where Flash Attention reads them.
    """
    fits = header.key_length % _BLOCK == header.value_length % _BLOCK == 0 and flash_attention != "off"
    return wanted if fits else "f16"


def build_line() -> str:
    """Return one line on the build: version and CPU features."""
    xllamacpp = _library()

    features = " ".join(
        part.split("=")[0].strip() for part in xllamacpp.get_system_info().split("|") if part.strip().endswith("= 1")
    )
    return f"xllamacpp {xllamacpp.__version__}: {features}"


def _serve(params: Any) -> Any:  # noqa: ANN401 - untyped library
    server = _library().Server(params)
    # Freed before it has served a request, the library's server hangs for ever (measured).
    server.handle_completions({"prompt": [0], "max_tokens": 0})
    return server


def _free(private: Path, guard: FileGuard | None, opening: Opening | None = None) -> None:
    private_folder.remove(private)
    if opening is not None:
        opening.drop()
    if guard is not None:
        guard.close()


def load(  # noqa: PLR0913, PLR0915 - each is a setting of its own, and has its line
    header: GGUFHeader,
    *,
    end_ids: frozenset[int],
    context_window: int,
    slots: int,
    threads: int = 0,
    gpu_layers: int | None = None,
    flash_attention: str = "auto",
    cache_type: str = "f16",
    adapters: Sequence[tuple[Path, float]] = (),
    states: StatesFolder | None = None,
    configure: Callable[[Any], None] | None = None,
    cancel: CancelToken | None = None,
) -> LlamaCpp:
    """Load a GGUF file whose header was read and found good.

    Args:
        header: of the file to load.
        end_ids: ids that end a generation.
        context_window: tokens of each slot.
        slots: independent caches.
        threads: of prefill and of decode; 0 for `default_threads()`.
        gpu_layers: None for all where there is a GPU.
        flash_attention: `auto`, `on` or `off`.
        cache_type: of the numbers in the caches, `f16` or `q8_0` (see `usable_cache_type`).
        adapters: LoRA adapters that were checked against the file, with their scales.
        states: where evaluated prompts are kept beyond this process; None: nowhere.
        configure: changes the library's parameters just before the load (benchmarks).
        cancel: leaves the load behind (left_behind.py): the library has no way to end it.

    Raises:
        Cancelled: `cancel` was set.
        EngineFailed: llama.cpp could not load the file, with what to try.
    """
    xllamacpp = _library()

    batch = batch_size(header, gpu_layers)
    params = xllamacpp.CommonParams()
    params.model.path = str(header.path)
    params.n_ctx = context_window * slots
    params.n_parallel = slots
    params.kv_unified = False
    params.n_batch = params.n_ubatch = batch
    decode_threads, prefill_threads = (threads, threads) if threads else default_threads()
    params.cpuparams.n_threads, params.cpuparams_batch.n_threads = decode_threads, prefill_threads
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.n_gpu_layers = -1 if gpu_layers is None else gpu_layers
    params.fit_params = False
    params.flash_attn_type = {
        "auto": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO,
        "on": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        "off": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }[flash_attention]
    if cache_type == "q8_0":
        params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_Q8_0
    params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(path), scale) for path, scale in adapters]
    params.swa_full = True  # a sliding window's cache could not be cut back by more than itself
    params.cache_ram_mib = 0  # slots are the only caches, so that what is cached is known
    params.cache_idle_slots = False
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 0 if log.getEffectiveLevel() > logging.DEBUG else 3
    private_folder.sweep()
    private = private_folder.make()
    atexit.register(private_folder.remove, private)
    params.hostnames = ["127.0.0.1" if sys.platform == "win32" else str(private / private_folder.SOCKET)]
    params.api_keys = [secrets.token_hex(16)]
    parts = part_paths(header.path)
    opening = None
    if states is not None and not header.is_recurrent:  # whose states cannot be cut back to what a prompt shares
        scales = [scale for _path, scale in adapters]
        facts = (build_line(), context_window, cache_type, flash_attention, gpu_layers, scales)
        opening = Opening.begin(states, [*parts, *(path for path, _scale in adapters)], facts)
    if opening is not None:
        params.slot_save_path = f"{opening.staging}{os.sep}"
    if configure is not None:
        configure(params)
    guard: FileGuard | None = None
    try:
        guard = FileGuard(parts)
        free = partial(_free, private, guard, opening)
        server = interruptible(lambda: _serve(params), lambda _server: free(), cancel or CancelToken())
    except Cancelled:
        raise
    except Exception as error:
        _free(private, guard, opening)
        raise EngineFailed(
            f"llama.cpp could not load {header.path}: {error} Its header reads well, so look at free memory first "
            "(`starcoder-lsp doctor`), then try a smaller contextSize, fewer gpuLayers, or download the file again."
        ) from error
    where = server.listening_address if sys.platform == "win32" else private / private_folder.SOCKET
    shelf = None if opening is None else opening.shelf(SlotFiles(where, params.api_keys[0]))
    info = EngineInfo(
        engine="llama.cpp",
        context_window=context_window,
        slots=slots,
        detail=f"{build_line()}; threads {decode_threads} (decode), {prefill_threads} (prefill), batch {batch}",
        cuts_back=not header.is_recurrent,
        states=None if shelf is None else shelf.known.at,
    )
    return LlamaCpp(server, info, end_ids=end_ids, private=private, guard=guard, shelf=shelf)
