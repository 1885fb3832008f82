"""Held-out loss of a GGUF of ours by language and package, and holes in held-out packages.

python training/evaluate.py --model starcoder_lsp/models/nano.gguf --json nano.json
python training/evaluate.py --write-holes holes.jsonl && starcoder-lsp eval infill holes.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from training import tokenizer as tokens
from training.holes import cut, line_starts
from training.loss import head_loss
from training.model import Nano
from training.neighbours import Encode, counter
from training.sequences import Corpus, Mixture, Source, read_sources
from training.weights import read_gguf

__all__ = ["Hole", "language_loss", "package_holes", "write_holes"]


_BEFORE, _BEHIND = 3_200, 2_000  # characters around a hole that the server's prompt shows, about
_CONTEXT = 950  # tokens of other files: a quarter of the window, less the repository's name


@dataclass(frozen=True)
class Hole:
    """A cursor, what stands around it, and the text that belongs there."""

    prefix: str
    suffix: str
    answer: str
    source: Source


@torch.no_grad()
def language_loss(
    model: Nano,
    encode: Encode,
    sources: list[Source],
    key: Callable[[Source], str],
    windows: int = 24,
    length: int = 1024,
) -> dict[str, dict[str, float]]:
    """Left-to-right loss on up to `windows` windows of each group that `key` names."""
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(key(source), []).append(source)
    report: dict[str, dict[str, float]] = {}
    for name, members in sorted(groups.items()):
        rng = Random(name)
        nats = count = size = 0.0
        for source in rng.sample(members, min(windows, len(members))):
            starts = line_starts(source.text)
            start = rng.choice(starts[: max(1, len(starts) - 40)])
            ids = encode(source.text[start : start + 8 * length])[: length + 1]
            if len(ids) < 65:
                continue
            row = torch.tensor([ids])
            nats += head_loss(model(row[:, :-1]), model.token_embd, row[:, 1:]).item() * (len(ids) - 1)
            count += len(ids) - 1
            size += len(source.text[start : start + 8 * length].encode()) * (
                len(ids) / len(encode(source.text[start : start + 8 * length]))
            )
        if count:
            report[name] = {
                "nats_per_token": round(nats / count, 4),
                "bytes_per_token": round(size / count, 3),
                "bits_per_byte": round(nats / size / 0.6931, 4),
                "tokens": count,
            }
    return report


def package_holes(sources: list[Source], corpus: Corpus, number: int, seed: int, *, cross_file: bool) -> list[Hole]:
    """Rest-of-line holes in Python files: the cursor stands where somebody types, something is left of the line.

    With `cross_file`, only holes that need a name which the file has nowhere else and another file of the package
    defines: those that other files can help with, as in CrossCodeEval (Ding et al. 2023,
    https://arxiv.org/abs/2310.11248); every file at most once. Fewer than `number` where the files have no more.
    """
    rng = Random(seed)
    python = [s for s in sources if s.language == "python" and s.text.count("\n") > 30]
    rng.shuffle(python)
    if cross_file:
        found = []
        for source in python:
            holes = corpus.package(source.repo).holes(source.path)
            if holes:
                found.append(_hole(source, *rng.choice(holes)))
            if len(found) == number:
                break
        return found
    found = []
    while len(found) < number:
        source = rng.choice(python)
        hole = _hole(source, *cut(source.text, line_starts(source.text), rng, "rest_of_line"))
        line = hole.prefix[hole.prefix.rfind("\n") + 1 :] + hole.answer
        if len(hole.answer.strip()) >= 2 and not line.lstrip().startswith(("#", '"', "'")):
            found.append(hole)
    return found


def _hole(source: Source, start: int, stop: int) -> Hole:
    return Hole(source.text[:start], source.text[stop:], source.text[start:stop], source)


def write_holes(path: Path, holes: list[Hole], corpus: Corpus, encode: Encode) -> None:
    """As tasks of the human-eval-infilling format, with what the server's index shows of other files, the best last."""
    count = counter(encode)
    with path.open("w", encoding="utf-8") as out:
        for number, hole in enumerate(holes):
            source, start = hole.source, len(hole.prefix)
            stop = start + len(hole.answer)
            window = max(0, start - _BEFORE), min(len(source.text), stop + _BEHIND)
            shown = corpus.package(source.repo).neighbours(source.path, (start, stop), window, _CONTEXT, count)
            task = {
                "task_id": f"{source.repo}/{source.path}#{number}",
                "prompt": hole.prefix,
                "suffix": hole.suffix,
                "canonical_solution": hole.answer,
                "path": source.path,
                "repo": source.repo,
                "neighbours": [{"path": one.path, "text": one.text} for one in shown],
            }
            out.write(json.dumps(task) + "\n")


def main() -> int:
    """Command line."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / ".data")
    parser.add_argument("--model", type=Path, default=here.parent / "starcoder_lsp" / "models" / "nano.gguf")
    parser.add_argument(
        "--write-holes", type=Path, help="write held-out holes instead, for `starcoder-lsp eval infill`"
    )
    parser.add_argument("--holes", type=int, default=400)
    parser.add_argument("--cross-file", action="store_true", help="only holes that need a name of another file")
    parser.add_argument("--seed", type=int, default=11, help="another seed gives other holes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    tokenizer = tokens.load(options.data / "tokenizer.json")

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text).ids
        return ids

    sources = read_sources(options.data / "heldout.jsonl")
    python = [s for s in sources if s.language == "python"]
    if options.write_holes:
        corpus = Corpus(sources, Mixture())
        holes = package_holes(sources, corpus, options.holes, options.seed, cross_file=options.cross_file)
        write_holes(options.write_holes, holes, corpus, encode)
        return 0
    model = read_gguf(options.model)
    report: dict[str, object] = {
        "model": options.model.name,
        "shape": asdict(model.shape),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    report |= {
        "loss_by_language": language_loss(model, encode, sources, lambda s: s.language),
        "loss_by_package": language_loss(model, encode, python, lambda s: s.repo, windows=8),
        "loss_by_length": {
            str(length): language_loss(model, encode, python, lambda _: "python", 24, length)["python"][
                "nats_per_token"
            ]
            for length in (256, 512, 1024, 2048, 4096)
        },
    }
    print(json.dumps(report, indent=1), flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
