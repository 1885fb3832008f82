"""The llama.cpp engine, through xllamacpp: llama.cpp's server in this process. The only home of xllamacpp.

What the library does, as measured (docs/engines.md):

- `handle_completions` blocks, releases the GIL, and calls back after each prompt chunk and each token; a truthy answer
  ends the work. A chunk or step that is under way then still ends, and what it evaluated stays in the slot.
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
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starcoder_lsp.engine.base import (
    CancelToken,
    EngineInfo,
    Evaluation,
    Finish,
    Generation,
    OnToken,
    Token,
    common_prefix,
)
from starcoder_lsp.errors import BadTokens, ContextFull, EngineClosed, EngineFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.engine.gguf import GGUFHeader

log = logging.getLogger(__name__)

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

_SMALL_MODEL_BYTES = 600 * 2**20
_NGRAM, _DRAFT = 4, 8
"""Tokens that must repeat before as many as `_DRAFT` that followed them are drafted: short, as code repeats itself."""
_BATCH_GPU, _BATCH_SMALL, _BATCH_LARGE = 512, 32, 16


class LlamaCpp:
    """An `Engine` over one GGUF file. `slots` independent caches of `context_window` tokens each."""

    def __init__(self, server: Any, info: EngineInfo, *, end_ids: frozenset[int], private: Path) -> None:  # noqa: ANN401 - untyped library
        """Wrap a running server. Use `load`."""
        self._server = server
        self._info = info
        self._end_ids = end_ids
        self._private = private
        self._cached: list[list[int]] = [[] for _ in range(info.slots)]

    @property
    def info(self) -> EngineInfo:
        """What this engine is."""
        return self._info

    def cached(self, slot: int) -> Sequence[int]:
        """Return the ids that `slot` holds. After a cancelled call it may hold a chunk more than this says."""
        return self._cached[slot]

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        """See `Engine.prefill`. Ids that are all cached cost no call."""
        self._check(ids)
        known = common_prefix(ids, self._cached[slot])
        if known == len(ids):
            return Evaluation(cached=known, evaluated=0, ms=0.0, completed=True)
        run = _Run(len(ids), known, lambda _token: True, cancel, self._end_ids)
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
    ) -> Generation:
        """See `Engine.generate`."""
        self._check(ids)
        room = self._info.context_window - len(ids)
        run = _Run(len(ids), common_prefix(ids, self._cached[slot]), on_token, cancel, self._end_ids)
        self._complete(ids, slot, max(1, min(max_tokens, room)), run, begin)
        return Generation(
            prefill=run.evaluation(),
            generated=run.generated,
            decode_ms=run.decode_ms,
            finish=run.finish(),
        )

    def close(self) -> None:
        """Free the model and its private folder."""
        self._server = None
        shutil.rmtree(self._private, ignore_errors=True)

    def _check(self, ids: Sequence[int]) -> None:
        if self._server is None:
            raise EngineClosed
        if not ids:
            raise BadTokens("A prompt needs at least one token.")
        if len(ids) >= self._info.context_window:
            raise ContextFull(needed=len(ids) + 1, context=self._info.context_window)

    def _complete(self, ids: Sequence[int], slot: int, max_tokens: int, run: _Run, begin: str = "") -> None:
        if run.cancel.cancelled:
            run.cancelled = True
            return
        request = {
            "prompt": list(ids),
            "max_tokens": max_tokens,
            "id_slot": slot,
            "cache_prompt": True,
            "stream": True,
            "return_progress": True,
            "timings_per_token": True,
            "temperature": 0.0,
            "n_probs": 1 if max_tokens else 0,
        }
        if begin:
            request["grammar"] = grammar(begin)
        try:
            self._server.handle_completions(request, run.event)
        except Exception as error:
            self._cached[slot] = []
            raise EngineFailed(f"llama.cpp failed: {error}") from error
        self._cached[slot] = [*ids[: run.processed], *run.decoded_ids]
        if run.error is not None:
            raise run.error


def grammar(begin: str) -> str:
    r"""Return the rule, in llama.cpp's GBNF, of all texts that begin with `begin`.

    It costs nothing to speak of: a token is sampled first, and all others are looked at only if it breaks the rule.

    >>> grammar('a"\n')
    'root ::= "\\U00000061\\U00000022\\U0000000A" [^\\x00]*'
    """
    letters = "".join(f"\\U{ord(letter):08X}" for letter in begin)
    return f'root ::= "{letters}" [^\\x00]*'


class _Run:
    """Collects the events of one call; its `event` method is the library's callback."""

    def __init__(
        self, length: int, cached: int, on_token: OnToken, cancel: CancelToken, end_ids: frozenset[int]
    ) -> None:
        self.cancel = cancel
        self.processed = cached  # ids of the prompt that are known to be in the slot
        self.generated = 0
        self.cancelled = False
        self.error: BaseException | None = None
        self._length = length
        self._cached = cached
        self._evaluated = 0
        self._on_token = on_token
        self._end_ids = end_ids
        self._tokens: list[int] = []
        self._opaque = False  # tokens were merged by the library: the ids after this point are not known
        self._stopped = False
        self._length_reached = False
        self._started = time.perf_counter()
        self._prefilled = self._started
        self._last = self._started

    def event(self, data: dict[str, Any]) -> bool:
        """Take one event of the stream; True ends the work."""
        try:
            return self._event(data)
        except BaseException as error:  # noqa: BLE001 - it must cross native code: kept here, raised by the caller
            self.error = error
            return True

    def _event(self, data: dict[str, Any]) -> bool:
        now = time.perf_counter()
        if "error" in data:
            self.error = _engine_error(data["error"])
            return True
        timings = data.get("timings") or {}
        progress = data.get("prompt_progress")
        if progress is not None:
            self._cached = int(progress["cache"])
            self._evaluated = int(timings.get("prompt_n", 0))
            self.processed = int(progress["processed"])
            self._prefilled = self._last = now
        else:
            self._take(data, timings, now)
        if self.cancel.cancelled:
            self.cancelled = True
        return self.cancelled or self._stopped

    def _take(self, data: dict[str, Any], timings: dict[str, Any], now: float) -> None:
        if timings:
            self._cached, self._evaluated = int(timings["cache_n"]), int(timings["prompt_n"])
            self.processed = self._length
        choice = data["choices"][0]
        if choice["finish_reason"] is not None:
            self._length_reached = choice["finish_reason"] == "length"
            return
        content = (choice.get("logprobs") or {}).get("content") or ()
        if not content and not choice["text"]:
            return
        if self.generated == 0:
            self._prefilled = now
        self._last = now
        seen = int(timings.get("predicted_n", self.generated + len(content)))
        # Bytes of an unfinished character are held back by the library, and come merged into the event that ends it.
        merged = seen - self.generated > len(content)
        self._opaque = self._opaque or merged
        self.generated = max(seen, self.generated + len(content))
        if not content:  # a drafted token that was accepted: its id and log-probability are not told
            self._stopped = self._on_token(Token(-1, choice["text"].encode("utf-8", "replace"), 0.0))
        for entry in content:
            if not self._opaque:
                self._tokens.append(int(entry["id"]))
            if int(entry["id"]) in self._end_ids:
                self._stopped = True
                return
            piece = choice["text"].encode("utf-8", "replace") if merged else bytes(entry["bytes"])
            if self._on_token(Token(int(entry["id"]), piece, float(entry["logprob"]))):
                self._stopped = True
                return

    @property
    def decoded_ids(self) -> list[int]:
        """Generated ids whose keys are surely in the slot: the last one sampled was not evaluated."""
        return self._tokens[:-1]

    @property
    def decode_ms(self) -> float:
        return (self._last - self._prefilled) * 1e3

    def evaluation(self) -> Evaluation:
        return Evaluation(
            cached=self._cached,
            evaluated=self._evaluated,
            ms=(self._prefilled - self._started) * 1e3,
            completed=self.processed >= self._length and not (self.cancelled and self.generated == 0),
        )

    def finish(self) -> Finish:
        if self.cancelled:
            return "cancelled"
        return "length" if self._length_reached and not self._stopped else "stop"


