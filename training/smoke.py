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

import torch
import torch.nn.functional as F
from starcoder_lsp.engine.open_end import open_end

from training import tokenizer as tokens
from training.attention import causal_attention
from training.export import export
from training.loss import IGNORE, head_loss
from training.model import Shape
from training.parity import compare
from training.prepare import prepare
from training.sequences import Corpus, Mixture, Rows, read_sources
from training.train import Budget, Run, Schedule, train

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

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text).ids
        return ids

    mixture = Mixture()
    end = partial(open_end, tokenizer.pre_tokenizer)
    rows = Rows(Corpus(read_sources(data / "train.jsonl"), mixture), encode, mixture, open_end=end)
    held_out = Rows(Corpus(read_sources(data / "heldout.jsonl"), mixture), encode, mixture, -1, end)
    run = Run(TINY, torch.device("cpu"))
    schedule = Schedule(warm_steps=5, short=(128, 256), long=(512,))
    train(run, rows, held_out, Budget(minutes=4, tokens=120 * 2048, batch=2048, micro=2048), schedule, data)
    log = [json.loads(line) for line in (data / "log.jsonl").read_text().splitlines()]

    resumed = Run(TINY, torch.device("cpu"))
    resumed.load(data / "checkpoint.pt")
    model = resumed.model.eval()
    prompts = [held_out.batch(step, 1, length)[0] for step, length in enumerate((5, 60, 300, 900))]
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
                "control_ids_from_text": [
                    i for i in encode("a <fim_prefix> <|endoftext|> b") if i < len(tokens.SPECIAL)
                ],
            }
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
