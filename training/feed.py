"""Rows made by processes of their own, as packed uint16 shards, some steps ahead of the one who eats them.

Every process holds a part of the packages (each package's index is built once in all) and makes its part of a step's
rows. How long the eater waited is counted: a device that waits for its rows is wasted.

    python training/feed.py --rate 100000 --seconds 60                  # a dry run that eats without a model
    python training/feed.py --rate 1000000 --seconds 60 --reuse 4 --length 2048 --warm       # as a GPU would
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt
from starcoder_lsp.tokens.open_end import open_end

from training import tokenizer as tokens
from training.sequences import Corpus, Mixture, Rows, read_sources

__all__ = ["Feed", "Load", "rows_of"]

Shard = npt.NDArray[np.uint16]  # (rows, length)
Load = Callable[[int, int], Rows]  # (part, parts) -> what makes the rows of that part of the packages

_AHEAD = 4  # steps whose rows are made while one is eaten


def rows_of(data: Path, name: str, seed: int, part: int = 0, parts: int = 1, *, reuse: int = 1) -> Rows:
    """The rows of one part of the packages in `data/name`, encoded with `data/tokenizer.json`."""
    mixture = Mixture(reuse=reuse)
    tokenizer = tokens.load(data / "tokenizer.json")
    sources = read_sources(data / name, part, parts)
    end = partial(open_end, tokenizer.pre_tokenizer)
    return Rows(Corpus(sources, mixture), lambda text: tokenizer.encode(text).ids, mixture, seed, end)


_rows: Rows | None = None  # of a maker's process


def _begin(load: Load, part: int, parts: int, warm: bool) -> None:  # noqa: FBT001 (a pool passes no names)
    global _rows  # noqa: PLW0603 (a process of its own: the one thing that it holds)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process; the parent decides
    parent = multiprocessing.parent_process()
    if parent is not None:  # a killed parent says nothing to the pool's processes

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
    _rows = load(part, parts)
    if warm:
        _rows.warm()


def _shard(step: int, rows: int, length: int) -> Shard:
    if _rows is None:
        raise RuntimeError("the maker did not begin")
    return np.array(_rows.batch(step, rows, length), dtype=np.uint16).reshape(rows, length)


class Feed:
    """Steps in the order they were asked for. `waited` is the time in seconds that `take` stood still."""

    def __init__(self, load: Load, makers: int, *, warm: bool = False) -> None:
        """`warm`: the makers index all packages before the first row, where rows are wanted faster than they can."""
        context = multiprocessing.get_context("spawn")
        self._makers = [
            ProcessPoolExecutor(1, context, initializer=_begin, initargs=(load, part, makers, warm))
            for part in range(makers)
        ]
        self._coming: deque[list[Future[Shard]]] = deque()
        self.waited = 0.0

    @property
    def ahead(self) -> int:
        """Steps asked for and not yet taken."""
        return len(self._coming)

    def ask(self, step: int, rows: int, length: int) -> None:
        """Have the rows of one step made. The same step, seed and number of makers give the same rows."""
        count = len(self._makers)
        shares = [rows // count + ((step + part) % count < rows % count) for part in range(count)]
        self._coming.append(
            [maker.submit(_shard, step, share, length) for maker, share in zip(self._makers, shares, strict=True)]
        )

    def take(self) -> Shard:
        """The rows of the oldest step asked for, (rows, length)."""
        began = time.monotonic()
        shard = np.concatenate([future.result() for future in self._coming.popleft()])
        self.waited += time.monotonic() - began
        return shard

    def close(self) -> None:
        """End the makers; what nobody took is dropped."""
        for maker in self._makers:
            maker.shutdown(wait=False, cancel_futures=True)

    def full(self) -> bool:
        """Whether as many steps are on their way as are wanted ahead."""
        return self.ahead >= _AHEAD


def eat(feed: Feed, rate: float, seconds: float, rows: int, length: int) -> dict[str, float]:
    """Take steps at `rate` tokens a second for `seconds`, without a model; returns what that was like.

    The first ten seconds after the first step are not counted: the packages' indices are built then.
    """
    step = eaten = 0
    feed.ask(step, rows, length)
    feed.take()
    began = counted = time.monotonic()
    warm = False
    while time.monotonic() - began < seconds:
        while not feed.full():
            feed.ask(step, rows, length)
            step += 1
        shard = feed.take()
        if not warm and time.monotonic() - began > min(10, seconds / 3):
            warm, eaten, counted, feed.waited = True, 0, time.monotonic(), 0.0
        eaten += shard.size
        late = counted + eaten / rate - time.monotonic()
        if late > 0:
            time.sleep(late)
    wall = time.monotonic() - counted
    return {"tokens_per_s": round(eaten / wall), "waited": round(feed.waited / wall, 4), "seconds": round(wall, 1)}


def main() -> int:
    """Command line of the dry run."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / ".data")
    parser.add_argument("--makers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--rate", type=float, default=1e9, help="tokens a second that are eaten; default: all there are"
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--tokens", type=int, default=65_536, help="of one step")
    parser.add_argument("--length", type=int, default=1024, help="tokens of a row")
    parser.add_argument("--reuse", type=int, default=1, help="samples from one choice of other files")
    parser.add_argument("--warm", action="store_true", help="index all packages first")
    options = parser.parse_args()
    load = partial(rows_of, options.data, "train.jsonl", 0, reuse=options.reuse)
    feed = Feed(load, options.makers, warm=options.warm)
    rows = max(1, options.tokens // options.length)
    print(json.dumps(eat(feed, options.rate, options.seconds, rows, options.length)))
    feed.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
