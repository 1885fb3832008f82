"""The whole recipe on a few hundred kilobytes of the standard library, in about a minute.

Prepare, learn a tokenizer, train a tiny model, export it, and hold llama.cpp against PyTorch. Prints one JSON object.

    python training/smoke.py FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from dataclasses import asdict
from functools import partial
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
import torch.nn.functional as F

from training import tokenizer as tokens
from training.attention import causal_attention
from training.export import export
from training.feed import Feed, Load, eat, rows_of
from training.lora import Adapter, adapt, measured, rows_of_folder, write_adapter
from training.loss import IGNORE, head_loss
from training.model import Nano, Shape
from training.parity import compare
from training.prepare import prepare
from training.sequences import MARK, read_sources, unmarked
from training.train import Budget, Run, Schedule, train
from training.weights import read_gguf, write_tokenizer

TINY = Shape(vocabulary=1024, width=128, layers=2, heads=2, kv_heads=1, inner=256, context=1024)
PACKAGES = ("json", "logging", "email", "http", "asyncio", "unittest")
HELD_OUT = "http"


def differences() -> dict[str, float]:
    """How far our attention and loss, and their slopes, are from PyTorch's own, at most, in float32."""
    torch.manual_seed(0)
    report = {}
    for length in (1, 64, 201):
        q = torch.randn(2, 4, length, 16, requires_grad=True)
        k, v = (torch.randn(2, 2, length, 16, requires_grad=True) for _ in range(2))
        outer = torch.randn(q.shape)
        ours = causal_attention(q, k, v)
        theirs = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        slopes = (torch.autograd.grad(one, (q, k, v), outer) for one in (ours, theirs))
        pairs = [(ours, theirs), *zip(*slopes, strict=True)]
        report[f"attention, {length} positions"] = max((a - b).abs().max().item() for a, b in pairs)
    hidden, head = torch.randn(300, 32, requires_grad=True), torch.randn(500, 32, requires_grad=True)
    targets = torch.randint(0, 500, (300,))
    targets[::7] = IGNORE
    loss, expected = head_loss(hidden, head, targets), F.cross_entropy(hidden @ head.T, targets, ignore_index=IGNORE)
    slopes = (torch.autograd.grad(one, (hidden, head)) for one in (loss, expected))
    pairs = [(loss, expected), *zip(*slopes, strict=True)]
    report["loss"] = max((a - b).abs().max().item() for a, b in pairs)
    rounded = head_loss(hidden.bfloat16(), head, targets)  # on full slices the compiled form
    report["loss in bfloat16, relative"] = abs(rounded.item() / expected.item() - 1)
    return report


def begun_from_gguf(path: Path, model: Nano, tokenizer: Path) -> dict[str, object]:
    """What a run that begins from a GGUF begins with, against the model and the tokenizer that were exported."""
    start, theirs = read_gguf(path), dict(model.named_parameters())
    run = Run(start.shape, torch.device("cpu"), start=start)
    error = max(
        ((p - theirs[name]).abs().max() / theirs[name].abs().max()).item() for name, p in run.model.named_parameters()
    )
    write_tokenizer(path, path.with_suffix(".json"))
    mine, other = tokens.load(path.with_suffix(".json")), tokens.load(tokenizer)
    text = Path(__file__).read_text("utf-8")
    return {
        "largest_relative_error": error,
        "shape_kept": start.shape == model.shape,
        "same_ids": mine.encode(text).ids == other.encode(text).ids,
    }


def shards(load: Load) -> dict[str, object]:
    """Whether two makers give the rows that were asked for, each time the same, and what a dry run eats."""
    taken = []
    for _ in range(2):
        feed = Feed(load, 2)
        for step, rows in enumerate((3, 2, 1)):
            feed.ask(step, rows, 257)
        taken.append([feed.take() for _ in range(3)])
        feed.close()
    feed = Feed(load, 2)
    slow = eat(feed, 2_000, 9, 4, 257)
    feed.close()
    return {
        "shapes": [list(shard.shape) for shard in taken[0]],
        "same_again": all((a == b).all() for a, b in zip(*taken, strict=True)),
        "middles": float(np.mean(taken[0][0] >= MARK)),
        "type": str(taken[0][0].dtype),
        "dry_run": slow,
    }


def lora(model: Nano, data: Path, prompts: list[list[int]]) -> dict[str, object]:
    """A few steps of an adapter; llama.cpp with it against PyTorch with its products added to the weights."""
    tokenizer = tokens.load(data / "tokenizer.json")
    rows, _ = rows_of_folder(data / "src" / "stdlib" / "http", tokenizer)
    adapter = Adapter(model, 4)
    losses = adapt(model, adapter, rows, minutes=10, steps=30, rate=1e-2)
    without, adapted = measured(model, adapter, rows)
    path, base = data / "smoke-adapter.gguf", data / "smoke-f32.gguf"
    write_adapter(adapter, path, "http")

    with torch.no_grad():
        for name, values in adapter.merged(model).items():
            model.get_parameter(name).copy_(values)
    return {
        "steps": len(losses),
        "loss_without": without,
        "loss_adapted": adapted,
        "bytes": path.stat().st_size,
        "adapted": asdict(compare(model, base, prompts, adapter=path)),
        "adapted_against_bare": asdict(compare(model, base, prompts)),
    }


def main() -> int:
    """Command line."""
    data = Path(sys.argv[1])
    library = Path(sysconfig.get_path("stdlib"))
    for name in PACKAGES:
        shutil.copytree(
            library / name, data / "src" / "stdlib" / name, ignore=shutil.ignore_patterns("test*", "__pycache__")
        )
    rules = {"excluded": ["rich"], "held_out": [HELD_OUT], "package_cap_bytes": 300_000}
    report = prepare(data, rules)

    texts = (source.text for source in read_sources(data / "train.jsonl"))
    tokens.train(texts, TINY.vocabulary).save(str(data / "tokenizer.json"))
    tokenizer = tokens.load(data / "tokenizer.json")
    held_out = rows_of(data, "heldout.jsonl", -1)
    load = partial(rows_of, data, "train.jsonl", 0)
    run = Run(TINY, torch.device("cpu"))
    schedule = Schedule(warm_steps=5, short=(128, 256), long=(512,))
    feed = Feed(load, 2)
    train(run, feed, held_out, Budget(minutes=12, tokens=120 * 2048, batch=2048, micro=2048), schedule, data)
    feed.close()
    log = [json.loads(line) for line in (data / "log.jsonl").read_text().splitlines()]

    resumed = Run(TINY, torch.device("cpu"))
    resumed.load(data / "checkpoint.pt")
    model = resumed.model.eval()
    prompts = [unmarked(held_out.batch(step, 1, length))[0] for step, length in enumerate((5, 60, 300, 900))]
    parity = {}
    for kind in ("f32", "q8_0"):
        path = data / f"smoke-{kind}.gguf"
        export(model, data / "tokenizer.json", path, kind, name="smoke")
        parity[kind] = asdict(compare(model, path, prompts))
    print(
        json.dumps(
            {
                "kept_bytes": report["kept_bytes"],
                "first_loss": log[0]["loss"],
                "last_loss": log[-1]["loss"],
                "steps": resumed.step,
                "parity": parity,
                "differences": differences(),
                "begun_from_gguf": begun_from_gguf(data / "smoke-q8_0.gguf", model, data / "tokenizer.json"),
                "shards": shards(load),
                "lora": lora(model, data, prompts),
                "control_ids_from_text": [
                    i for i in tokenizer.encode("a <fim_prefix> <|endoftext|> b").ids if i < len(tokens.SPECIAL)
                ],
            }
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
