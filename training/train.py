"""The training loop: resumable, and bounded by minutes or tokens, whichever comes first.

The learning rate follows the share of the budget that is used up (warm up, hold, decay to nothing), so a pause of the
process costs tokens, not the end of the schedule. Raising the budget of a finished run takes it back to the hold phase.

    python training/train.py --data training/.data --out training/.data/nano --minutes 75
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from torch import Tensor

from training import tokenizer as tokens
from training.feed import Feed, rows_of
from training.loss import head_loss
from training.model import NANO_CPU, NANO_CUDA, Nano, Shape, compute_type
from training.optimiser import Optimiser
from training.sequences import MARK, Rows, unmarked
from training.weights import read_gguf, write_tokenizer

__all__ = ["Budget", "Run", "Schedule"]

MIDDLE = 4.0  # how often a middle's token counts
FIRST = 12.0  # and the first one, which decides what the rest can be
_REUSE = 4  # samples from one choice of other files, with CUDA: new ones could not be made fast enough


@dataclass(frozen=True)
class Budget:
    """What a run may use in all, over all its resumptions."""

    minutes: float
    tokens: float
    batch: int  # tokens of one step (more where rows are so long that a worker would have none)
    micro: int  # tokens of one forward and backward pass
    workers: int = 1  # passes that run side by side


@dataclass(frozen=True)
class Schedule:
    """Learning-rate factor and row length as functions of progress (0..1)."""

    warm_steps: int = 40
    peak: float = 1.0
    decay_from: float = 0.72
    long_from: float = 0.85
    short: tuple[int, ...] = (512, 1024)
    long: tuple[int, ...] = (2048, 1024, 2048, 4096)

    def rate(self, step: int, progress: float) -> float:
        """Warm-up to the peak, hold, linear decay to 2 % of it."""
        falling = min(1.0, max(0.02, (1 - progress) / (1 - self.decay_from)))
        return self.peak * min(1.0, (step + 1) / self.warm_steps) * falling

    def length(self, step: int, progress: float) -> int:
        """Tokens of a row: short most of the time, long at the end, so that far positions are trained too."""
        kinds = self.long if progress >= self.long_from else self.short
        return kinds[step % len(kinds)]


class Run:
    """A model, its optimiser and how far they are; saved and loaded as one file."""

    def __init__(self, shape: Shape, device: torch.device, seed: int = 0, start: Nano | None = None) -> None:
        """`start`: weights to begin with, instead of random ones."""
        torch.manual_seed(seed)
        self.shape, self.device, self.compute = shape, device, compute_type(device)
        self.model = (start or Nano(shape)).train().to(device)
        self.optimiser = Optimiser(self.model)
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        self.step = self.seen = 0
        self.minutes = 0.0

    def save(self, path: Path) -> None:
        """Write the checkpoint; a crash while writing leaves the former one."""
        state = {
            "shape": asdict(self.shape),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state(),
            "step": self.step,
            "seen": self.seen,
            "minutes": self.minutes,
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimiser.restore(state["optimiser"])
        self.average = state["average"]
        self.step, self.seen, self.minutes = state["step"], state["seen"], state["minutes"]

    def update(self, rows: Tensor, rate: float, micro: int, pool: ThreadPoolExecutor) -> Tensor:
        """One step on marked rows (R, T + 1); returns the mean loss in nats per token, each counted as `unpacked` says.

        The workers of `pool` take slices of the step as they become free. On CPUs each runs single-threaded: next to
        other busy processes that is several times faster than threads that wait for each other in every operation.
        Nothing here waits for a GPU.
        """
        ids, weights = unpacked(rows)
        size = max(1, micro // (ids.shape[1] - 1))
        parts = zip(torch.split(ids, size), torch.split(weights[:, 1:], size), strict=True)
        parameters = list(self.model.parameters())
        whole = weights[:, 1:].sum()

        total = torch.zeros((), device=self.device)
        for done in as_completed([pool.submit(self._slopes, *part, whole) for part in parts]):
            loss, gradients = done.result()
            total += loss
            for p, gradient in zip(parameters, gradients, strict=True):
                p.grad = gradient if p.grad is None else p.grad.add_(gradient)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimiser.step(rate, pool)
        with torch.no_grad():
            named = dict(self.model.named_parameters())
            torch._foreach_lerp_([self.average[name] for name in named], list(named.values()), 0.02)
        self.step += 1
        self.seen += ids.shape[0] * (ids.shape[1] - 1)
        return total

    def _slopes(self, part: Tensor, weight: Tensor, whole: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        hidden = self.model(part[:, :-1], self.compute)
        loss = head_loss(hidden, self.model.token_embd, part[:, 1:], weight) * (weight.sum() / whole)
        return loss.detach(), torch.autograd.grad(loss, list(self.model.parameters()))

    def rehearse(self, lengths: Iterable[int], micro: int) -> None:
        """Compile the passes for these row lengths, while the makers still read the corpus."""
        for length in dict.fromkeys(lengths):
            part = torch.zeros(max(1, micro // length), length + 1, dtype=torch.int64, device=self.device)
            weight = torch.ones(part.shape[0], length, device=self.device)
            self._slopes(part, weight, weight.sum())


def unpacked(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Marked rows, as int16 whose sign bit is the mark -> ids (int64) and how much each counts (float32)."""
    marked = rows < 0
    first = marked.clone()
    first[:, 1:] &= ~marked[:, :-1]
    return (rows & (MARK - 1)).long(), torch.where(first, FIRST, torch.where(marked, MIDDLE, 1.0))


