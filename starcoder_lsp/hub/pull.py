"""Bringing a file into the folder of models: room, lock, resume, checksum, header, and only then its name.

What came of an interrupted download stays in a `.part` file, named by what the other side calls this version of the
file, so that nothing of another version is ever joined to it. Of two processes that want the same file one fetches, the
other waits. Beside each file stands where it came from (`NAME.origin.json`), for `verify`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from starcoder_lsp.engine.file_lock import locked
from starcoder_lsp.errors import ChecksumWrong, DiskFull, HubError, LicenceUnread, ModelError
from starcoder_lsp.hub import accepted, ollama, remote
from starcoder_lsp.hub.source import LocalFile, OllamaModel, Source, file_name
from starcoder_lsp.models.catalogue import models_folder
from starcoder_lsp.models.memory import human
from starcoder_lsp.models.read import read_any_header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starcoder_lsp.hub.remote import RemoteFile

Report: TypeAlias = "Callable[[str, int, int | None], None]"
"""Takes a phase (`waiting`, `fetching`, `checking`, `copying`), bytes done and in all; it may raise to end the work."""

_SPARE_BYTES: Final = 64 * 2**20
"""Left free on the disk."""
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_HASHED_AT_ONCE: Final = 1 << 20


def pull(
    source: Source,
    *,
    report: Report,
    file: RemoteFile | None = None,
    offline: bool = False,
    accept_licence: bool = False,
) -> Path:
    """Bring the file that `source` names into the folder of models, and return its path there.

    A file that is there already is left alone. `file` is what `look_up` said, if it was asked already.
    `accept_licence`: the person was shown the licence and said yes.

    Raises HubError; ModelError for a file of this disk that is no model; OSError where the folder cannot be written to.
    """
    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file_name(source)
    if isinstance(source, LocalFile):
        return _take(source.path, target, str(source), None, report)
    if isinstance(source, OllamaModel):
        blob = ollama.find(source.name)
        return _take(blob.path, target, str(source), blob.sha256, report)
    if target.exists():
        return target
    file = file or remote.look_up(source, offline=offline)
    licence = file.licence
    if licence is not None and not accepted.is_accepted(licence):
        if not accept_licence:
            raise LicenceUnread(
                f"{source} is under {licence.name}: {licence.conditions} Read {licence.url}, then say yes with"
                " --accept-licence."
            )
        accepted.accept(licence)
    with locked(target.with_name(f".{target.name}.lock"), waiting=lambda: report("waiting", 0, file.bytes)):
        if not target.exists():
            _fetch(file, target, report)
    return target


def _fetch(file: RemoteFile, target: Path, report: Report) -> None:
    part = _part(file, target)
    have = part.stat().st_size if part.exists() and file.etag else 0
    _require_room(target.parent, file.bytes, have)
    try:
        with part.open("r+b" if have else "w+b") as out:
            out.seek(0, os.SEEK_END)
            remote.fetch(file, out, have, lambda done: report("fetching", done, file.bytes))
    except OSError as error:
        if error.errno in _FULL:
            raise _full(target.parent, file.bytes) from error
        raise
    _finish(part, target, str(file.source), file.sha256, report, licence=file.licence.name if file.licence else None)


def _part(file: RemoteFile, target: Path) -> Path:
    version = re.sub(r"\W", "", file.etag or "")[:16]
    return target.with_name(f".{target.name}.{version}.part" if version else f".{target.name}.part")


def _finish(
    part: Path, target: Path, source: str, sha256: str | None, report: Report, *, licence: str | None = None
) -> None:
    """Check what came, and give it its name."""
    size = part.stat().st_size
    found = checksum(part, lambda done: report("checking", done, size))
    if sha256 is not None and found != sha256:
        part.unlink()
        raise ChecksumWrong(
            f"{source} came damaged: its SHA-256 is {found}, and should be {sha256}. It was removed; fetch it again."
        )
    try:
        read_any_header(part)
    except ModelError as error:
        part.unlink()
        raise HubError(f"{source} is no model that can be used: the file {error.problem}. It was removed.") from error
    origin = {"source": source, "sha256": found, "bytes": size, "licence": licence, "date": time.strftime("%Y-%m-%d")}
    _origin_file(target).write_text(json.dumps(origin, indent=2) + "\n", "utf-8")
    part.replace(target)


def _take(path: Path, target: Path, source: str, sha256: str | None, report: Report) -> Path:
    """Take a file of this disk over: as another name of the same bytes where the disk allows it, else as a copy."""
    if target.exists():
        if target.samefile(path):
            return target
        raise HubError(f"{target} is there already; `starcoder-lsp models remove {target.stem}` removes it.")
    read_any_header(path)
    part = target.with_name(f".{target.name}.import.part")
    part.unlink(missing_ok=True)
    try:
        os.link(path.resolve(), part)
    except OSError:
        _copy(path, part, report)
    _finish(part, target, source, sha256, report)
    return target


def _copy(path: Path, part: Path, report: Report) -> None:
    size = path.stat().st_size
    _require_room(part.parent, size, 0)
    try:
        with path.open("rb") as source, part.open("wb") as out:
            while chunk := source.read(_HASHED_AT_ONCE):
                out.write(chunk)
                report("copying", out.tell(), size)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise _full(part.parent, size) from error
        raise


def checksum(path: Path, report: Callable[[int], None] = lambda _done: None) -> str:
    """Return the SHA-256 of a file, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASHED_AT_ONCE):
            digest.update(chunk)
            report(file.tell())
    return digest.hexdigest()


def origin_of(path: Path) -> dict[str, Any]:
    """Return what is known of a file that was pulled: `source`, `sha256`, `bytes`, `licence`, `date`; else nothing."""
    try:
        said = json.loads(_origin_file(path).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def remove(path: Path) -> int:
    """Remove a file of the folder of models, what is known of it, and unfinished downloads of it. Returns the bytes.

    Raises HubError for a file elsewhere, OSError where it cannot be removed.
    """
    if path.parent != models_folder():
        raise HubError(f"{path} is not in {models_folder()}, so it is not removed.")
    freed = 0
    for one in (path, _origin_file(path), *unfinished(path.name), path.with_name(f".{path.name}.lock")):
        if one.exists():
            freed += one.stat().st_size
            one.unlink()
    return freed


def unfinished(name: str = "") -> list[Path]:
    """Return the downloads that were interrupted, of all files or of one."""
    pattern = f".{name}.*part" if name else ".*.part"
    return sorted(models_folder().glob(pattern))


def _origin_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.origin.json")


def _require_room(folder: Path, size: int | None, have: int) -> None:
    free = shutil.disk_usage(folder).free
    if size is not None and size - have + _SPARE_BYTES > free:
        raise _full(folder, size - have)


def _full(folder: Path, size: int | None) -> DiskFull:
    free = human(shutil.disk_usage(folder).free)
    needs = f"needs {human(size)}" if size else "needs more"
    return DiskFull(
        f"The file {needs}, and the disk of {folder} has {free} free. Make room, or set STARCODER_LSP_MODELS to a"
        " folder on another disk; what came is kept."
    )
