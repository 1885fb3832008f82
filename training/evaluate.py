"""What a GGUF of ours can do: held-out loss by language and package, and exact match of holes in both layouts.

python training/evaluate.py --model starcoder_lsp/models/nano.gguf --holes 200 --json nano.json
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gguf
import torch
from starcoder_lsp.evaluation.calibration import Judged, calibration

from training import tokenizer as tokens
from training.holes import cut, line_starts
from training.llama import Llama
from training.loss import head_loss
from training.model import Nano, Shape
from training.sequences import Corpus, Encode, Mixture, Source, layout, read_sources, repository

__all__ = ["Hole", "benchmark_holes", "hole_results", "language_loss", "package_holes", "read_gguf"]


@dataclass(frozen=True)
class Hole:
    """A cursor, what stands around it, and the text that belongs there."""

    prefix: str
    suffix: str
    answer: str
    source: Source | None = None


def read_gguf(path: Path) -> Nano:
    """A GGUF of this project as a PyTorch model, quantised weights taken back to float32."""
    reader = gguf.GGUFReader(path)

    def number(key: str) -> float:
        return reader.fields[f"starcoder2.{key}"].contents()  # type: ignore[no-any-return]

    heads = int(number("attention.head_count"))
    shape = Shape(
        vocabulary=int(number("vocab_size")),
        width=int(number("embedding_length")),
        layers=int(number("block_count")),
        heads=heads,
        kv_heads=int(number("attention.head_count_kv")),
        inner=int(number("feed_forward_length")),
        context=int(number("context_length")),
        rope_base=number("rope.freq_base"),
        norm_epsilon=number("attention.layer_norm_epsilon"),
    )
    values = {
        t.name: torch.tensor(gguf.quants.dequantize(t.data, t.tensor_type)).reshape(
            tuple(int(n) for n in t.shape[::-1])
        )
        for t in reader.tensors
    }
    values["token_embd"] = values.pop("token_embd.weight")
    model = Nano(shape)
    model.load_state_dict({name.replace("blk.", "blocks."): value for name, value in values.items()})
    return model.eval()


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


def package_holes(sources: list[Source], number: int, seed: int = 11) -> list[Hole]:
    """Rest-of-line holes in Python files: the cursor stands where somebody types, something is left of the line."""
    rng = Random(seed)
    python = [s for s in sources if s.language == "python" and s.text.count("\n") > 30]
    found: list[Hole] = []
    while len(found) < number:
        source = rng.choice(python)
        start, stop = cut(source.text, line_starts(source.text), rng, "rest_of_line")
        answer = source.text[start:stop]
        line = source.text[source.text.rfind("\n", 0, start) + 1 : stop]
        if len(answer.strip()) >= 2 and not line.lstrip().startswith(("#", '"', "'")):
            found.append(Hole(source.text[:start], source.text[stop:], answer, source))
    return found


def write_holes(path: Path, holes: list[Hole]) -> None:
    """As tasks of the human-eval-infilling format."""
    with path.open("w", encoding="utf-8") as out:
        for number, hole in enumerate(holes):
            name = f"{hole.source.repo}/{hole.source.path}" if hole.source else "hole"
            task = {"task_id": f"{name}#{number}", "prompt": hole.prefix, "suffix": hole.suffix}
            out.write(json.dumps({**task, "canonical_solution": hole.answer}) + "\n")


def benchmark_holes(path: Path, number: int, seed: int = 11) -> list[Hole]:
    """Problems of a human-eval-infilling file, in random order."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        problems = [json.loads(line) for line in lines]
    Random(seed).shuffle(problems)
    return [Hole(p["prompt"], p["suffix"], p["canonical_solution"]) for p in problems[:number]]


