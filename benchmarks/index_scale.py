"""Measure the repository's index on a large workspace, and print a JSON object.

    python benchmarks/index_scale.py SOURCE... [--files 100000] [--folder DIR] [--keep] [--no-model] [--again] [--loud]

The workspace is a copy of the files below the SOURCEs that an index would take, as many as `--files` says. Measured are
the first scan, memory, a selection, a second start, a saved file, ten thousand files changed at once, and, in a scan
of its own, how much slower a suggestion of the model that ships is while files are read than in pauses of the readers,
in turns. Times are of this machine: compare two runs on one machine. `…_cpu_s` are seconds of a processor, in this
process and in those that read, which say more where other programs want the processors too: the readers have the lowest
priority (but with --loud).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from starcoder_lsp.config import Settings
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.loading import load
from starcoder_lsp.models.catalogue import SHIPPED
from starcoder_lsp.repository import children
from starcoder_lsp.repository.cache import cache_path, read
from starcoder_lsp.repository.ignore import Ignore
from starcoder_lsp.repository.known import Known
from starcoder_lsp.repository.memory import give_back
from starcoder_lsp.repository.scan import walk
from starcoder_lsp.repository.service import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starcoder_lsp.completer import TokenCompleter

    Figures = dict[str, Any]

_CHANGED = 10_000
_GIVE_UP_S = 900
_LOOK_S = 0.05
_PROMPT, _TOKENS = 128, 24
_TURN_S = 2.0
_ASKED_S = 60.0
_BUDGET = 1024
_SAVED = 10


def make(folder: Path, sources: Sequence[Path], files: int) -> tuple[int, int]:
    """Make a workspace, and return how many files and bytes it has."""
    made = size = 0
    for source in sources:
        for path, bytes_of_it, _time in walk(Ignore(source), most=sys.maxsize).entries:
            if made == files:
                return made, size
            target = folder / source.name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, target)
            made += 1
            size += bytes_of_it
    return made, size


def wait(repository: Repository, done: Callable[[], bool]) -> float:
    """Return the seconds until something holds."""
    started = time.perf_counter()
    while not done():
        time.sleep(_LOOK_S)
        if time.perf_counter() - started > _GIVE_UP_S:
            sys.exit(f"This took more than {_GIVE_UP_S} s: {repository.status}")
    return time.perf_counter() - started


class Lateness:
    """How late a thread of this process wakes that asks for a millisecond, as an event loop would."""

    def __init__(self) -> None:
        """Begin to measure."""
        self._late: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            before = time.perf_counter()
            time.sleep(0.001)
            self._late.append(time.perf_counter() - before - 0.001)

    def end(self) -> dict[str, float]:
        """Return milliseconds."""
        self._stop.set()
        self._thread.join()
        ordered = sorted(self._late)
        return {
            "median_ms": round(ordered[len(ordered) // 2] * 1000, 2),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 2),
            "max_ms": round(ordered[-1] * 1000, 2),
        }


class Processor:
    """The seconds of a processor that this process and those that it started took."""

    def __init__(self) -> None:
        """Begin to measure."""
        self._process = psutil.Process()
        self._of: dict[int, float] = {}
        self.most_mb = 0.0
        """The most memory that the reading processes had at once."""
        self._before = time.process_time()
        self._began = self._children()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _children(self) -> float:
        memory = 0.0
        for child in self._process.children():
            try:
                times = child.cpu_times()
                memory += child.memory_info().rss / 1e6
            except psutil.Error:
                continue
            self._of[child.pid] = times.user + times.system
        self.most_mb = max(self.most_mb, memory)
        return sum(self._of.values())

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            self._children()

    def end(self) -> dict[str, float]:
        """Return seconds: of this process, and of the others."""
        self._stop.set()
        self._thread.join()
        others = self._children() - self._began
        return {"this": round(time.process_time() - self._before, 1), "readers": round(others, 1)}


class Pauses:
    """Stops the reading processes every other while, so that what they slow down is compared with itself."""

    def __init__(self) -> None:
        """Begin with a while in which they run."""
        self.paused = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(_TURN_S):
            self._set(paused=not self.paused)
        self._set(paused=False)

    def _set(self, *, paused: bool) -> None:
        for process in psutil.Process().children():
            with suppress(psutil.Error):
                process.suspend() if paused else process.resume()
        self.paused = paused

    def end(self) -> None:
        """Let them run."""
        self._stop.set()
        self._thread.join()


class Suggestions:
    """One suggestion after the other, each from a fresh prompt, on a thread of its own."""

    def __init__(self, completer: TokenCompleter, pauses: Pauses) -> None:
        """Begin to measure."""
        self._completer, self._pauses = completer, pauses
        self._ids = completer.encoder.encode(Path(__file__).read_text(encoding="utf-8"))
        self._took: dict[bool, list[float]] = {True: [], False: []}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            start = turn * 31 % max(1, len(self._ids) - _PROMPT)
            paused, started = self._pauses.paused, time.perf_counter()
            self._completer.engine.generate(
                self._ids[start : start + _PROMPT],
                slot=0,
                max_tokens=_TOKENS,
                on_token=lambda _token: False,
                cancel=CancelToken(),
            )
            if paused == self._pauses.paused:
                self._took[paused].append(time.perf_counter() - started)
            self._stop.wait(0.1)

    def end(self) -> dict[str, dict[str, float]]:
        """Return how many there were, and milliseconds: while files were read, and in the pauses."""
        self._stop.set()
        self._thread.join()
        return {
            name: {
                "suggestions": len(self._took[paused]),
                "median_ms": round(statistics.median(self._took[paused] or [0.0]) * 1000, 1),
                "mean_ms": round(statistics.fmean(self._took[paused] or [0.0]) * 1000, 1),
            }
            for name, paused in (("while_reading", False), ("in_pauses", True))
        }


def slowed(workspace: Path, completer: TokenCompleter, figures: Figures) -> None:
    """Ask for suggestions for a while of a scan."""
    repository = Repository(cached=False)
    repository.set_roots([workspace])
    wait(repository, lambda: repository.status.files > 0)
    pauses = Pauses()
    suggestions = Suggestions(completer, pauses)
    until = time.monotonic() + _ASKED_S
    wait(repository, lambda: time.monotonic() > until or not repository.status.scanning)
    figures["suggestion"] = suggestions.end()
    pauses.end()
    repository.close()


def first_scan(workspace: Path, cache: Path, figures: Figures) -> None:
    """Scan with an empty cache, and select."""
    process = psutil.Process()
    before = process.memory_info().rss
    repository = Repository(cache_folder=cache)
    processor = Processor()
    lateness = Lateness()
    repository.set_roots([workspace])
    wait(repository, lambda: repository.status.scanning)
    figures["first_scan_s"] = round(wait(repository, lambda: not repository.status.scanning), 1)
    figures["first_scan_cpu_s"] = processor.end()
    figures["resident_mb"] = round((process.memory_info().rss - before) / 1e6)
    figures["reading_processes_mb"] = round(processor.most_mb)
    figures["lateness_while_scanning"] = lateness.end()
    status = repository.status
    figures |= {"indexed": status.files, "symbols": status.symbols, "left_out": dict(status.left_out)}
    figures["select_ms"] = selections(repository, workspace)
    figures["resident_after_selections_mb"] = round((process.memory_info().rss - before) / 1e6)
    repository.close()
    figures["cache_mb"] = round(sum(one.stat().st_size for one in cache.iterdir()) / 1e6)


def selections(repository: Repository, workspace: Path) -> dict[str, float]:
    """Select at the ends of some files, and return milliseconds."""
    took = []
    paths = [path for path, _size, _time in walk(Ignore(workspace), most=sys.maxsize).entries]
    for path in random.Random(3).sample(paths, 40):
        text = (workspace / path).read_text(encoding="utf-8", errors="replace")
        started = time.perf_counter()
        repository.select(workspace / path, text, len(text) // 2, None, _BUDGET, lambda piece: len(piece) // 3)
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    return {"median": round(statistics.median(took), 1), "p95": round(took[len(took) * 95 // 100], 1)}


def restart(workspace: Path, cache: Path, figures: Figures) -> Repository:
    """Start again with the cache."""
    process = psutil.Process()
    indexed = figures.get("indexed") or cached(workspace, cache)
    give_back()
    before = process.memory_info().rss
    repository = Repository(cache_folder=cache)
    lateness, processor = Lateness(), Processor()
    repository.set_roots([workspace])
    figures["restart_until_usable_s"] = round(wait(repository, lambda: repository.status.files >= indexed), 2)
    figures["restart_until_usable_cpu_s"] = processor.end()
    figures["restart_resident_mb"] = round((process.memory_info().rss - before) / 1e6)
    processor = Processor()
    figures["restart_until_checked_s"] = round(
        figures["restart_until_usable_s"] + wait(repository, lambda: not repository.status.scanning), 2
    )
    figures["restart_until_checked_cpu_s"] = processor.end()
    figures["lateness_while_restarting"] = lateness.end()
    figures["select_after_restart_ms"] = selections(repository, workspace)
    return repository


def cached(workspace: Path, cache: Path) -> int:
    """Return of how many files a cache has facts."""
    arrays = read(cache_path(workspace.resolve(), cache))
    return 0 if arrays is None else len(Known.of(arrays).entries)


def saved_files(repository: Repository, workspace: Path, figures: Figures) -> None:
    """Save a file again and again, and wait until a selection shows what is new in it."""
    saved, place, took = workspace / "saved.py", workspace / "place.py", []
    for turn in range(_SAVED):
        text = f"from saved import new_name_{turn}\n\nnew_name_{turn}("
        saved.write_text(f"def new_name_{turn}(argument_{turn}):\n    return 1\n", encoding="utf-8")

        def shown(text: str = text, name: str = f"def new_name_{turn}(argument_{turn})") -> bool:
            chosen = repository.select(place, text, len(text), None, _BUDGET, lambda piece: len(piece) // 3)
            return any(name in one.text for one in chosen.snippets)

        took.append(wait(repository, shown))
    figures["saved_file_s"] = {"median": round(statistics.median(took), 2), "max": round(max(took), 2)}
    saved.unlink()


def storm(repository: Repository, workspace: Path, figures: Figures) -> None:
    """Change ten thousand files at once, and wait until all of them are known as they are now."""
    paths = [path for path, _size, _time in walk(Ignore(workspace), most=sys.maxsize).entries]
    changed = random.Random(2).sample(paths, min(_CHANGED, len(paths) // 2))
    symbols = repository.status.symbols
    lateness, processor = Lateness(), Processor()
    started = time.perf_counter()
    for at, path in enumerate(changed):
        with (workspace / path).open("ab") as file:
            file.write(f"\n\nclass WrittenByABranchSwitch{at}:\n    pass\n".encode())
    figures["storm_written_s"] = round(time.perf_counter() - started, 2)
    known = next(iter(repository._roots.values())).known  # noqa: SLF001 - no public word for a single file
    left = {path: (status.st_size, status.st_mtime_ns) for path in changed for status in [(workspace / path).stat()]}

    def caught_up() -> bool:
        for path in [path for path, seen in left.items() if known.get(path) == seen]:
            del left[path]
        return not left

    figures["storm_caught_up_s"] = round(wait(repository, caught_up), 2)
    figures["storm_cpu_s"] = processor.end()
    figures["storm_new_symbols"] = repository.status.symbols - symbols
    figures["lateness_in_storm"] = lateness.end()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where the workspace is made, or is (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="leave the workspace for another run")
    parser.add_argument("--no-model", action="store_true", help="leave out the suggestions")
    parser.add_argument("--loud", action="store_true", help="readers of normal priority, for a machine that is busy")
    parser.add_argument("--again", action="store_true", help="go on from the restart, with the cache that is there")
    options = parser.parse_args()
    if options.loud:
        children.START = children.START.replace("{quiet!r}", "False")
    top = options.folder or Path(tempfile.mkdtemp(prefix="starcoder-scale-"))
    workspace, cache = top / "workspace", top / "cache"
    figures: Figures = {"load_average_before": os.getloadavg() if hasattr(os, "getloadavg") else None}
    completer = None if options.no_model else load(Settings(model=SHIPPED))
    try:
        if not workspace.exists():
            figures["files"], figures["bytes"] = make(workspace, options.sources, options.files)
        if completer is not None:
            slowed(workspace, completer, figures)
        if not options.again:
            shutil.rmtree(cache, ignore_errors=True)
            first_scan(workspace, cache, figures)
        repository = restart(workspace, cache, figures)
        time.sleep(20)  # what follows a first scan at leisure is no part of what is measured now
        saved_files(repository, workspace, figures)
        storm(repository, workspace, figures)
        repository.close()
    finally:
        if completer is not None:
            completer.close()
        if not options.keep:
            shutil.rmtree(top, ignore_errors=True)
    figures["load_average"] = os.getloadavg() if hasattr(os, "getloadavg") else None
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
