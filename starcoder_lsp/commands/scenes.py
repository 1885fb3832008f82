"""What the demo types: lines of the samples that ship, or the line up to a place in a file of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.commands.place import parse_place, read_text
from starcoder_lsp.completion.cursor import normalised
from starcoder_lsp.documents import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLES = Path(__file__).parent / "samples"
_LANGUAGES = {".py": "python", ".go": "go"}
_MARK = "▌\n"
"""Stands at the end of each line of a sample that is typed."""


@frozen
class Scene:
    """A file without one line, and that line."""

    name: str
    before: str
    """The file up to where the typing begins: the editor has indented."""
    line: str
    after: str

    @property
    def language(self) -> str:
        """LSP language id."""
        return _LANGUAGES.get(Path(self.name).suffix, "plaintext")

    def text(self, typed: int) -> str:
        """Return the file's text when so many characters of the line are typed."""
        return self.before + self.line[:typed] + self.after

    def position(self, typed: int) -> tuple[int, int]:
        """Return the cursor there: line and utf-16 character."""
        text = self.text(typed)
        return Snapshot.of("", 0, self.language, text).position(len(self.before) + typed, "utf-16")


def samples() -> Iterator[Scene]:
    """Return the marked lines of the samples; in each scene, the file's other lines are there."""
    for path in sorted(_SAMPLES.glob("*.txt")):
        parts = path.read_text(encoding="utf-8").split(_MARK)
        for number in range(1, len(parts)):
            before, after = "\n".join(parts[:number]), "\n".join(parts[number:])
            start = before.rfind("\n") + 1
            start += len(before[start:]) - len(before[start:].lstrip())
            yield Scene(path.stem, before[:start], before[start:], "\n" + after)


def own(place: str) -> Scene:
    """Return the scene of FILE:LINE:COL. Raises ConfigError for a place that is none."""
    path, line, column = parse_place(place)
    text = normalised(read_text(path))
    offset = Snapshot.of("", 0, "", text).offset(line - 1, column - 1, "utf-32")
    start = text.rfind("\n", 0, offset) + 1
    return Scene(path.name, text[:start], text[start:offset], text[offset:])
