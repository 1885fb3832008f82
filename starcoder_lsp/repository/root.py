"""One root: its index, the rules of what is left out, and the only way by which a text of it gets into a prompt."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starcoder_lsp.repository import cache
from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.ignore import Ignore
from starcoder_lsp.repository.index import Index
from starcoder_lsp.repository.known import Known
from starcoder_lsp.repository.personal import masked
from starcoder_lsp.repository.secrets import without_secrets
from starcoder_lsp.repository.texts import Refused, read, why_generated

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from starcoder_lsp.repository.child import Place, Row
    from starcoder_lsp.repository.facts import FileFacts
    from starcoder_lsp.repository.scan import Entry

__all__ = ["Root", "readable"]

log = logging.getLogger(__name__)

_LASTING: Final = frozenset({"binary", "generated", "minified"})
"""Why a file has no facts, as long as it does not change; else it may become readable, or vanish, without a change."""
_WORTH_WRITING: Final = 50
"""One of so many files must have changed: the others are read again at the next start, in less time than all are
written."""


def readable(text: str) -> str:
    """Return a neighbour's text as a prompt may hold it: secret lines emptied, people and machines masked."""
    return masked(without_secrets(text))


class Root:
    """The files of one root. Not thread-safe: its owner holds one lock around every call.

    `buffer` returns the text of an open document by its whole path, None for one that is not open.
    """

    def __init__(
        self,
        path: Path,
        *,
        exclude: Iterable[str],
        others: Iterable[Path],
        cache_folder: Path | None,
        buffer: Callable[[str], str | None],
    ) -> None:
        """`path` has no symbolic link in it."""
        self.path = path
        self.place: Place = (
            str(path),
            tuple(exclude),
            tuple(str(one) for one in others if one != path),
        )
        self._cache = None if cache_folder is None else cache.cache_path(path, cache_folder)
        self.index = Index(self._read)
        self.known: dict[str, tuple[int, int]] = {}
        """Size and time of change of the files of which the facts are known, or known not to be wanted."""
        self.shallow: set[str] = set()
        """Those whose facts were not parsed."""
        self.asked: set[str] = set()
        """Those that were to be parsed after all: once, since a parser may not take them."""
        self.left_out: dict[str, str] = {}
        """Why files have no facts that were not left out by their name."""
        self.counted: Counter[str] | None = None
        """What the last walk left out, by why; None before the first."""
        self.scanning = True
        self._changes = 0
        """Files that became known since the cache was read or written."""
        self._forgot = False
        """Whether something is in the cache that was forgotten since."""
        self._opened: set[str] = set()
        """Files of which the facts may be those of an open document."""
        self._given: set[str] = set()
        self._folders = {""}
        self._buffer = buffer
        self._whole = str(path) + os.sep if not str(path).endswith(os.sep) else str(path)
        self.reread_rules()

    def reread_rules(self) -> None:
        """Forget the rules of what is left out, and the texts that were read by them: one of their files changed."""
        _root, exclude, others = self.place
        self._ignore = Ignore(self.path, exclude, tuple(map(Path, others)))
        for path in self._given:
            self.index.touch(path)
        self._given.clear()

    def relative(self, path: str) -> str | None:
        """Return a whole path as seen from the root, with slashes; None for one outside it."""
        if not path.startswith(self._whole):
            return None
        inside = path[len(self._whole) :]
        return inside.replace(os.sep, "/") if os.sep != "/" else inside

    def whole(self, path: str) -> str:
        """Return the whole path of a file of the root."""
        return self._whole + (path.replace("/", os.sep) if os.sep != "/" else path)

    def why_not(self, path: str) -> str:
        """Return why a file is never read, as the end of "it is …"; empty for one that may be."""
        return self.why_not_named(path) or self.left_out.get(path, "")

    def why_not_named(self, path: str) -> str:
        """The same by the file's name and the rules only, as an open document is judged."""
        return self._ignore.why(path)

    def is_open(self, path: str) -> bool:
        """Return whether a file is an open document."""
        return self._buffer(self.whole(path)) is not None

    def put_open(self, path: str, facts: FileFacts) -> None:
        """Take the facts of an open document."""
        self._opened.add(path)
        self.index.put(path, facts)

    def put(self, found: Row) -> None:
        """Take the facts of a file. Those of an open document are its text's, and stay."""
        path, size, time, parsed, facts, why = found
        self.known[path] = (size, time)
        self._changes += 1
        self._in_folders(path)
        self.shallow.discard(path)
        if self.is_open(path):
            self._opened.add(path)
            return
        self._opened.discard(path)
        if facts is None:
            self.left_out[path] = why
            self.index.remove(path)
            return
        self.left_out.pop(path, None)
        self.index.put(path, facts)
        if not parsed:
            self.shallow.add(path)

    def _in_folders(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        while folder not in self._folders:
            self._folders.add(folder)
            folder = folder.rpartition("/")[0]

    # --- on disk ---

    def read_cache(self, lock: AbstractContextManager[object]) -> None:
        """Know what was known when the cache was written, if nothing is known yet. `lock` is held for the last step."""
        arrays = None if self._cache is None or self.known else cache.read(self._cache)
        if arrays is None:
            return
        try:
            known = Known.of(arrays)
            index = Index(self._read)
            index.fill(known.entries, known.words, known.names)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            log.info("The cache of %s holds something else, and is made again: %s", self.path, error)
            return
        with lock:
            self.index = index
            self.known, self.left_out, self.shallow = dict(known.stamps), dict(known.left_out), set(known.shallow)
            for path in self.known:
                self._in_folders(path)

    def write_cache(self, lock: AbstractContextManager[object]) -> None:
        """Write the cache, if much changed since, or anything was forgotten. `lock` is held for the first step only."""
        with lock:
            if self._cache is None or not (self._forgot or self._changes > len(self.known) // _WORTH_WRITING):
                return
            passing = self._opened.union(path for path, why in self.left_out.items() if why not in _LASTING)
            stamps = {path: stamp for path, stamp in self.known.items() if path not in passing}
            known = Known(*self.index.parts(), stamps, dict(self.left_out), frozenset(self.shallow))
            self._forgot, self._changes = False, 0
        cache.write(self._cache, known.arrays())

    def forget(self, paths: Iterable[str]) -> list[str]:
        """Forget files, and folders with all that is in them; return the files."""
        gone = {path for path in paths if path}
        files = [path for path in gone if path in self.known]
        if not self._folders.isdisjoint(gone):
            files = [path for path in self.known if path in gone or any(one in gone for one in _folders(path))]
        for path in files:
            self._forget(path)
        for path in gone.difference(files):
            self.index.remove(path)  # an open document that was never on disk
        return files

    def missing(self, entries: Iterable[Entry]) -> list[str]:
        """Return the known files that are not among these."""
        present = {path for path, _size, _time in entries}
        return [path for path in self.known if path not in present]

    def stale(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return those of which the facts are not known as they are now."""
        return [entry for entry in entries if self.known.get(entry[0]) != entry[1:]]

    def _forget(self, path: str) -> None:
        self._forgot = True
        self._opened.discard(path)
        self.known.pop(path, None)
        self.left_out.pop(path, None)
        self.shallow.discard(path)
        self.index.remove(path)

    def _read(self, path: str) -> str | None:
        """Return the present text of a file as a prompt may hold it; None for one that may not be read, or is gone.

        Every text of a neighbour passes here, so the rules are asked again: they may have changed since the file's
        facts were taken.
        """
        if self._ignore.why(path) or not language_of(path):
            return None
        whole = self.whole(path)
        text = self._buffer(whole)
        if text is None:
            if os.path.realpath(whole) != whole:  # a folder on the way became a link
                return None
            found = read(whole)
            if isinstance(found, Refused):
                return None
            text = found.text
        if why_generated(text):
            return None
        self._given.add(path)
        return readable(text)


def _folders(path: str) -> Iterable[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
