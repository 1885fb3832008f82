"""From a folder of states to the shelf of a model that is being loaded."""

from __future__ import annotations

import atexit
import logging
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.engine.states.folder import StatesFolder, empty
from starcoder_lsp.engine.states.identity import identity, model_key
from starcoder_lsp.engine.states.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starcoder_lsp.engine.states.shelf import Slots

log = logging.getLogger(__name__)


@frozen
class Opening:
    """What is known before the load. A load that fails ends with `drop`, any other with `shelf`."""

    staging: Path
    """Where the engine writes states and reads them."""
    _folder: StatesFolder
    _files: tuple[Path, ...]
    _facts: tuple[object, ...]
    _identity: bytes

    @classmethod
    def begin(cls, folder: StatesFolder, files: Sequence[Path], facts: Sequence[object]) -> Opening | None:
        """Make the folders; None, and a line in the log, where the disk does not let us: then nothing is kept.

        `files`: the model's parts, the first named first, and adapters; `facts`: see `identity`.
        """
        try:
            folder.prepare()
            staging = folder.staging()
            atexit.register(empty, staging)
            return cls(staging, folder, tuple(files), tuple(facts), identity(files, facts))
        except OSError as error:
            log.warning("Nothing that is evaluated is kept on disk: %s.", error)
            return None

    def shelf(self, slots: Slots) -> Shelf | None:
        """Return the shelf of what was loaded; None where the files changed meanwhile: what was loaded is not known."""
        try:
            same = identity(self._files, self._facts) == self._identity
        except OSError:
            same = False
        if not same:
            self.drop()
            return None
        return Shelf(self._folder, self.staging, model_key(self._files[0]), self._identity, slots)

    def drop(self) -> None:
        """Remove the staging folder."""
        empty(self.staging)
