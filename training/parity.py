"""Does llama.cpp compute what PyTorch computes? Greedy tokens and log-probabilities of one model in both."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from training.llama import Llama
from training.model import Nano

__all__ = ["Parity", "compare"]


@dataclass(frozen=True)
class Parity:
    """How far two evaluations of the same prompts lie apart."""

    positions: int
    same_tokens: int  # positions with the same most likely token
    largest: float  # largest difference of a log-probability in nats, over the whole vocabulary
    mean: float


@torch.no_grad()
def compare(
    model: Nano, gguf: Path, prompts: Sequence[Sequence[int]], generate: int = 8, adapter: Path | None = None
) -> Parity:
    """Let llama.cpp continue each prompt greedily, then score every generated position in PyTorch (float32)."""
    engine = Llama(gguf, model.shape.context, adapter=adapter)
    positions = same = 0
    largest = total = 0.0
    for prompt in prompts:
        answer = engine.complete(prompt, generate, model.shape.vocabulary)
        ids = torch.tensor([[*prompt, *answer.ids]])
        log_p = torch.log_softmax(model.logits(ids)[0], dim=-1)
        for index, theirs in enumerate(answer.log_p):
            mine = log_p[len(prompt) - 1 + index]
            keys = torch.tensor(list(theirs))
            gap = (mine[keys] - torch.tensor(list(theirs.values()))).abs()
            positions += 1
            same += int(mine.argmax()) == max(theirs, key=theirs.__getitem__)
            largest, total = max(largest, gap.max().item()), total + gap.mean().item()
    return Parity(positions, same, largest, total / max(positions, 1))


def main() -> int:
    """Command line: the checkpoint against F32, F16 and Q8_0 files made from it."""
    from training.export import TYPES, export, load_model  # noqa: PLC0415  (the module needs neither)
    from training.feed import rows_of  # noqa: PLC0415
    from training.sequences import unmarked  # noqa: PLC0415

    data = Path(__file__).resolve().parent / ".data"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--checkpoint", type=Path, default=data / "nano" / "checkpoint.pt")
    options = parser.parse_args()
    rows = rows_of(options.data, "heldout.jsonl", 7)
    prompts = [unmarked(rows.batch(i, 1, n))[0] for i, n in enumerate((20, 100, 400, 1000, 2000, 3900))]
    model, _ = load_model(options.checkpoint, average=True)
    for kind in TYPES:
        path = options.data / f"parity-{kind}.gguf"
        export(model, options.data / "tokenizer.json", path, kind)
        print(kind, compare(model, path, prompts), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
