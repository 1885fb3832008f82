"""The command line's parser: its mistakes are answered with the word that was meant."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import NoReturn

_INVALID_CHOICE = re.compile(
    r"^argument (?P<name>.+): invalid choice: '(?P<wrong>.*)' \(choose from (?P<choices>.*)\)$"
)


class Parser(argparse.ArgumentParser):
    """argparse's, with "did you mean" for words and options. Every mistake ends the process with status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to read on."""
        invalid = _INVALID_CHOICE.match(message)
        if invalid:
            choices = [choice.strip(" '") for choice in invalid["choices"].split(",")]
            message = (
                f"{invalid['name']} cannot be {invalid['wrong']!r}{_meant(invalid['wrong'], choices)}."
                f" It is one of: {', '.join(choices)}."
            )
        self.exit(2, f"{self.prog}: {message}\nSee {self.prog} --help\n")

    def unrecognized(self, words: list[str]) -> NoReturn:
        """Say that nothing takes these words."""
        options = [word for word in words if word.startswith("-")]
        known = re.findall(r"--[a-z][a-z-]+", self.format_help())
        self.error(
            "; ".join(f"nothing takes {word}{_meant(word.partition('=')[0], known)}" for word in options or words) + "."
        )


def _meant(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
