from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.editors.lab import CODE, Home, Screen, accepted, block, editor, page, sure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.editors

QUIET = "(setq inhibit-startup-screen t make-backup-files nil create-lockfiles nil)\n"


class Emacs:
    """Emacs in a terminal, configured as a section of the page says, with a file open."""

    def __init__(self, home: Home, section: str) -> None:
        configuration = sure(block(page("emacs"), section), ':model "nano"', ':model "nano" :confidence 0')
        folder = home.path / ".emacs.d"
        folder.mkdir()
        (folder / "init.el").write_text(QUIET + configuration)
        self.file = home.file("arithmetic.py", CODE)
        self.screen = Screen([editor("emacs") / "bin" / "emacs", "-nw", self.file], home.environment, home.project)
        self.screen.wait("the file", lambda text: "def multiply" in text)

    def save(self) -> None:
        """Write the file."""
        self.screen.press("C-x", "C-s")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def lsp_mode(home: Home) -> Iterator[Emacs]:
    emacs = Emacs(home, "lsp-mode")
    yield emacs
    emacs.screen.close()


@pytest.fixture
def eglot(home: Home) -> Iterator[Emacs]:
    emacs = Emacs(home, "eglot")
    yield emacs
    emacs.screen.close()


def test_lsp_mode_shows_a_suggestion_inline_and_accepts_it(lsp_mode: Emacs) -> None:
    screen = lsp_mode.screen
    screen.wait("the status", lambda text: "nano: ready" in text)
    screen.press("M->")
    screen.type("re")
    screen.wait("ghost text", lambda text: "Accept: [TAB" in text)
    assert "    re" in screen.text()
    screen.press("Tab")
    screen.wait("the suggestion is in the text", lambda text: "Accept: [TAB" not in text)
    lsp_mode.save()
    accepted(lsp_mode.file, "re")


def test_eglot_completes_with_a_suggestion(eglot: Emacs) -> None:
    screen = eglot.screen
    screen.wait("the server is there", lambda text: "[eglot:" in text)
    screen.press("M->")
    screen.type("re")
    screen.press("C-M-i")
    # A request that came before the model was loaded has no answer.
    screen.wait(
        "the suggestion", lambda text: re.search(r"^ *re *\S", text.split("multiply")[1], re.MULTILINE), nudge=["C-M-i"]
    )
    eglot.save()
    accepted(eglot.file, "re")
