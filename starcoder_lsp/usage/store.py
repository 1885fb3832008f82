"""The counts in an SQLite file of the user's state folder. Used on one thread; many processes may write at once.

A transaction a record, in a write-ahead log: what is committed survives the end of the process at any moment
(`synchronous` is NORMAL: a power cut may take the last seconds). A file that is broken, or is not ours, is set aside,
and a warning says so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from attrs import fields, frozen
from platformdirs import user_state_path

from starcoder_lsp.errors import ConfigError
from starcoder_lsp.usage.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from starcoder_lsp.usage.record import Key, Measure

__all__ = ["Kept", "Store", "Unusable", "database", "read"]

log = logging.getLogger(__name__)

_APPLICATION = 0x53_43_4C_55
"""Marks a file as ours: `SCLU`."""
_VERSION = 1
_KEPT_S = 180 * 86_400
_MOST_ROWS = 200_000
"""Some 20 MB."""
_BUSY_S = 10.0
_AGAIN_S = 0.01
_MEASURES: tuple[Measure, ...] = ("30s", "5min", "save")

_COUNTS = [one.name for one in fields(Record) if one.name != "key"]
_SCHEMA = f"""
CREATE TABLE suggestion (
    session INTEGER NOT NULL,
    number INTEGER NOT NULL,
    {", ".join(f"{name} NOT NULL" if name != "first_ms" else name for name in _COUNTS)},
    {", ".join(f'"{kind}_{when}" NOT NULL DEFAULT 0' for kind in ("measured", "kept") for when in _MEASURES)},
    PRIMARY KEY (session, number)
) WITHOUT ROWID;
CREATE INDEX suggestion_at ON suggestion (at);
"""
_PUT = f"""
INSERT INTO suggestion (session, number, {", ".join(_COUNTS)}) VALUES (?, ?, {", ".join("?" * len(_COUNTS))})
ON CONFLICT DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COUNTS)}
"""  # noqa: S608 - our own names


def database() -> Path:
    """Return the path of this user's counts."""
    return user_state_path("starcoder-lsp", appauthor=False) / "usage.sqlite3"


class Unusable(Exception):  # noqa: N818 - read where it is caught: the counts are unusable
    """Nothing can be counted in this process; the message is a sentence for the user."""