@torch.no_grad()
def held_out_loss(model: Nano, batches: list[Tensor], compute: torch.dtype) -> float:
    """Mean loss in nats per token over fixed rows."""
    total = 0.0
    for ids in batches:
        total += head_loss(model(ids[:, :-1], compute), model.token_embd, ids[:, 1:]).item()
    return total / len(batches)


class _Stop:
    """Set by SIGTERM or SIGINT: the loop then saves and returns after the step it is in."""

    def __init__(self) -> None:
        self.asked = False
        if threading.current_thread() is threading.main_thread():
            for kind in (signal.SIGTERM, signal.SIGINT):
                signal.signal(kind, self._ask)

    def _ask(self, *_: object) -> None:
        self.asked = True


def train(
    run: Run, feed: Feed, held_out: Rows, budget: Budget, schedule: Schedule, out: Path, piece: float = 1e9
) -> None:
    """Until the budget is used up, or `piece` minutes of it. Writes `checkpoint.pt` and appends to `log.jsonl`."""
    device, cuda = run.device, run.device.type == "cuda"
    every = 20 if cuda else 1  # steps between two looks at the loss: each look waits for the device
    fixed = [torch.tensor(unmarked(held_out.batch(-i, 16, 513)), device=device) for i in range(1, 4)]
    end = time.monotonic() + 60 * piece
    began = time.monotonic() - 60 * run.minutes
    saved = looked = time.monotonic()
    seen, lengths, asked = run.seen, deque[int](), run.step
    stop = _Stop()

    def progress() -> float:
        return max((time.monotonic() - began) / 60 / budget.minutes, run.seen / budget.tokens)

    with (out / "log.jsonl").open("a", encoding="utf-8") as log, ThreadPoolExecutor(budget.workers) as workers:
        while (done := progress()) < 1 and not stop.asked and time.monotonic() < end:
            while not feed.full():
                lengths.append(schedule.length(asked, done))
                feed.ask(asked, max(budget.workers, budget.batch // lengths[-1]), lengths[-1] + 1)
                asked += 1
            rows = torch.from_numpy(feed.take().view(np.int16))
            rows = rows.pin_memory().to(device, non_blocking=True) if cuda else rows
            rate, length = schedule.rate(run.step, done), lengths.popleft()
            loss = run.update(rows, rate, budget.micro, workers)
            if run.step % every == 0:
                value, now = loss.item(), time.monotonic()
                run.minutes = (now - began) / 60
                entry = {
                    "step": run.step,
                    "seen": run.seen,
                    "minutes": round(run.minutes, 2),
                    "loss": round(value, 4),
                    "length": length,
                    "rate": round(rate, 3),
                    "tokens_per_s": round((run.seen - seen) / (now - looked)),
                    "waited": round(feed.waited / (now - looked), 3),
                }
                seen, looked, feed.waited = run.seen, now, 0.0
                if run.step % 100 == 0:
                    entry["held_out"] = round(held_out_loss(run.model, fixed, run.compute), 4)
                log.write(json.dumps(entry) + "\n")
                log.flush()
                if run.step % (10 * every) == 0:
                    print(entry, flush=True)
            if time.monotonic() - saved > 120:
                run.save(out / "checkpoint.pt")
                saved = time.monotonic()
    run.minutes = (time.monotonic() - began) / 60
    run.save(out / "checkpoint.pt")


def _options() -> argparse.Namespace:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / ".data")
    parser.add_argument("--out", type=Path, default=here / ".data" / "nano")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--piece", type=float, default=1e9, help="stop after so many minutes of them, to go on later")
    parser.add_argument("--tokens", type=float, default=1e10)
    parser.add_argument("--batch", type=int, help="tokens of one step")
    parser.add_argument("--micro", type=int, help="tokens of one forward and backward pass")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="CPU only: passes side by side, one thread each"
    )
    parser.add_argument("--peak", type=float, default=1.0, help="factor on the learning rates, < 1 for trained weights")
    parser.add_argument("--decay-from", type=float, default=0.72, help="share of the budget at which the rates fall")
    parser.add_argument(
        "--short",
        help="tokens of a row, in turn, until 85 %% of the budget: 512,1024, with CUDA 2048; then up to 4,096",
    )
    parser.add_argument("--makers", type=int, default=os.cpu_count() or 1, help="processes that make the rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--from",
        dest="start",
        type=Path,
        help="a new run begins with the weights and the tokenizer of this GGUF (which becomes DATA/tokenizer.json)",
    )
    return parser.parse_args()


