"""What counting costs the event loop: microseconds an event, and how long the writer takes for each.

    python benchmarks/usage_cost.py [--events 2000] [--characters 1000000]

A document of the given size with 64 followed texts in it; every event is one of those that an editor causes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

from starcoder_lsp.documents import Edit, changed_until
from starcoder_lsp.usage.offering import Offering
from starcoder_lsp.usage.watch import Usage
from starcoder_lsp.usage.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

URI = "file:///sample.py"
TEXT = "total = compute(first, second)\n    return total"


class Sample:
    """A document of one editor, and how long each event took."""

    def __init__(self, path: Path, characters: int) -> None:
        """Begin with a document of this size."""
        self.text = "x = compute(y)\n" * (characters // 15)
        self.writer = Writer(path)
        self.usage = Usage(self.writer, lambda _uri: self.text, lambda _seconds, _call: None)
        self.times: dict[str, list[float]] = {}

    def take(self, name: str, call: Callable[[], None]) -> None:
        """Run an event and note its time."""
        started = time.perf_counter()
        call()
        self.times.setdefault(name, []).append((time.perf_counter() - started) * 1e6)

    def edit(self, name: str, start: int, end: int, put: str) -> None:
        """Change the document; what the session computes anyway is not counted."""
        old, edit = self.text, Edit(start, end, put)
        self.text = edit.apply(old)
        until = changed_until(old, self.text, start)
        self.take(name, lambda: self.usage.changed(URI, old, self.text, [edit], until))

    def suggestion(self, number: int) -> None:
        """One suggestion: offered, shown, typed into, a word accepted, the rest accepted, text above edited, saved."""
        at = len(self.text) // 2
        name, making = f"s{number}", f"m{number}"
        offering = Offering(name, making, URI, "python", "nano", TEXT, 0, TEXT, at, 50.0)
        self.take("offered", lambda: self.usage.offered(offering))
        self.take("shown", lambda: self.usage.shown(name))
        self.edit("typed", at, at, TEXT[:1])
        self.edit("word put in", at + 1, at + 1, TEXT[1:5])
        self.take("word accepted", lambda: self.usage.accepted(name, "word", 5))
        self.edit("rest put in", at + 5, at + 5, TEXT[5:])
        self.take("accepted", lambda: self.usage.accepted(name))
        self.edit("edited above", 0, 0, "a")
        self.take("saved", lambda: self.usage.saved(URI))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--characters", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sample = Sample(Path(folder, "usage.sqlite3"), arguments.characters)
        started = time.perf_counter()
        for number in range(arguments.events // 9):
            sample.suggestion(number)
            while not sample.writer._waiting.empty():  # noqa: SLF001 - nobody types faster than a disk
                time.sleep(0.001)
        sample.writer.close()
        seconds = time.perf_counter() - started
        size = sum(one.stat().st_size for one in Path(folder).iterdir())
    print(f"{'event':16} {'median':>9} {'p99':>9}   microseconds on the event loop")
    for name, times in sample.times.items():
        print(f"{name:16} {median(times):9.1f} {quantiles(times, n=100)[98]:9.1f}")
    print(f"{seconds:.1f} s in all, {size / 1024:.0f} KiB for {arguments.events // 9} suggestions")


if __name__ == "__main__":
    main()
