"""Fetched folders -> corpus: filtered, masked, near-duplicates removed, decontaminated, split by whole packages.

Writes `train.jsonl`, `heldout.jsonl` (one file per line: repo, path, language, text; the files of a package stand
together) and `prepare.json` (what was dropped and why).

    python training/prepare.py --data training/.data --benchmark HumanEval-SingleLineInfilling.jsonl.gz
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from datasketch import MinHash, MinHashLSH  # type: ignore[import-untyped]

from training.fetch import wanted
from training.filters import mask, refusal, without_licence_header
from training.languages import language_of

HERE = Path(__file__).resolve().parent
GRAM = 16  # tokens in a row shared with a benchmark problem: contaminated
_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class File:
    """One source file of one package."""

    repo: str
    path: str
    language: str
    text: str

    def line(self) -> str:
        """As a line of a .jsonl file."""
        return json.dumps(self.__dict__, ensure_ascii=False)


def grams(text: str) -> set[int]:
    """Hashes of all runs of GRAM tokens."""
    tokens = _TOKEN.findall(text)
    return {hash(tuple(tokens[i : i + GRAM])) for i in range(len(tokens) - GRAM + 1)}


def benchmark_grams(paths: Iterable[Path]) -> set[int]:
    """The runs that no training file may share: prompt, hole and suffix of every problem."""
    found: set[int] = set()
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                problem = json.loads(line)
                found |= grams(problem["prompt"] + problem["canonical_solution"] + problem["suffix"])
    return found


def minhash(text: str) -> MinHash:
    """64 permutations over runs of five words."""
    words = [w.encode() for w in _TOKEN.findall(text)]
    sketch = MinHash(num_perm=64)
    sketch.update_batch({b" ".join(words[i : i + 5]) for i in range(max(len(words) - 4, 1))})
    return sketch


def read_package(folder: Path, excluded: frozenset[str], dropped: Counter[str]) -> Iterator[File]:
    """The files of one package that pass the filters, masked."""
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        language = language_of(name)
        if not path.is_file() or language is None or not wanted(name, excluded):
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            dropped["not utf-8"] += 1
            continue
        text = without_licence_header(text.replace("\r\n", "\n"))
        reason = refusal(text, language)
        if reason:
            dropped[reason] += 1
            continue
        yield File(folder.name, name, language, mask(text))


class Sieve:
    """What has been kept so far, so that copies, near-copies and benchmark problems stay out."""

    def __init__(self, forbidden: set[int]) -> None:
        self.forbidden = forbidden
        self.near = MinHashLSH(threshold=0.75, num_perm=64)
        self.exact: set[bytes] = set()

    def refusal(self, file: File, *, check: bool) -> str | None:
        """Why `file` is left out, or None: then it is remembered. `check`: hold it against the benchmarks too."""
        digest = hashlib.sha256(file.text.encode()).digest()
        if digest in self.exact:
            return "copy"
        self.exact.add(digest)
        if check and self.forbidden and grams(file.text) & self.forbidden:
            return "benchmark"
        sketch = minhash(file.text)
        if self.near.query(sketch):
            return "near-copy"
        self.near.insert(f"{file.repo}/{file.path}", sketch, check_duplication=False)
        return None


def prepare(data: Path, corpus: dict[str, Any], benchmarks: Iterable[Path] = ()) -> dict[str, dict[str, int]]:
    """Write the corpus of `data/src/registry/package` folders; returns what was kept (bytes) and dropped (files)."""
    excluded, cap = frozenset(corpus["excluded"]), int(corpus["package_cap_bytes"])
    held_out = frozenset(name.replace("/", "__") for name in corpus["held_out"])
    sieve = Sieve(benchmark_grams(benchmarks))
    dropped: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    folders = [f for registry in sorted((data / "src").iterdir()) for f in sorted(registry.iterdir())]
    # What is measured on comes first: then its near-copies fall out of the training part, not the other way round.
    aside = [f for f in folders if f.parent.name == "evaluation" or f.name in held_out]
    rest = [f for f in folders if f not in aside]
    for target, group in (("heldout.jsonl", aside), ("train.jsonl", rest)):
        with (data / target).open("w", encoding="utf-8") as out:
            for folder in group:
                files = list(read_package(folder, frozenset() if group is aside else excluded, dropped))
                random.Random(folder.name).shuffle(files)
                size = 0
                allowed = cap * (6 if folder.name == "cpython" else 1)
                chosen = []
                for file in files:
                    if size + len(file.text) > allowed:
                        dropped["over the package's cap"] += 1
                    elif reason := sieve.refusal(file, check=group is rest):
                        dropped[reason] += 1
                    else:
                        chosen.append(file)
                        size += len(file.text)
                for file in sorted(chosen, key=lambda f: f.path):
                    kept[f"{target} {file.language}"] += len(file.text.encode())
                    out.write(file.line() + "\n")
    report = {"kept_bytes": dict(sorted(kept.items())), "dropped_files": dict(dropped.most_common())}
    (data / "prepare.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / ".data")
    parser.add_argument(
        "--benchmark", type=Path, action="append", default=[], help="human-eval-infilling file, .jsonl(.gz)"
    )
    options = parser.parse_args()
    corpus = tomllib.loads((HERE / "corpus.toml").read_text("utf-8"))
    print(json.dumps(prepare(options.data, corpus, options.benchmark), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