def _engine_error(error: dict[str, Any]) -> BadTokens | ContextFull | EngineFailed:
    message = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        return ContextFull(needed=int(error.get("n_prompt_tokens", 0)) + 1, context=int(error.get("n_ctx", 0)))
    if "token" in message:
        return BadTokens(f"llama.cpp: {message}")
    return EngineFailed(f"llama.cpp: {message}")


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
    return any(kind != "CPU" for kind, _name in devices())


def batch_size(header: GGUFHeader, gpu_layers: int | None) -> int:
    """Return how many tokens are evaluated at once: as few as cost nothing, since a cancel waits for them to end.

    On processors 16 at once are as fast as 512 (measured); a GPU wants many.
    """
    if has_gpu() and gpu_layers != 0:
        return _BATCH_GPU
    return _BATCH_SMALL if header.file_bytes < _SMALL_MODEL_BYTES else _BATCH_LARGE


def devices() -> list[tuple[str, str]]:
    """Return (kind, description) of each device that llama.cpp sees; kinds as it names them (`CPU`, `CUDA0`, …)."""
    import xllamacpp  # noqa: PLC0415 - loads the native library

    return [(str(device["name"]), str(device["description"])) for device in xllamacpp.get_device_info()]


def build_line() -> str:
    """Return one line on the build: version and CPU features."""
    import xllamacpp  # noqa: PLC0415 - loads the native library

    features = " ".join(
        part.split("=")[0].strip() for part in xllamacpp.get_system_info().split("|") if part.strip().endswith("= 1")
    )
    return f"xllamacpp {xllamacpp.__version__}: {features}"


