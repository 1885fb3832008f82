"""The folder with all kept states: private, within its budget, the least recently used out first.

    states/CACHEDIR.TAG
    states/MODEL/IDENTITY-IDS.state         MODEL: of the model file's path; the others: the first digits of digests
    states/MODEL/speed                      how fast it was when its first state was made
    states/choices/PATH.json                which lines of other files stood in front of a file's prompts
    states/.staging-PID-XXXXXXXX/           what a process is writing or reading; swept when that process is gone

A state holds source text as tokens: folders are 0700 and files 0600. A file comes to its name in one step, when it is
whole and sealed. Several servers may share the folder: any of them may remove any file at any time.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs
from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING: Final = ".state"
SPEED: Final = "speed"
"""In a model's folder, the file of how fast it was read (`speed`)."""
CHOICES: Final = "choices"
"""The folder of what was chosen to stand in front of prompts (`session.choices`); it goes when all goes."""
_OWN: Final = "starcoder-lsp-states"
_STAGING: Final = ".staging-"
_TAG: Final = (
    "Signature: 8a477f597d28d172789f06886806bc55\n# What starcoder-lsp read of your files, as tokens. Safe to delete.\n"
)
_OLD_S: Final = 30 * 86_400
_SPARE: Final = 1 << 30
"""Bytes that stay free on the disk, whatever the budget."""


def default_folder() -> Path:
    """Return where states are, unless another folder is given."""
    return platformdirs.user_cache_path("starcoder-lsp", appauthor=False) / "states"


@frozen
class Kept:
    """One state on disk."""

    path: Path
    size: int
    """Bytes."""
    used: float
    """When it was written or used last (seconds since the epoch)."""


@frozen
class StatesFolder:
    """See the module."""

    path: Path = field(factory=default_folder)
    budget: int = 0
    """Bytes that all states together may take."""

    @classmethod
    def of(cls, megabytes: int, path: str) -> StatesFolder | None:
        """Return the folder that the settings `cache.disk` and `cache.folder` mean; None for 0 megabytes.

        It lies inside the one that is named, which may be anybody's home.
        """
        return cls(Path(path) / _OWN if path else default_folder(), megabytes * 10**6) if megabytes > 0 else None

    def prepare(self) -> None:
        """Make it, for its user only, and throw out what dead processes and bygone months left. Raises OSError."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(self.path)
        tag = self.path / "CACHEDIR.TAG"
        if not tag.exists():
            tag.write_text(_TAG, encoding="utf-8")
        self._sweep()
        for one in [*self.states(), *self._choices()]:
            if time.time() - one.used > _OLD_S:
                discard(one.path)

    def of_model(self, key: str) -> Path:
        """Return the folder of a model's states, made if need be. Raises OSError."""
        folder = self.path / key
        folder.mkdir(mode=0o700, exist_ok=True)
        _make_private(folder)
        return folder

    def staging(self) -> Path:
        """Make a folder for what this process writes and reads. Raises OSError."""
        return Path(tempfile.mkdtemp(prefix=f"{_STAGING}{os.getpid()}-", dir=self.path))

    def has_room(self) -> bool:
        """Return whether the disk has room for more."""
        try:
            return shutil.disk_usage(self.path).free > _SPARE
        except OSError:
            return False

    def states(self, key: str = "") -> list[Kept]:
        """Return all states, or those of one model, the least recently used first."""
        folders = [self.path / key] if key else list(_folders(self.path))
        return sorted((one for folder in folders for one in _kept(folder, ENDING)), key=lambda one: one.used)

    def _choices(self) -> list[Kept]:
        return _kept(self.path / CHOICES, "")

    def trim(self) -> None:
        """Remove the least recently used until the budget holds."""
        states = self.states()
        size = sum(one.size for one in states)
        for one in states:
            if size <= self.budget:
                break
            discard(one.path)
            size -= one.size

    def clear(self, key: str = "") -> tuple[int, int]:
        """Remove all states, or those of one model; return how many, and their bytes. What a server writes now stays.

        Raises OSError where something cannot be removed.
        """
        states = self.states(key)
        for one in states if key else [*states, *self._choices()]:
            one.path.unlink(missing_ok=True)
        for folder in [self.path / key] if key else _folders(self.path):
            discard(folder / SPEED)
            with suppress(OSError):
                folder.rmdir()
        return len(states), sum(one.size for one in states)

    def _sweep(self) -> None:
        import psutil  # noqa: PLC0415 - only a load needs it

        for folder in self.path.glob(f"{_STAGING}*-*"):
            pid = folder.name.removeprefix(_STAGING).split("-")[0]
            if pid.isdecimal() and not psutil.pid_exists(int(pid)):
                empty(folder)


def discard(path: Path) -> None:
    """Remove a state, if it is there and can be."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def empty(folder: Path) -> None:
    """Remove a staging folder with the states in it."""
    with suppress(OSError):
        if not folder.is_symlink():
            for one in _entries(folder):
                if one.name.endswith(ENDING):
                    discard(Path(one.path))
            folder.rmdir()


def _folders(path: Path) -> Iterator[Path]:
    """Go through the folders of models."""
    for one in _entries(path):
        with suppress(OSError):
            if not one.name.startswith(".") and one.is_dir(follow_symlinks=False):
                yield Path(one.path)


def _kept(folder: Path, ending: str) -> list[Kept]:
    found = []
    for one in _entries(folder):
        with suppress(OSError):
            if one.name.endswith(ending) and one.is_file(follow_symlinks=False):
                status = one.stat(follow_symlinks=False)
                found.append(Kept(Path(one.path), status.st_size, status.st_mtime))
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _make_private(folder: Path) -> None:
    """Raise OSError where a folder is not this user's, or cannot be closed to others."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
        raise PermissionError(f"{folder} is not a folder of yours")
    if sys.platform != "win32" and stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        folder.chmod(stat.S_IRWXU)
