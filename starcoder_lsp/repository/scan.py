"""Finding the files of a root that are worth knowing. Reads folders and rule files, no other file."""

from __future__ import annotations

import os
import stat
from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.texts import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from starcoder_lsp.repository.ignore import Ignore

__all__ = ["Entry", "Looked", "Walked", "look", "order", "walk"]

Entry = tuple[str, int, int]
"""Path relative to the root, with slashes; size in bytes; time of change in ns."""

_MOST_FOLDERS: Final = 200_000
_MOST_DEPTH: Final = 100
_TOO_FAR: Final = 10_000


@frozen
class Walked:
    """What a walk found.

    `left_out` counts files and folders by why they were left out. `barred` are the folders that were not entered.
    """

    entries: list[Entry] = field(repr=False)
    folders: list[str] = field(repr=False)
    barred: list[str] = field(repr=False)
    left_out: Counter[str]


@frozen
class Looked:
    """What there is of paths that may have changed.

    `gone` are those of which nothing is there, or left out now. `folders` and `barred` as in `Walked`.
    """

    entries: list[Entry] = field(repr=False)
    gone: list[str] = field(repr=False)
    folders: list[str] = field(repr=False)
    barred: list[str] = field(repr=False)


def walk(ignore: Ignore, *, near: Sequence[str] = (), most: int) -> Walked:
    """Return the files of a root that may be read, at most `most`: see `order`. Follows no symbolic link."""
    found = Walked([], [], [], Counter())
    _below(ignore, "", found)
    entries = order(found.entries, near)
    if len(entries) > most:
        found.left_out['beyond the setting "context.maxFiles"'] += len(entries) - most
        del entries[most:]
    return Walked(entries, found.folders, found.barred, found.left_out)


def _below(ignore: Ignore, folder: str, found: Walked) -> None:
    """Note a folder and all that is in it."""
    waiting = [folder]
    while waiting and len(found.folders) < _MOST_FOLDERS:
        folder = waiting.pop()
        children = _files_and_folders(ignore, folder, found)
        if children is not None:
            found.folders.append(folder)
            waiting += reversed(children)


def _files_and_folders(ignore: Ignore, folder: str, found: Walked) -> list[str] | None:
    """Note the files of a folder, and return its folders; None for one that is barred or gone."""
    try:
        with os.scandir(os.path.join(ignore.root, folder)) as listing:  # noqa: PTH118 - hot
            children = list(listing)
    except OSError:
        return None
    if why := ignore.folder(folder, [one.name for one in children]).why:
        found.left_out[why] += 1
        found.barred.append(folder)
        return None
    folders: list[str] = []
    prefix = folder + "/" if folder else ""
    for one in children:
        path = prefix + one.name
        try:
            if one.is_dir(follow_symlinks=False):
                folders.append(path)
            elif why := _why_not(ignore, path, one):
                found.left_out[why] += 1
            else:
                status = one.stat(follow_symlinks=False)
                found.entries.append((path, status.st_size, status.st_mtime_ns))
        except (OSError, UnicodeError):
            found.left_out["gone or not readable"] += 1
    return [] if prefix.count("/") >= _MOST_DEPTH else sorted(folders)


def _why_not(ignore: Ignore, path: str, one: os.DirEntry[str]) -> str:
    if not one.is_file(follow_symlinks=False):
        return "a symbolic link, a pipe or a device"
    if not language_of(path):
        return "in no language that is known"
    if why := ignore.why(path):
        return why
    if not _is_text(path):
        return "named in no encoding"
    return "too large" if one.stat(follow_symlinks=False).st_size > MOST_BYTES else ""


def look(ignore: Ignore, paths: Iterable[str]) -> Looked:
    """Return what is there of files and folders that may have changed."""
    found = Walked([], [], [], Counter())
    gone: list[str] = []
    for path in paths:
        before = len(found.entries)
        _present(ignore, path, found)
        if len(found.entries) == before:
            gone.append(path)
    return Looked(found.entries, gone, found.folders, found.barred)


def _present(ignore: Ignore, path: str, found: Walked) -> None:
    try:
        status = os.lstat(os.path.join(ignore.root, path))  # noqa: PTH118 - hot
    except (OSError, ValueError):
        return
    if stat.S_ISDIR(status.st_mode):
        if ignore.why_folder(path):
            found.barred.append(path)
        else:
            _below(ignore, path, found)
    elif (
        stat.S_ISREG(status.st_mode)
        and language_of(path)
        and status.st_size <= MOST_BYTES
        and not ignore.why(path)
        and _is_text(path)
    ):
        found.entries.append((path, status.st_size, status.st_mtime_ns))


def _is_text(path: str) -> bool:
    """Return whether a name can be written: on Linux it may be any bytes, and no tokenizer takes them."""
    try:
        return path.isascii() or bool(path.encode())
    except UnicodeEncodeError:
        return False


def order(entries: list[Entry], near: Sequence[str]) -> list[Entry]:
    """Return files in the order in which they are wanted: those nearest to open ones, then those changed last.

    `near`: open files, relative to the root. Nearness is the number of steps from folder to folder.
    """
    folders = [tuple(path.split("/")[:-1]) for path in near]
    known: dict[str, int] = {}

    def steps(folder: str) -> int:
        if folder not in known:
            parts = tuple(folder.split("/")) if folder else ()
            known[folder] = min((_steps(parts, one) for one in folders), default=_TOO_FAR)
        return known[folder]

    return sorted(entries, key=lambda entry: (steps(entry[0].rpartition("/")[0]), -entry[2]))


def _steps(here: tuple[str, ...], there: tuple[str, ...]) -> int:
    shared = 0
    for one, other in zip(here, there):  # noqa: B905 - strict= is not wanted, and the lengths differ
        if one != other:
            break
        shared += 1
    return len(here) + len(there) - 2 * shared