def load(  # noqa: PLR0913 - each is a setting of its own
    header: GGUFHeader,
    *,
    end_ids: frozenset[int],
    context_window: int,
    slots: int,
    threads: int = 0,
    gpu_layers: int | None = None,
    flash_attention: str = "auto",
    speculation: bool = False,
    configure: Callable[[Any], None] | None = None,
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
        speculation: n-gram speculation from the prompt itself. Drafted tokens that are accepted come back without ids
            and log-probabilities (id -1, 0.0), which confidence and the cache's books need: for measuring only.
        configure: changes the library's parameters just before the load (benchmarks).

    Raises:
        EngineFailed: llama.cpp could not load the file, with what to try.
    """
    import xllamacpp  # noqa: PLC0415 - loads the native library

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
    params.cache_ram_mib = 0  # slots are the only caches, so that what is cached is known
    params.cache_idle_slots = False
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 0 if log.getEffectiveLevel() > logging.DEBUG else 3
    if speculation:
        params.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
        params.speculative.ngram_simple.size_n, params.speculative.ngram_simple.size_m = _NGRAM, _DRAFT
    _sweep_dead_folders()
    private = _private_folder()
    params.hostnames = ["127.0.0.1" if sys.platform == "win32" else str(private / _SOCKET)]
    params.api_keys = [secrets.token_hex(16)]
    if configure is not None:
        configure(params)
    try:
        server = xllamacpp.Server(params)
        # Freed before it has served a request, the library's server hangs for ever (measured).
        server.handle_completions({"prompt": [0], "max_tokens": 0})
    except Exception as error:
        shutil.rmtree(private, ignore_errors=True)
        raise EngineFailed(
            f"llama.cpp could not load {header.path}: {error} Its header reads well, so look at free memory first "
            "(`starcoder-lsp doctor`), then try a smaller contextSize, gpuLayers 0, or download the file again."
        ) from error
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    info = EngineInfo(
        engine="llama.cpp",
        model_name=header.name or header.path.stem,
        architecture=header.architecture,
        context_window=context_window,
        slots=slots,
        train_context=header.context_length,
        detail=f"{build_line()}; threads {decode_threads} (decode), {prefill_threads} (prefill), batch {batch}",
        devices=tuple(name for name, _description in devices()),
    )
    return LlamaCpp(server, info, end_ids=end_ids, private=private)


_PREFIX = "starcoder-lsp-"


_SOCKET = "engine.sock"
_SOCKET_PATH_MOST = 100
"""Bytes: a socket's address holds 104 on macOS, 108 on Linux."""
_SHORT = "/tmp"  # noqa: S108 - for a folder that mkdtemp makes, private and with a name of its own


def _private_folder() -> Path:
    """Make a folder that only this user can enter, with a path short enough for a socket in it."""
    prefix = f"{_PREFIX}{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if sys.platform != "win32" and len(os.fsencode(folder / _SOCKET)) > _SOCKET_PATH_MOST:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_SHORT))
    return folder


def _sweep_dead_folders() -> None:
    """Remove the private folders of processes that were killed before they could."""
    import psutil  # noqa: PLC0415 - only a load needs it

    places = {tempfile.gettempdir(), _SHORT} if sys.platform != "win32" else {tempfile.gettempdir()}
    for folder in (folder for place in places for folder in Path(place).glob(f"{_PREFIX}*-*")):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
