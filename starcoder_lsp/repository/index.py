"""The index of a repository: facts of its files, kept small, and what of it belongs in front of a prompt.

Not thread-safe: who owns it holds one lock around every call. It does no I/O: texts of the files that a selection
needs come through `read`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from starcoder_lsp.repository.nearness import RESPECTS, near_files
from starcoder_lsp.repository.pack import pack
from starcoder_lsp.repository.place import place_of
from starcoder_lsp.repository.query import LeftOut, Query, Selection, Snippet
from starcoder_lsp.repository.rank import wanted_names
from starcoder_lsp.repository.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from starcoder_lsp.repository.facts import FileFacts
    from starcoder_lsp.repository.nearness import Near
    from starcoder_lsp.repository.postings import Segment
    from starcoder_lsp.repository.rank import Wanted
    from starcoder_lsp.repository.store import Entry

__all__ = ["Index", "Query", "Selection", "Snippet"]

_NOTHING_NEW = "it brings no name that is new"
_LESS = "others bring more for their tokens"
_USAGE_LINES = 100
"""Lines of one file that may be packed because they are like the surroundings."""


class Index:
    """The files of one root."""

    def __init__(self, read: Callable[[str], str | None]) -> None:
        r"""`read` returns the present text of a file of the index, with newlines `\\n`; None where it has vanished."""
        self._store = Store(read)

    def fill(self, entries: Mapping[int, Entry], words: Sequence[Segment], names: Sequence[Segment]) -> None:
        """Take all that is known of files, in place of none: see `Known`."""
        self._store.fill(entries, words, names)

    def parts(self) -> tuple[Mapping[int, Entry], Sequence[Segment], Sequence[Segment]]:
        """Return the same as it is now; nothing in it will change."""
        return dict(self._store.entries), self._store.words.segments(), self._store.names.segments()

    def put(self, path: str, facts: FileFacts) -> None:
        """Add a file, or replace what is known of it. `path` is relative to the root, with slashes."""
        self._store.put(path, facts)

    def touch(self, path: str) -> None:
        """Forget what is remembered of the file's text: it changed, and its facts will follow."""
        self._store.forget_text(path)

    def remove(self, path: str) -> None:
        """Forget a file; one that is not known is no error."""
        self._store.remove(path)

    def __len__(self) -> int:
        """The number of files."""
        return len(self._store.entries)

    def __contains__(self, path: str) -> bool:
        """Whether a file is in it."""
        return path in self._store.files.slots

    def holds(self, path: str, text: str) -> bool:
        """Whether a file has all lines of a text, wherever they stand in it."""
        now = self._store.text(path) if path in self else None
        return now is not None and set(text.splitlines()) <= set(now.data.decode("utf-8", "replace").splitlines())

    @property
    def symbols(self) -> int:
        """The number of definitions in all files."""
        return self._store.symbols

    def select(self, query: Query, budget: int, count: Callable[[str], int]) -> Selection:
        """Choose what of the other files helps at a place, in at most `budget` tokens.

        `count` returns the tokens of a text. The file of the query need not be in the index, and its own lines are
        taken from `query.text` only.
        """
        started = time.perf_counter()
        store = self._store
        read_before = store.reading_s
        place = place_of(query)
        near = near_files(query, place, store)
        wanted = wanted_names(place, near, store)
        texts = wanted.texts
        paths = [store.entries[slot].path for slot in near.slots]
        chosen = pack(_signatures(wanted), _uses(wanted), texts, paths, wanted, budget, count)
        snippets = []
        for one in chosen:
            indices = sorted(one.lines)
            text = "".join(one.lines[index] + "\n" for index in indices)
            snippets.append(
                Snippet(
                    paths[one.file], indices[0] + 1, indices[-1] + 1, text, one.tokens, round(one.worth, 4),
                    _why(near, one.file),
                )
            )  # fmt: skip
        held = {one.file for one in chosen}
        left_out = tuple(
            LeftOut(path, f"{_why(near, file)}, but {_NOTHING_NEW if file not in texts else _LESS}")
            for file, path in enumerate(paths)
            if file not in held
        )
        read_ms = (store.reading_s - read_before) * 1000
        took_ms = (time.perf_counter() - started) * 1000
        return Selection(tuple(snippets), left_out, took_ms - read_ms, read_ms)


def _signatures(wanted: Wanted) -> dict[int, NDArray[np.int64]]:
    """The first lines of the definitions that are wanted most, by file."""
    files = wanted.row_files[wanted.leading]
    lines = wanted.rows["line"][wanted.leading].astype(np.int64) - 1
    return {file: lines[files == file] for file in wanted.texts}


def _uses(wanted: Wanted) -> dict[int, NDArray[np.int64]]:
    """Lines that use wanted names, by file; of each file that was read, also where there are none."""
    found = {file: np.zeros(0, dtype=np.int64) for file in wanted.texts}
    for index, likeness in wanted.usages.lines.items():
        text = wanted.texts[index]
        value = text.looked_up(wanted.numbers, wanted.wants)
        per_line = np.bincount(text.words.lines, weights=value, minlength=len(text.words.line_starts))
        best = np.argsort(-per_line * (0.3 + likeness), kind="stable")[:_USAGE_LINES]
        found[index] = best[per_line[best] > 0]
    return found


_WHY = {
    "line": "named by the import at the cursor",
    "receiver": "the module in front of the dot",
    "twin": "its test or what it tests",
    "imported": "imported here",
    "definer": "defines names that stand here",
    "recent": "edited or viewed just now",
    "similar": "code like this place",
    "importer": "imports this file",
    "hop": "imported by what is imported here",
    "folder": "in the same folder",
}


def _why(near: Near, file: int) -> str:
    row = near.respects[file]
    for respect, phrase in _WHY.items():
        if row[RESPECTS.index(respect)] > 0.4 or respect == "folder":  # noqa: PLR2004 - a hint of it is no reason
            return phrase
    return ""
