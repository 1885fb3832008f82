"""One engine's numbers, measured in a process of its own, so that its memory is its own.

    python -m starcoder_lsp.bench.engine_probe ENGINE MODEL OPTIONS-AS-JSON

prints one JSON object: the fields of `Numbers`.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
from attrs import asdict, frozen

from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.errors import StarcoderError
from starcoder_lsp.models.read import read_any_header
from starcoder_lsp.stdio import take_stdout

if TYPE_CHECKING:
    from starcoder_lsp.engine.base import Engine
    from starcoder_lsp.models.gguf import GGUFHeader

_CANCELS: Final = 5
_KEYSTROKES: Final = 5
_LONGEST_S: Final = 4.0
"""How long a prefill goes on before it is cancelled, at most."""


@frozen(kw_only=True)
class Options:
    """What to measure: tokens of context, prompt and generation; threads (0: the engine's own choice)."""

    context: int
    prompt: int
    tokens: int
    threads: int


@frozen(kw_only=True)
class Numbers:
    """What was measured. Seconds, bytes, tokens per second, and medians in milliseconds."""

    engine: str
    detail: str
    context: int
    load_s: float
    loaded_bytes: int
    """Resident memory of the process after the load."""
    used_bytes: int
    """The same after the prompt was evaluated and a suggestion written."""
    prefill_per_s: float
    decode_per_s: float
    keystroke_ms: float
    """One more token behind the prompt."""
    cancel_ms: float
    """From a cancel in the middle of a prefill until the engine is idle."""
    cancel_worst_ms: float


def measure(engine_name: str, path: Path, options: Options) -> Numbers:
    """Load the model and measure. Raises StarcoderError where the engine cannot run it."""
    header = read_any_header(path)
    started = time.perf_counter()
    engine = _load(engine_name, header, options)
    load_s = time.perf_counter() - started
    process = psutil.Process()
    rng = random.Random(0)  # noqa: S311 - chooses tokens
    special = 300  # control tokens and single bytes have the first ids

    def ids(count: int) -> list[int]:
        return [rng.randrange(special, header.vocab_size) for _ in range(count)]

    engine.prefill(ids(4), slot=0, cancel=CancelToken())  # whatever is done once is done now
    loaded = process.memory_info().rss
    prompt = ids(min(options.prompt, engine.info.context_window - options.tokens - _KEYSTROKES))
    prefill = engine.prefill(prompt, slot=0, cancel=CancelToken())
    generation = engine.generate(
        prompt, slot=0, max_tokens=options.tokens, on_token=lambda _token: False, cancel=CancelToken()
    )
    used = process.memory_info().rss
    keystrokes = []
    for _ in range(_KEYSTROKES):
        prompt.extend(ids(1))
        keystrokes.append(engine.prefill(prompt, slot=0, cancel=CancelToken()).ms)
    longest_s = min(prefill.ms * 1e-3, _LONGEST_S)
    cancels = [_cancel_ms(engine, ids(len(prompt)), longest_s * rng.uniform(0.1, 0.7)) for _ in range(_CANCELS)]
    detail = engine.info.detail
    engine.close()
    return Numbers(
        engine=engine_name,
        detail=detail,
        context=engine.info.context_window,
        load_s=load_s,
        loaded_bytes=loaded,
        used_bytes=used,
        prefill_per_s=1e3 * prefill.evaluated / prefill.ms,
        decode_per_s=1e3 * max(1, generation.generated - 1) / max(generation.decode_ms, 1e-3),
        keystroke_ms=statistics.median(keystrokes),
        cancel_ms=statistics.median(cancels),
        cancel_worst_ms=max(cancels),
    )


def _load(engine: str, header: GGUFHeader, options: Options) -> Engine:
    if engine == "ctransformers":
        from starcoder_lsp.engine import ctransformers  # noqa: PLC0415 - a native library

        return ctransformers.load(header, end_ids=frozenset(), context_window=options.context, threads=options.threads)
    from starcoder_lsp.engine import llama_cpp  # noqa: PLC0415 - a native library

    return llama_cpp.load(
        header,
        end_ids=frozenset(),
        context_window=options.context,
        slots=1,
        threads=options.threads,
    )


def _cancel_ms(engine: Engine, ids: list[int], after_s: float) -> float:
    """Cancel a prefill of `ids`, which is longer than `after_s`; 0 if it had ended by then."""
    cancel = CancelToken()
    at = [float("inf")]

    def fire() -> None:
        at[0] = time.perf_counter()
        cancel.cancel()

    timer = threading.Timer(after_s, fire)
    timer.start()
    engine.prefill(ids, slot=0, cancel=cancel)
    ended = time.perf_counter()
    timer.cancel()
    return max(0.0, ended - at[0]) * 1e3


def main() -> int:
    """Measure what the command line names."""
    answer = take_stdout()
    engine, path, options = sys.argv[1], Path(sys.argv[2]), Options(**json.loads(sys.argv[3]))
    try:
        numbers: dict[str, object] = asdict(measure(engine, path, options))
    except StarcoderError as error:
        numbers = {"engine": engine, "error": str(error)}
    answer.write(json.dumps(numbers).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
