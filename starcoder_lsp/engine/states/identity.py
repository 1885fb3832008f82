"""What a state belongs to: the model's weights to the bit, and all that its numbers depend on."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HEAD: Final = 1 << 20
_SAMPLE: Final = 4096
_SAMPLES: Final = 128


def identity(files: Iterable[Path], facts: Iterable[object]) -> bytes:
    """Return 32 bytes that stand for a model at work.

    `files`: its parts and adapters. `facts`: what else its numbers depend on, such as the engine's build. Reads a
    megabyte and a half of each file. Raises OSError.
    """
    whole = hashlib.sha256(repr((sys.byteorder, *facts)).encode())
    for path in files:
        whole.update(_fingerprint(path))
    return whole.digest()


def model_key(path: Path) -> str:
    """Return the name of the folder with a model's states: of its path, so that they can be removed with it."""
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]


def _fingerprint(path: Path) -> bytes:
    """Tell a file from others, also from one put in its place with its size and time: by its header and by samples.

    To read gigabytes at each start would cost what the states save.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.sha256(repr((status.st_size, status.st_mtime_ns)).encode())
        digest.update(file.read(_HEAD))
        for number in range(_SAMPLES):
            file.seek(status.st_size * number // _SAMPLES)
            digest.update(file.read(_SAMPLE))
        file.seek(max(0, status.st_size - _SAMPLE))
        digest.update(file.read(_SAMPLE))
    return digest.digest()
