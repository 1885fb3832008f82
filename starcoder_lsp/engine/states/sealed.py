"""One state in a file: what the engine wrote, the ids that it is the state of, and a seal over both.

    payload | ids, 4 bytes each, as this machine orders bytes | seal

The engine reads its payload from the front and stops where that ends. The seal is checked before the engine sees the
file: llama.cpp itself takes changed numbers for good ones (measured).
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from array import array
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MAGIC: Final = b"SCLSP\0\0\1"
_SEAL: Final = struct.Struct("<8sQQ32s32s")
"""Magic with a version, bytes of payload, bytes of ids, identity, SHA-256 of all that stands in front of it."""
_DIGEST: Final = hashlib.sha256().digest_size
_AT_ONCE: Final = 1 << 20
ID_BYTES: Final = 4


class Torn(Exception):  # noqa: N818 - reads as the fact it is
    """A file is no state that may be restored here; the message says why."""


def packed(ids: Sequence[int]) -> bytes:
    """Return ids as they stand in a file: those that share their beginning share their bytes'."""
    return array("i", ids).tobytes()


def unpacked(data: bytes) -> list[int]:
    """Return the ids of `packed`."""
    return array("i", data).tolist()


def seal(path: Path, ids: bytes, identity: bytes) -> None:
    """Add ids and seal to a payload. Raises OSError."""
    with path.open("r+b") as file:
        digest = hashlib.sha256()
        payload = _hash(file, digest)
        front = ids + _SEAL.pack(_MAGIC, payload, len(ids), identity, bytes(_DIGEST))[:-_DIGEST]
        digest.update(front)
        file.write(front + digest.digest())


def ids_of(path: Path, identity: bytes) -> bytes:
    """Return the packed ids that a file claims to be the state of; `check` knows whether it is.

    Raises Torn, OSError.
    """
    with _opened(path) as file:
        return _ids(file, identity)


def check(path: Path, ids: bytes, identity: bytes) -> None:
    """Check that a file is, to the last bit, what was sealed for these ids. Raises Torn, OSError."""
    with _opened(path) as file:
        if _ids(file, identity) != ids:
            raise Torn("it is of other tokens")
        digest = hashlib.sha256()
        file.seek(0)
        _hash(file, digest, os.fstat(file.fileno()).st_size - _DIGEST)
        if file.read() != digest.digest():
            raise Torn("it is damaged")


def _opened(path: Path) -> IO[bytes]:
    """Open a regular file that only we write to."""
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _CAREFUL))  # noqa: SIM115 - has an opener; the callers close it
    status = os.fstat(file.fileno())
    foreign = hasattr(os, "geteuid") and status.st_uid != os.geteuid()
    if foreign or not stat.S_ISREG(status.st_mode):
        file.close()
        raise Torn("it is not a file of ours")
    return file


_CAREFUL: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def _ids(file: IO[bytes], identity: bytes) -> bytes:
    size = os.fstat(file.fileno()).st_size
    if size < _SEAL.size:
        raise Torn("it is too short")
    file.seek(size - _SEAL.size)
    magic, payload, length, of, _digest = _SEAL.unpack(file.read(_SEAL.size))
    if magic != _MAGIC or payload + length + _SEAL.size != size or length % ID_BYTES or not length:
        raise Torn("it is not whole")
    if of != identity:
        raise Torn("it is of another model, or another build of its engine")
    file.seek(payload)
    return file.read(length)


def _hash(file: IO[bytes], digest: hashlib._Hash, most: int | None = None) -> int:
    """Hash from where the file stands, up to `most` bytes; return how many there were."""
    done = 0
    while most is None or done < most:
        piece = file.read(_AT_ONCE if most is None else min(_AT_ONCE, most - done))
        if not piece:
            break
        digest.update(piece)
        done += len(piece)
    return done
