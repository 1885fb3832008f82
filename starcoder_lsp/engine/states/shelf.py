"""The states of one model at work: which of them helps a prompt, taking one down into a slot, putting one up.

Putting up costs the engine's thread the engine's own writing (StarCoder2-3B: 15 ms for 1,500 tokens); sealing, moving
and making room is done on another thread. Nothing here can fail an evaluation: what cannot be read or written is
logged, and evaluated as if there were no states.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from starcoder_lsp.engine.states.folder import ENDING, StatesFolder, discard, empty
from starcoder_lsp.engine.states.known import Known, StatesAt
from starcoder_lsp.engine.states.sealed import ID_BYTES, Torn, check, packed, seal, unpacked
from starcoder_lsp.errors import EngineFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

_LEAST: Final = 64
"""Tokens of the shortest prompt that is kept."""
_GROWN: Final = 64
"""Tokens that a prompt must have grown by since it was kept, to be kept again."""
_PATIENCE_S: Final = 5.0


class Slots(Protocol):
    """What writes a slot into a file of the staging folder, and reads it from there; both return a number of ids."""

    def save(self, slot: int, name: str) -> int:
        """Raises EngineFailed."""
        ...

    def restore(self, slot: int, name: str) -> int:
        """Raises EngineFailed; then the slot may hold nothing any more."""
        ...


class Shelf:
    """For one thread, but for what it does on its own."""

    def __init__(self, folder: StatesFolder, staging: Path, model: str, identity: bytes, slots: Slots) -> None:
        """`staging`: where `slots` writes and reads. `model`: of `identity.model_key`."""
        self._all = folder
        self.known = Known(StatesAt(str(folder.path), model, identity))
        self._staging = staging
        self._slots = slots
        self._numbers = itertools.count()
        self._putting: dict[bytes, threading.Thread] = {}
        self._bytes_per_id = 0.0

    def take(self, ids: Sequence[int], slot: int) -> list[int] | None:
        """Put the best state for `ids` into a slot, and return the ids that the slot holds now.

        None where nothing was done; nothing is left of what the slot held where the list is empty.
        """
        best, shared = self.known.longest(packed(ids))
        if not shared:
            return None
        path, staged = self.known.path(best), self._staging / f"take{ENDING}"
        try:
            _link(path, staged)
            check(staged, best, self.known.at.identity)
            restored = self._slots.restore(slot, staged.name)
        except (Torn, OSError) as error:
            self.known.drop(best, error)
            return None
        except EngineFailed as error:
            self.known.drop(best, error)
            return []
        finally:
            discard(staged)
        with suppress(OSError):
            os.utime(path)
        held = unpacked(best)
        return held if restored >= len(held) else []

    def put(self, ids: Sequence[int], slot: int) -> bool:
        """Keep what a slot holds, `ids`, unless what is kept comes near enough; return whether it is being written."""
        data = packed(ids)
        self._putting = {one: thread for one, thread in self._putting.items() if thread.is_alive()}
        if len(ids) < _LEAST or any(_covers(one, data) for one in self._putting):
            return False
        self.known.refresh()
        best, shared = self.known.longest(data)
        if shared > len(ids) - _GROWN:
            with suppress(OSError):
                os.utime(self.known.path(best))
            return False
        if self._bytes_per_id * len(ids) > self._all.budget / 2 or not self._all.has_room():
            return False
        staged = self._staging / f"put-{next(self._numbers)}{ENDING}"
        try:
            saved = self._slots.save(slot, staged.name)
            self._bytes_per_id = staged.stat().st_size / max(1, saved)
        except (EngineFailed, OSError) as error:
            log.info("What was evaluated is not kept on disk: %s", error)
            discard(staged)
            return False
        if saved < len(ids):
            discard(staged)
            return False
        thread = threading.Thread(target=self._publish, args=(staged, data), name="states", daemon=True)
        self._putting[data] = thread
        thread.start()
        return True

    def wait(self) -> None:
        """Wait until what is being written is on disk, some seconds at most."""
        for thread in self._putting.values():
            thread.join(_PATIENCE_S)

    def close(self) -> None:
        """Finish what is being written. Idempotent."""
        self.wait()
        empty(self._staging)

    def _publish(self, staged: Path, ids: bytes) -> None:
        try:
            seal(staged, ids, self.known.at.identity)
            staged.chmod(0o600)
            self._all.of_model(self.known.at.model)
            staged.replace(self.known.path(ids))
            for name, old in self.known.files().items():
                if old != ids and _covers(ids, old):
                    discard(self.known.folder / name)
            self._all.trim()
        except OSError as error:
            log.info("What was evaluated is not kept on disk: %s", error)
            discard(staged)
        self.known.changed()


def _covers(new: bytes, old: bytes) -> bool:
    """Whether a state gives nearly all that an older one gives."""
    end = max(0, len(old) - (_GROWN // 2) * ID_BYTES)
    return new[:end] == old[:end]


def _link(path: Path, to: Path) -> None:
    """Give a file a second name, so that what is checked is what is read, whatever becomes of the first name."""
    try:
        os.link(path, to, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except (OSError, NotImplementedError):  # no links here
        shutil.copyfile(path, to, follow_symlinks=False)
