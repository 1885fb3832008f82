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
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from starcoder_lsp.engine.open_end import open_end
from torch import Tensor

from training import tokenizer as tokens
from training.loss import head_loss
from training.model import NANO_CPU, NANO_CUDA, Nano, Shape
from training.optimiser import Optimiser
from training.sequences import Corpus, Mixture, Rows, read_sources

__all__ = ["Budget", "Run", "Schedule"]


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
    decay_from: float = 0.72
    long_from: float = 0.85
    short: tuple[int, ...] = (512, 512, 512, 1024)
    long: tuple[int, ...] = (2048, 1024, 2048, 4096)

    def rate(self, step: int, progress: float) -> float:
        """Warm-up, hold, linear decay to 2 %."""
        falling = min(1.0, max(0.02, (1 - progress) / (1 - self.decay_from)))
        return min(1.0, (step + 1) / self.warm_steps) * falling

    def length(self, step: int, progress: float) -> int:
        """Tokens of a row: short most of the time, long at the end, so that far positions are trained too."""
        kinds = self.long if progress >= self.long_from else self.short
        return kinds[step % len(kinds)]


class Run:
    """A model, its optimiser and how far they are; saved and loaded as one file."""

    def __init__(self, shape: Shape, device: torch.device, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.shape, self.device = shape, device
        self.model = Nano(shape).to(device)
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

    def update(self, ids: Tensor, rate: float, micro: int, pool: ThreadPoolExecutor) -> float:
        """One step on rows of ids (R, T + 1); returns the mean loss in nats per token.

        The workers of `pool` take slices of the step as they become free. On CPUs each runs single-threaded: next to
        other busy processes that is several times faster than threads that wait for each other in every operation.
        """
        parts = torch.split(ids, max(1, micro // (ids.shape[1] - 1)))
        parameters = list(self.model.parameters())

        def slopes(part: Tensor) -> tuple[float, tuple[Tensor, ...]]:
            hidden = self.model(part[:, :-1], torch.bfloat16)
            loss = head_loss(hidden, self.model.token_embd, part[:, 1:]) * (part.shape[0] / ids.shape[0])
            return loss.item(), torch.autograd.grad(loss, parameters)

        total = 0.0
        for done in as_completed([pool.submit(slopes, part) for part in parts]):
            loss, gradients = done.result()
            total += loss
            for p, gradient in zip(parameters, gradients, strict=True):
                p.grad = gradient if p.grad is None else p.grad.add_(gradient)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimiser.step(rate, pool)
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                self.average[name].lerp_(p, 0.02)
        self.step += 1
        self.seen += ids.shape[0] * (ids.shape[1] - 1)
        return total


@torch.no_grad()
def held_out_loss(model: Nano, batches: list[Tensor]) -> float:
    """Mean loss in nats per token over fixed rows."""
    total = 0.0
    for ids in batches:
        total += head_loss(model(ids[:, :-1], torch.bfloat16), model.token_embd, ids[:, 1:]).item()
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


def train(run: Run, rows: Rows, held_out: Rows, budget: Budget, schedule: Schedule, out: Path) -> None:
    """Until the budget is used up. Writes `checkpoint.pt` and appends to `log.jsonl`."""
    device = run.device
    fixed = [torch.tensor(held_out.batch(-i, 16, 513), device=device) for i in range(1, 4)]
    began = time.monotonic() - 60 * run.minutes
    saved = time.monotonic()
    stop = _Stop()

    def progress() -> float:
        return max((time.monotonic() - began) / 60 / budget.minutes, run.seen / budget.tokens)

    def prepared(step: int, done: float) -> Tensor:
        length = schedule.length(step, done)
        return torch.tensor(rows.batch(step, max(budget.workers, budget.batch // length), length + 1))

    with (
        (out / "log.jsonl").open("a", encoding="utf-8") as log,
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(budget.workers) as workers,
    ):
        coming = reader.submit(prepared, run.step, progress())
        while (done := progress()) < 1 and not stop.asked:
            ids = coming.result().to(device)
            coming = reader.submit(prepared, run.step + 1, done)
            started = time.monotonic()
            loss = run.update(ids, schedule.rate(run.step, done), budget.micro, workers)
            run.minutes = (time.monotonic() - began) / 60
            entry = {
                "step": run.step,
                "seen": run.seen,
                "minutes": round(run.minutes, 2),
                "loss": round(loss, 4),
                "length": ids.shape[1] - 1,
                "rate": round(schedule.rate(run.step, done), 3),
                "tokens_per_s": round(ids.numel() / (time.monotonic() - started)),
            }
            if run.step % 100 == 0:
                entry["held_out"] = round(held_out_loss(run.model, fixed), 4)
            log.write(json.dumps(entry) + "\n")
            log.flush()
            if run.step % 10 == 0:
                print(entry, flush=True)
            if time.monotonic() - saved > 120:
                run.save(out / "checkpoint.pt")
                saved = time.monotonic()
    run.save(out / "checkpoint.pt")


def main() -> int:
    """Command line."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / ".data")
    parser.add_argument("--out", type=Path, default=here / ".data" / "nano")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--tokens", type=float, default=1e10)
    parser.add_argument("--batch", type=int, help="tokens of one step")
    parser.add_argument("--micro", type=int, help="tokens of one forward and backward pass")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="CPU only: passes side by side, one thread each"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    cuda = options.device == "cuda"
    torch.set_float32_matmul_precision("high")
    if not cuda:
        torch.set_num_threads(1)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = tokens.load(options.data / "tokenizer.json")

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text).ids
        return ids

    mixture = Mixture()
    end = partial(open_end, tokenizer.pre_tokenizer)
    rows = Rows(Corpus(read_sources(options.data / "train.jsonl"), mixture), encode, mixture, options.seed, end)
    held_out = Rows(Corpus(read_sources(options.data / "heldout.jsonl"), mixture), encode, mixture, -1, end)
    run = Run(NANO_CUDA if cuda else NANO_CPU, torch.device(options.device), options.seed)
    if (out / "checkpoint.pt").exists():
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
    train(run, rows, held_out, budget, Schedule(), out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