def prompt(hole: Hole, encode: Encode, *, spm: bool, context: list[int], path: list[int]) -> list[int]:
    """The ids of one hole: at most 256 lines and 1024 ids before the cursor, 64 lines and 256 ids behind it."""
    prefix = encode("".join(hole.prefix.splitlines(keepends=True)[-256:]))[-1024:]
    suffix = encode("".join(hole.suffix.splitlines(keepends=True)[:64]))[:256]
    return layout(context, path, prefix, suffix, spm=spm)


def neighbours(corpus: Corpus, hole: Hole, encode: Encode) -> tuple[list[int], list[int]]:
    """The repository block with the passages of the package that are most like the hole's place, and the path line."""
    if hole.source is None:
        return [], []
    found = corpus.like(hole.source, hole.prefix, hole.suffix, 3)
    return repository(hole.source.repo, found, encode, 800), encode(hole.source.path + "\n")


def hole_results(
    engine: Llama,
    holes: list[Hole],
    encode: Encode,
    decode: Callable[[list[int]], str],
    *,
    spm: bool,
    corpus: Corpus | None = None,
) -> Iterator[tuple[bool, float]]:
    """(exact?, mean log-probability) of each hole; with `corpus`, other files of the package stand in the prompt."""
    for hole in holes:
        context, path = neighbours(corpus, hole, encode) if corpus else ([], [])
        lines = hole.answer.rstrip("\n").count("\n") + 1
        ids_in = prompt(hole, encode, spm=spm, context=context, path=path)
        answer = engine.complete(ids_in, 40 * lines, stop=("\n",) if lines == 1 else ())
        text, ids = "", []
        for token in answer.ids:  # until the line is full
            if token == tokens.END:
                break
            ids.append(token)
            text = decode(ids)
            if text.lstrip("\n").count("\n") >= lines:
                break
        log_p = [next(iter(p.values())) for p in answer.log_p[: max(len(ids), 1)] if p]
        mine, goal = text.rstrip().split("\n")[:lines], hole.answer.rstrip().split("\n")
        yield [m.rstrip() for m in mine] == [g.rstrip() for g in goal], sum(log_p) / max(len(log_p), 1)


def main() -> int:
    """Command line."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=here / ".data")
    parser.add_argument("--model", type=Path, default=here.parent / "starcoder_lsp" / "models" / "nano.gguf")
    parser.add_argument("--holes", type=int, default=200)
    parser.add_argument("--benchmark", type=Path, help="a human-eval-infilling file")
    parser.add_argument("--loss-only", action="store_true")
    parser.add_argument("--holes-only", action="store_true")
    parser.add_argument("--write-holes", type=Path, help="only write held-out holes, for `starcoder-lsp eval infill`")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    tokenizer = tokens.load(options.data / "tokenizer.json")

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text).ids
        return ids

    sources = read_sources(options.data / "heldout.jsonl")
    if options.write_holes:
        write_holes(options.write_holes, package_holes(sources, options.holes))
        return 0
    model = read_gguf(options.model)
    python = [s for s in sources if s.language == "python"]
    report: dict[str, object] = {
        "model": options.model.name,
        "shape": asdict(model.shape),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    if not options.holes_only:
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
    if not options.loss_only:
        engine = Llama(options.model)
        sets = {"heldout": package_holes(sources, options.holes)}
        if options.benchmark:
            sets["benchmark"] = benchmark_holes(options.benchmark, options.holes)
        corpus = Corpus(python, Mixture())
        for name, holes in sets.items():
            for spm in (False, True):
                for beside in (None, corpus) if name == "heldout" else (None,):
                    results = list(hole_results(engine, holes, encode, tokenizer.decode, spm=spm, corpus=beside))
                    title = f"{name} {'spm' if spm else 'psm'}{' with neighbours' if beside else ''}"
                    report[title] = {
                        "n": len(results),
                        "exact_match": round(sum(e for e, _ in results) / len(results), 4),
                        "calibration": calibration(Judged(True, *one) for one in results),
                    }
                    print(title, json.dumps(report[title]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
