"""A person at a keyboard, as events of a trace: rhythm, typos, auto-closed brackets, auto-indent.

Times between keys are log-normal (as measured for typists again and again; for instance Dhakal et al., "Observations
on typing from 136 million keystrokes", CHI 2018: a mean of 238 ms, with a long tail): median 150 ms here, longer
before a word, longest at line ends.
"""

from __future__ import annotations

import math
import random
from typing import Any

_MEDIAN_MS, _SPREAD = 150.0, 0.42
_WORD_FACTOR = 1.35
_LINE_PAUSE_MS, _THINK_PAUSE_MS = 550.0, 1_400.0
_THINK_SHARE = 0.25
_PAIRS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
_NEIGHBOURS = "qwertyuiopasdfghjklzxcvbnm"
_ASK_MS = 2
_STEP_MS = 400


class Typist:
    """Edits files and writes down what happens. Columns are in UTF-16 units; a suggestion is asked for at each key."""

    def __init__(self, seed: str, *, asks: bool = True) -> None:
        """Start with no file; the same seed gives the same person. `asks`: keys write requests down, not moves only."""
        self.events: list[dict[str, Any]] = []
        self._random = random.Random(seed)
        self._texts: dict[str, str] = {}
        self._cursors: dict[str, int] = {}
        self._wrote: dict[str, int] = {}
        self._path = ""
        self._now = 0.0
        self._asks = asks

    # ---- files and moving ----------------------------------------------------------------------------------------

    def open(self, path: str, language: str, text: str, source: str) -> None:
        """Open a file."""
        self._texts[path], self._cursors[path], self._path = text, 0, path
        self.events.append({"event": "open", "path": path, "language": language, "text": text, "source": source})
        self._wait(1_000)

    def show(self, path: str) -> None:
        """Go back to an open file."""
        self._path = path
        self.events.append({"event": "open", "path": path, "language": "python", "text": ""})
        self._wait(900)

    def restart(self) -> None:
        """End the editor and start it again; what is shown then is opened again."""
        self._wait(3_000)
        self.events.append({"event": "restart", "t_ms": round(self._now)})
        self._wait(1_000)

    def move(self, offset: int) -> None:
        """Put the cursor somewhere; wait there a little, as one does."""
        self._cursors[self._path] = offset
        self._ask()
        self._wait(900)

    @property
    def text(self) -> str:
        """The file as it is."""
        return self._texts[self._path]

    @property
    def back(self) -> int:
        """Where the file was written in last."""
        return self._wrote[self._path]

    @property
    def cursor(self) -> int:
        """Where the cursor is."""
        return self._cursors[self._path]

    # ---- keys ----------------------------------------------------------------------------------------------------

    def type(self, text: str, *, typos: float = 0.0, auto_close: bool = False) -> None:
        """Type key by key. The indentation of a new line comes with Enter where it is that of the line before."""
        at = 0
        owed: list[str] = []  # brackets that the editor closed
        while at < len(text):
            letter = text[at]
            if letter == "\n":
                at = self._enter(text, at, owed)
                continue
            if owed and letter == owed[-1] and self.text.startswith(letter, self.cursor):
                owed.pop()
                self._change(self.cursor, self.cursor + 1, letter)  # typed over
            elif auto_close and letter in _PAIRS and self._may_close(text, at):
                owed.append(_PAIRS[letter])
                self._change(self.cursor, self.cursor, letter + owed[-1], back=1)
            else:
                if letter.isalpha() and self._random.random() < typos:
                    self._typo(text, at)
                self._change(self.cursor, self.cursor, letter)
            self._gap(letter)
            at += 1

    def paste(self, text: str) -> None:
        """Insert a text at once."""
        self._change(self.cursor, self.cursor, text)
        self._wait(1_200)

    def erase(self, count: int) -> None:
        """Press backspace."""
        for _ in range(count):
            self._change(self.cursor - 1, self.cursor, "")
            self._wait(90)

    def accept(self, text: str) -> None:
        """Accept the suggestion, which in the recorded file becomes `text`."""
        self._wait(700)
        self.events.append({"event": "accept", "t_ms": round(self._now)})
        self._wait(_STEP_MS)
        self._change(self.cursor, self.cursor, text)
        self._wait(500)

    def rest(self, ms: float = 1_000.0) -> None:
        """Look at it."""
        self._wait(ms)

    def _enter(self, text: str, at: int, owed: list[str]) -> int:
        """Press Enter; return where to go on. Blanks up to the next text come with it, or are typed."""
        end = at + 1
        while end < len(text) and text[end] in " \t":
            end += 1
        line_end = "\r\n" if "\r\n" in self.text else "\n"
        if owed and self.text.startswith("".join(reversed(owed)), self.cursor):
            self._change(self.cursor, self.cursor + len(owed), "")  # the recorded file closes them elsewhere
            owed.clear()
        self._change(self.cursor, self.cursor, line_end + text[at + 1 : end])
        self._wait(self._normal(_THINK_PAUSE_MS if self._random.random() < _THINK_SHARE else _LINE_PAUSE_MS, 0.3))
        return end

    def _may_close(self, text: str, at: int) -> bool:
        """Editors close a bracket where nothing but blanks or closers follows; here also only where it closes soon."""
        rest = self.text[self.cursor : self.cursor + 1]
        closer = _PAIRS[text[at]]
        line = text[at + 1 :].split("\n", 1)[0]
        return (rest == "" or rest in " \t\r\n)]}\"'") and closer in line

    def _typo(self, text: str, at: int) -> None:
        """Hit a wrong key, notice it up to three keys later, take it back."""
        wrong = self._random.choice(_NEIGHBOURS)
        more = text[at : at + self._random.randint(0, 3)].split("\n", 1)[0]
        for letter in wrong + more:
            self._change(self.cursor, self.cursor, letter)
            self._gap(letter)
        self._wait(350)
        self.erase(1 + len(more))

    def _change(self, start: int, end: int, text: str, *, back: int = 0) -> None:
        span = [self._position(start), self._position(end)]
        self.events.append({"event": "change", "t_ms": round(self._now), "range": span, "text": text})
        old = self.text
        self._texts[self._path] = old[:start] + text + old[end:]
        self._cursors[self._path] = self._wrote[self._path] = start + len(text) - back
        if self._asks:
            self._now += _ASK_MS
            self._ask()

    def _ask(self) -> None:
        self.events.append({"event": "request", "t_ms": round(self._now), "position": self._position(self.cursor)})

    def _position(self, offset: int) -> list[int]:
        before = self.text[:offset]
        line = before[before.rfind("\n") + 1 :]
        return [before.count("\n"), len(line.encode("utf-16-le")) // 2]

    # ---- time ----------------------------------------------------------------------------------------------------

    def _gap(self, letter: str) -> None:
        self._wait(self._normal(_MEDIAN_MS * (_WORD_FACTOR if letter in " .,(" else 1.0), _SPREAD))

    def _normal(self, median_ms: float, spread: float) -> float:
        return median_ms * math.exp(self._random.gauss(0.0, spread))

    def _wait(self, ms: float) -> None:
        self._now += ms
