"""One command from nothing to a GGUF: fetch, prepare, tokenizer, train, export, evaluate. Every step is resumable.

python training/run.py --device cpu --minutes 90
python training/run.py --device cuda --minutes 25
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def step(script: str, *arguments: object) -> None:
    """Run one script of this folder; a failure ends the whole command."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    print("+", script, *arguments, flush=True)
    subprocess.run(command, check=True)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--minutes", type=float, default=90, help="training time in all, resumptions included")
    parser.add_argument("--packages", type=int, help="per registry; default 150 for cpu, all for cuda")
    parser.add_argument("--registries", default="stdlib,evaluation,pypi,npm,debian,debian-source")
    parser.add_argument("--benchmark", type=Path, action="append", default=[], help="kept out of the corpus by n-grams")
    parser.add_argument("--data", type=Path, default=HERE / ".data")
    parser.add_argument("--out", type=Path, help="default: DATA/nano.gguf")
    parser.add_argument("--name", default="nano")
    parser.add_argument("--from", dest="start", type=Path, help="begin with the weights and tokenizer of this GGUF")
    options = parser.parse_args()

    data: Path = options.data
    data.mkdir(parents=True, exist_ok=True)
    out = options.out or data / "nano.gguf"
    count = options.packages or (150 if options.device == "cpu" else 10_000)
    step("fetch.py", "--data", data, "--limit", count, "--registries", options.registries)
    benchmarks = [part for path in options.benchmark for part in ("--benchmark", path)]
    step("prepare.py", "--data", data, *benchmarks)
    if (
        not options.start and not (data / "tokenizer.json").exists()
    ):  # a checkpoint is worth nothing with another tokenizer
        step("tokenizer.py", "--data", data)
    start = ["--from", options.start, "--peak", 0.6] if options.start else []
    budget = ["--device", options.device, "--minutes", options.minutes]
    step("train.py", "--data", data, "--out", data / "nano", *budget, *start)
    step(
        "export.py",
        "--checkpoint",
        data / "nano" / "checkpoint.pt",
        "--tokenizer",
        data / "tokenizer.json",
        "--out",
        out,
        "--name",
        options.name,
    )
    step("plot.py", "--log", data / "nano" / "log.jsonl", "--out", out.with_suffix(".svg"))
    step("evaluate.py", "--data", data, "--model", out, "--json", out.with_suffix(".json"))
    holes = data / "holes.jsonl"
    step("evaluate.py", "--data", data, "--write-holes", holes)
    print(f"Next: starcoder-lsp eval infill {holes} --model {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
