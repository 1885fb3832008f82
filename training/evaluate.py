"""Held-out loss of a GGUF of ours by language and package, and holes in held-out packages.

python training/evaluate.py --model starcoder_lsp/models/nano.gguf --json nano.json
python training/evaluate.py --write-holes holes.jsonl && starcoder-lsp eval infill holes.jsonl
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gguf
import torch

from training import tokenizer as tokens
from training.holes import cut, line_starts
from training.loss import head_loss
from training.model import Nano, Shape
from training.sequences import Corpus, Encode, Mixture, Source, read_sources

__all__ = ["Hole", "language_loss", "package_holes", "read_gguf", "write_holes"]


_NAME = re.compile(r"[A-Za-z_]\w{3,}")


@dataclass(frozen=True)
class Hole:
    """A cursor, what stands around it, and the text that belongs there."""

    prefix: str
    suffix: str
    answer: str
    source: Source


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


def package_holes(sources: list[Source], number: int, seed: int = 11, *, cross_file: bool = False) -> list[Hole]:
    """Rest-of-line holes in Python files: the cursor stands where somebody types, something is left of the line.

    With `cross_file`, only holes with a name that the rest of the file does not have and another file of the package
    has: those that other files can help with, as in CrossCodeEval (Ding et al. 2023, https://arxiv.org/abs/2310.11248).
    """
    rng = Random(seed)
    python = [s for s in sources if s.language == "python" and s.text.count("\n") > 30]
    files: dict[str, Counter[str]] = {}  # of each package: in how many files a name stands
    if cross_file:
        for source in sources:
            files.setdefault(source.repo, Counter()).update(set(_NAME.findall(source.text)))
    found: list[Hole] = []
    while len(found) < number:
        source = rng.choice(python)
        start, stop = cut(source.text, line_starts(source.text), rng, "rest_of_line")
        answer = source.text[start:stop]
        line = source.text[source.text.rfind("\n", 0, start) + 1 : stop]
        rest = source.text[:start] + "\n" + source.text[stop:]
        foreign = not cross_file or any(
            files[source.repo][name] > 1 and name not in rest for name in _NAME.findall(line)
        )
        if foreign and len(answer.strip()) >= 2 and not line.lstrip().startswith(("#", '"', "'")):
            found.append(Hole(source.text[:start], source.text[stop:], answer, source))
    return found


def write_holes(path: Path, holes: list[Hole], corpus: Corpus) -> None:
    """As tasks of the human-eval-infilling format, with passages of other files of the package, the best one last."""
    with path.open("w", encoding="utf-8") as out:
        for number, hole in enumerate(holes):
            source = hole.source
            task = {
                "task_id": f"{source.repo}/{source.path}#{number}",
                "prompt": hole.prefix,
                "suffix": hole.suffix,
                "canonical_solution": hole.answer,
                "path": source.path,
                "repo": source.repo,
                "neighbours": [
                    {"path": passage.path, "text": passage.text}
                    for passage in reversed(corpus.like(source, hole.prefix, hole.suffix, 6))
                ],
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
    parser.add_argument("--cross-file", action="store_true", help="only holes with a name of another file")
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
        holes = package_holes(sources, options.holes, options.seed, cross_file=options.cross_file)
        write_holes(options.write_holes, holes, Corpus(python, Mixture()))
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
