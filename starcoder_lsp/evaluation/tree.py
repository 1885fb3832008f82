"""The files of one commit at a time, as the server would have read and indexed them; what is known of a text is kept.

Files that the rules of the folder leave out today are left out, and so is what is generated. Nothing is checked out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.evaluation.repo_files import ignore_of
from starcoder_lsp.repository.facts import FileFacts, extract, language_of
from starcoder_lsp.repository.index import Index
from starcoder_lsp.repository.query import Query
from starcoder_lsp.repository.root import readable
from starcoder_lsp.repository.texts import MOST_BYTES, why_generated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starcoder_lsp.evaluation.git import History
    from starcoder_lsp.repository.query import Selection

__all__ = ["Tree"]


class Tree:
    """A repository's files at a commit: `files` by path, what is known of them in `facts`, and an index of them all."""

    def __init__(self, history: History, folder: Path) -> None:
        """Begin empty."""
        self._history = history
        self._ignore = ignore_of(folder)
        self._texts: dict[str, str | None] = {}
        self._known: dict[tuple[str, str], FileFacts] = {}
        self._blobs: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.facts: dict[str, FileFacts] = {}
        self._readable: dict[str, str] = {}
        self.index = Index(self._read)

    def is_read(self, path: str) -> bool:
        """Whether a file of this path would be read: its language is known and no rule leaves it out."""
        return bool(language_of(path)) and not self._ignore.why(path)

    def go_to(self, commit: str) -> None:
        """Make it that of a commit. Raises ConfigError where git cannot read it."""
        listed = {path: blob for path, blob in self._history.tree(commit).items() if self.is_read(path)}
        for path in [path for path in self.files if path not in listed]:
            self._drop(path)
        for path, blob in listed.items():
            if self._blobs.get(path) == blob.id:
                continue
            text = self._text(blob.id, blob.size)
            if text is None:
                self._drop(path)
                continue
            self._blobs[path], self.files[path] = blob.id, text
            self.facts[path] = self._facts(path, blob.id, text)
            self.index.put(path, self.facts[path])

    def select(self, path: str, text: str, offset: int, budget: int, count: Callable[[str], int]) -> Selection:
        """Return what the other files say to a place in a file that has this text now, in at most `budget` tokens."""
        language = language_of(path)
        self.index.put(path, extract(path, language, text))
        try:
            return self.index.select(Query(path, language, text, offset), budget, count)
        finally:
            if path in self.facts:
                self.index.put(path, self.facts[path])
            else:
                self.index.remove(path)

    def _read(self, path: str) -> str | None:
        """Return a file's text as a prompt may hold it."""
        blob = self._blobs.get(path)
        if blob is not None and blob not in self._readable:
            self._readable[blob] = readable(self.files[path])
        return None if blob is None else self._readable[blob]

    def _text(self, blob: str, size: int) -> str | None:
        if blob not in self._texts:
            text = self._history.text(blob) if size <= MOST_BYTES else None
            self._texts[blob] = None if text is None or why_generated(text) else text
        return self._texts[blob]

    def _facts(self, path: str, blob: str, text: str) -> FileFacts:
        key = (language_of(path), blob)
        if key not in self._known:
            self._known[key] = extract(path, key[0], text)
        return self._known[key]

    def _drop(self, path: str) -> None:
        if self.files.pop(path, None) is not None:
            del self.facts[path], self._blobs[path]
            self.index.remove(path)
