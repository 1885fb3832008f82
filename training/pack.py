"""The corpus in parts that travel: `train-00.jsonl.xz` and so on, whole packages, each of about so many bytes.

`train.py` and `feed.py` read the parts where they find no `train.jsonl` beside them.

    python training/pack.py --data training/.data --out training/.gpu/data --mib 24 --parts 3
"""

from __future__ import annotations

import argparse
import lzma
import random
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

__all__ = ["pack"]

HERE = Path(__file__).resolve().parent
_PACKED = 5  # bytes of code in one of xz, rather too few: what the packer still holds counts so much


def _packages(corpus: Path) -> Iterator[bytes]:
    """The lines of each package; they stand together."""
    with corpus.open("rb") as lines:
        for _, group in groupby(lines, key=lambda line: line.partition(b'"path"')[0]):
            yield b"".join(group)


def pack(corpus: Path, out: Path, most: int, parts: int, level: int = 6) -> list[Path]:
    """Write at most `parts` files of about `most` bytes each; what no longer fits is left out, packages at random.

    xz of `level`: about 100 KB/s at 9, 1.5 MB/s at 6; code becomes a seventh.
    """
    packages = list(_packages(corpus))
    random.Random(0).shuffle(packages)
    for old in out.glob(f"{corpus.stem}-*.jsonl.xz"):
        old.unlink()
    waiting, written = iter(packages), list[Path]()
    following = next(waiting, None)
    while following is not None and len(written) < parts:
        path = out / f"{corpus.stem}-{len(written):02}.jsonl.xz"
        packer, size, held = lzma.LZMACompressor(preset=level), 0, 0
        with path.open("wb") as file:
            while following is not None and size + (held + len(following)) // _PACKED < most:
                gained = file.write(packer.compress(following))
                size, held = size + gained, 0 if gained else held + len(following)
                following = next(waiting, None)
            file.write(packer.flush())
        written.append(path)
    return written


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / ".data")
    parser.add_argument("--out", type=Path, default=HERE / ".gpu" / "data")
    parser.add_argument("--mib", type=float, default=24, help="of one part, about")
    parser.add_argument("--parts", type=int, default=3)
    parser.add_argument("--level", type=int, default=6, choices=range(10), help="of xz")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, parts in (("heldout.jsonl", 1), ("train.jsonl", options.parts)):
        for path in pack(options.data / name, options.out, int(options.mib * 2**20), parts, options.level):
            print(f"{path}: {path.stat().st_size / 2**20:.1f} MiB", flush=True)
    shutil.copy(options.data / "tokenizer.json", options.out / "tokenizer.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
