"""What is known of the files of a root, on disk between starts and shared between windows.

One file a root in the user's cache folder, in numpy's own form (`.npz`: arrays in a zip archive, with a checksum
each), named after the root's path and the version of what it holds. It is written whole beside its place and then
moved there, so that another window reads the old one or the new one. It may be deleted, cut off or overwritten at any
time: what cannot be read is made again, and where the folder cannot be written to, there is no cache. It holds paths,
imports, line numbers and hashes of words (known.py): no line of any file, nothing of one that is secret or ignored,
and only its user can read it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import platformdirs

from starcoder_lsp.repository.facts import VERSION as FACTS_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["Arrays", "cache_path", "default_folder", "read", "write"]

log = logging.getLogger(__name__)

Arrays: TypeAlias = "Mapping[str, NDArray[Any]]"

VERSION: Final = f"2.{FACTS_VERSION}"
"""Of the arrays and of what is left out of files before their facts are taken; and of the facts."""
_TAG: Final = (
    "Signature: 8a477f597d28d172789f06886806bc55\n# What starcoder-lsp knows of your repositories. Safe to delete.\n"
)
_OLD_S: Final = 60 * 86_400
_UNFINISHED_S: Final = 3_600


def default_folder() -> Path:
    """Return where the caches are, unless another folder is given."""
    return platformdirs.user_cache_path("starcoder-lsp", appauthor=False) / "repository"


def cache_path(root: Path, folder: Path) -> Path:
    """Return the file of a root."""
    return folder / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:32]}-{VERSION}.npz"


def read(path: Path) -> dict[str, NDArray[Any]] | None:
    """Return the arrays of a cache; None where there is none, or it cannot be read. Raises nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            os.utime(path)  # it is in use, and not to be removed
            return {name.removesuffix(".npy"): _array(archive, name) for name in archive.namelist()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        log.info("The cache %s cannot be used, and is made again: %s", path, error)
        return None


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(name) as member:
        array: NDArray[Any] = np.lib.format.read_array(member, allow_pickle=False)
    return array


def write(path: Path, arrays: Iterable[tuple[str, NDArray[Any]]]) -> bool:
    """Put a cache in the place of the one there is; return whether it is there now. Raises nothing.

    The arrays are taken one after the other, and not held.
    """
    unfinished: str | None = None
    try:
        _prepare(path.parent)
        descriptor, unfinished = tempfile.mkstemp(".tmp", path.stem, path.parent)  # only its user can read it
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for name, array in arrays:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        Path(unfinished).replace(path)
    except OSError as error:
        log.info("No cache of the repository: %s cannot be written: %s", path, error)
        if unfinished is not None:
            with suppress(OSError):
                Path(unfinished).unlink()
        return False
    return True


def _prepare(folder: Path) -> None:
    """Make the folder, for its user only, with the tag that backup programs look for. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tag = folder / "CACHEDIR.TAG"
    if not tag.exists():
        folder.chmod(0o700)
        tag.write_text(_TAG, encoding="utf-8")
    for path in folder.iterdir():
        if path != tag:
            _remove_old(path)


def _remove_old(path: Path) -> None:
    """Delete a cache that nobody used for two months, one of another version, and what was begun and never finished."""
    with suppress(OSError):
        age = time.time() - path.stat().st_mtime
        if path.suffix == ".tmp":
            old = age > _UNFINISHED_S
        else:
            old = age > _OLD_S or not path.name.endswith(f"-{VERSION}.npz")
        if old:
            path.unlink()