class Store:
    """The file, for writing. Opened at the first write, and again where it was moved or deleted meanwhile."""

    def __init__(self, path: Path) -> None:
        """Keep counts at `path`."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None

    def put(self, record: Record) -> None:
        """Keep a suggestion's counts, in place of those known.

        Raises:
            Unusable: the file is a newer program's, or what is broken cannot be moved out of the way.
            sqlite3.Error: not this time: the disk is full, the folder cannot be written to.
        """
        values = [getattr(record, name) for name in _COUNTS]
        self._execute(_PUT, (*record.key, *values))

    def measure(self, key: Key, when: Measure, characters: int, standing: int) -> None:
        """Add accepted characters that were looked at, and how many of them stand. Raises what `put` raises."""
        measured, kept = f'"measured_{when}"', f'"kept_{when}"'
        change = (
            f"UPDATE suggestion SET {measured} = {measured} + ?, {kept} = {kept} + ? WHERE session = ? AND number = ?"  # noqa: S608 - our own names
        )
        self._execute(change, (characters, standing, *key))

    def clear(self) -> int:
        """Delete all counts, also those that other processes wrote; return of how many suggestions. Raises as `put`."""
        (count,) = self._execute("SELECT count(*) FROM suggestion", ())[0]
        for statement in ("DELETE FROM suggestion", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            self._execute(statement, ())
        return int(count)

    def close(self) -> None:
        """Close the file. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _execute(self, statement: str, values: tuple[object, ...]) -> list[tuple[int, ...]]:
        if self._connection is not None and _inode(self._path) != self._opened:
            self.close()
        try:
            return self._opened_file().execute(statement, values).fetchall()
        except sqlite3.OperationalError:
            raise  # a lock, a full disk: the file is all right
        except sqlite3.DatabaseError as error:
            self._set_aside(f"is broken ({error})")
        return self._opened_file().execute(statement, values).fetchall()

    def _opened_file(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        path = self._path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise Unusable(f"What helps is not counted: {path} cannot be written: {error}.") from error
        connection = _connect(path)
        self._opened = _inode(path)
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            ours = _is_ours(connection)
            if ours is None:
                for one in _SCHEMA.split(";"):
                    connection.execute(one)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif ours:
                _trim(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        if ours is False:
            connection.close()
            self._set_aside("is another program's")
            return self._open()
        return connection

    def _set_aside(self, problem: str) -> None:
        """Move the file out of the way, unless another process did. Raises Unusable where that cannot be."""
        self.close()
        if _inode(self._path) != self._opened:
            return
        aside = self._path.with_name(f"{self._path.stem}-set-aside-{time.strftime('%Y%m%d-%H%M%S')}.sqlite3")
        try:
            self._path.replace(aside)
            for end in ("-wal", "-shm"):
                self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        except OSError as error:
            raise Unusable(f"What helps is not counted: {self._path} {problem}, and stays: {error}.") from error
        log.warning(
            "The counts in %s: it %s. It was set aside as %s; counting begins anew.", self._path, problem, aside
        )


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Choose the write-ahead log. Where several processes do for a new file, SQLite says at once that it is locked."""
    end = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:  # noqa: PERF203 - that is what the next round is for
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _is_ours(connection: sqlite3.Connection) -> bool | None:
    """Whether a file is ours; None for an empty one. Raises Unusable where a newer program made it."""
    (application,), (version,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application == _APPLICATION:
        if version > _VERSION:
            raise Unusable("What helps is not counted: a newer starcoder-lsp made the file of counts. Update this one.")
        return True
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return False if application or version or tables else None


def _trim(connection: sqlite3.Connection) -> None:
    """Delete what is older than half a year, and the oldest of what is too much."""
    connection.execute("DELETE FROM suggestion WHERE at < ?", (int(time.time()) - _KEPT_S,))
    last = connection.execute("SELECT at FROM suggestion ORDER BY at DESC LIMIT 1 OFFSET ?", (_MOST_ROWS,)).fetchone()
    if last is not None:
        connection.execute("DELETE FROM suggestion WHERE at <= ?", last)


@frozen
class Kept:
    """A suggestion's counts, and of its accepted characters how many were looked at and stood, by when that was."""

    record: Record
    measured: Mapping[Measure, int]
    standing: Mapping[Measure, int]


def read(path: Path, since: int = 0) -> Iterator[Kept]:
    """Yield the counts of suggestions from `since` (seconds since 1970) on, the oldest first; none without a file.

    Raises:
        ConfigError: the file is broken, a newer program's or another's; the message says what to do.
    """
    if not path.exists():
        return
    columns = [f'"{kind}_{when}"' for kind in ("measured", "kept") for when in _MEASURES]
    query = (
        f"SELECT session, number, {', '.join([*_COUNTS, *columns])} FROM suggestion WHERE at >= ? ORDER BY at, number"  # noqa: S608 - our own names
    )
    try:
        with contextlib.closing(_connect(path, "ro")) as connection:
            ours = _is_ours(connection)
            if ours is False:
                raise ConfigError(f"{path} is another program's file. Move it away: counting then begins anew.")
            for session, number, *values in connection.execute(query, (since,)) if ours else ():
                counts = dict(zip(_COUNTS, values, strict=False))
                for name in ("shown", "whole", "typed_through", "dismissed"):
                    counts[name] = bool(counts[name])
                rest = values[len(_COUNTS) :]
                half = len(_MEASURES)
                yield Kept(
                    Record(key=(session, number), **counts),
                    dict(zip(_MEASURES, rest[:half], strict=True)),
                    dict(zip(_MEASURES, rest[half:], strict=True)),
                )
    except Unusable as error:
        raise ConfigError(str(error)) from error
    except sqlite3.Error as error:
        raise ConfigError(
            f"The counts in {path} cannot be read: {error}. If that stays, `starcoder-lsp usage --clear` deletes them."
        ) from error
