"""Whether the file of a loaded model is still what was loaded.

llama.cpp maps the file. Where somebody cuts it off meanwhile (a download over it), reading a lost page ends the process
with SIGBUS; where it is overwritten in place, the weights become others. Both show in its size and time, which cost two
microseconds to look at. Deleting it or moving another file to its name harms nothing: the map keeps the old one.

What happens between the look and the reading, in the middle of one evaluation, cannot be seen here.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from starcoder_lsp.errors import EngineFailed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class FileGuard:
    """Holds the files open, so that it looks at those that were loaded. On Windows a mapped file cannot be cut off."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Note size and time. Raises OSError if one is not there."""
        self._paths: dict[int, Path] = {}
        self._seen: dict[int, tuple[int, int]] = {}
        if sys.platform == "win32":
            return
        try:
            for path in paths:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                self._paths[descriptor] = path
                self._seen[descriptor] = _look(descriptor)
        except OSError:
            self.close()
            raise

    def check(self) -> None:
        """Raise EngineFailed if a file was cut off or overwritten."""
        for descriptor, seen in self._seen.items():
            if _look(descriptor) != seen:
                raise EngineFailed(
                    f"The model file {self._paths[descriptor]} was changed while it was in use. It is loaded again; "
                    "replace a model by moving the new file to its name."
                )

    def close(self) -> None:
        """Let go of the files. Idempotent."""
        for descriptor in self._paths:
            with suppress(OSError):
                os.close(descriptor)
        self._paths.clear()
        self._seen.clear()


def _look(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns
