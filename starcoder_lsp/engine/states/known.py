"""Which states of a model there are: for the engine that reads them into slots, and for windows that plan by them."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from starcoder_lsp.engine.states.folder import ENDING, StatesFolder, discard
from starcoder_lsp.engine.states.index import Index
from starcoder_lsp.engine.states.sealed import Torn, ids_of, packed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

WORTH: Final = 32
"""Tokens that a state must save to be read: reading takes as long as some 10 tokens of the smallest model."""


@frozen
class StatesAt:
    """Where the states of a model at work are."""

    folder: str
    model: str
    """Of `identity.model_key`."""
    identity: bytes
    """Of `identity.identity`."""


class Known:
    """The states in a model's folder, as they were when it changed last. For one thread at a time."""

    def __init__(self, at: StatesAt) -> None:
        """Look at the folder when it is first asked for."""
        self.at = at
        self.folder = Path(at.folder) / at.model
        self._prefix = at.identity.hex()[:16] + "-"
        self._index = Index()
        self._names: dict[str, bytes] = {}
        self._seen_at = -1
        self._stale = True
        self._asked: tuple[Sequence[int], int] = ((), 0)

    def worth(self, ids: Sequence[int], own: int) -> int:
        """Return how many of `ids`, from the start, the best state holds; 0 where it saves too little to be read.

        `own`: how many the slot holds without it. The caller does not change `ids` later.
        """
        if own + WORTH > len(ids):
            return 0
        self.refresh()
        if not self._index:
            return 0
        if self._asked[0] is not ids:  # a prompt is asked for once a slot
            self._asked = (ids, self._index.longest(packed(ids))[1])
        shared = self._asked[1]
        return shared if shared >= own + WORTH else 0

    def longest(self, ids: bytes) -> tuple[bytes, int]:
        """Return the state that shares most with packed `ids`, and how many ids that is; (b"", 0) where none does."""
        return self._index.longest(ids)

    def path(self, ids: bytes) -> Path:
        """Return the file of a state."""
        return self.folder / f"{self._prefix}{hashlib.sha256(ids).hexdigest()[:32]}{ENDING}"

    def files(self) -> Mapping[str, bytes]:
        """Return the states' packed ids by their files' names."""
        return dict(self._names)

    def changed(self) -> None:
        """Look at the folder again before the next answer. From any thread."""
        self._stale = True

    def drop(self, ids: bytes, error: Exception) -> None:
        """Forget a state that cannot be read, and remove its file."""
        path = self.path(ids)
        if not isinstance(error, FileNotFoundError):
            log.info("The kept state %s is removed: %s.", path, error)
            discard(path)
        self._index.remove(ids)
        self._asked = ((), 0)
        self._stale = True

    def refresh(self) -> None:
        """Look at the folder again where this process or another changed it."""
        try:
            changed = self.folder.stat().st_mtime_ns
        except OSError:
            changed = -1
        if not self._stale and changed == self._seen_at:
            return
        self._stale, self._seen_at, self._asked = False, changed, ((), 0)
        names = {}
        for one in StatesFolder(Path(self.at.folder)).states(self.at.model):
            if one.path.name.startswith(self._prefix):
                ids = self._names.get(one.path.name) or self._read(one.path)
                if ids and self.path(ids) == one.path:  # else it could not be found again
                    names[one.path.name] = ids
        self._names = names
        self._index.set(names.values())

    def _read(self, path: Path) -> bytes:
        try:
            ids = ids_of(path, self.at.identity)
        except Torn as error:
            log.info("The kept state %s is removed: %s.", path, error)
            discard(path)
            return b""
        except OSError:
            return b""
        return ids