def main() -> int:
    """Command line."""
    options = _options()
    cuda = options.device == "cuda"
    torch.set_float32_matmul_precision("high")
    if not cuda:
        torch.set_num_threads(1)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    begun = (out / "checkpoint.pt").exists()
    if options.start and not begun:
        write_tokenizer(options.start, options.data / "tokenizer.json")
    tokenizer = tokens.load(options.data / "tokenizer.json")

    if tokenizer.get_vocab_size() > MARK:
        raise SystemExit(f"a vocabulary of more than {MARK} tokens does not fit the packed rows")
    held_out = rows_of(options.data, "heldout.jsonl", -1)
    start = read_gguf(options.start) if options.start and not begun else None
    shape = NANO_CUDA if cuda else NANO_CPU
    run = Run(start.shape if start else shape, torch.device(options.device), options.seed, start)
    if begun:
        run.load(out / "checkpoint.pt")
        print(f"resumed at step {run.step}, {run.seen / 1e6:.2f} M tokens, {run.minutes:.1f} minutes", flush=True)
    if cuda:
        run.model.compile()
    budget = Budget(
        options.minutes,
        options.tokens,
        options.batch or (262_144 if cuda else 8192),
        options.micro or (65_536 if cuda else 4096),
        1 if cuda else options.workers,
    )
    lengths = options.short or ("2048" if cuda else "512,1024")
    short = tuple(int(length) for length in lengths.split(","))
    schedule = Schedule(peak=options.peak, decay_from=options.decay_from, short=short)
    if cuda:  # every length is compiled once
        schedule = replace(schedule, long=(4096,))
    load = partial(rows_of, options.data, "train.jsonl", options.seed, reuse=_REUSE if cuda else 1)
    feed = Feed(load, options.makers, warm=cuda)
    try:
        if cuda:
            run.rehearse((*schedule.short, *schedule.long), budget.micro)
        train(run, feed, held_out, budget, schedule, out, options.piece)
    finally:
        feed.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
