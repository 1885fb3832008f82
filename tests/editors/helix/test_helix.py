from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.lab import CODE, Home, Screen, accepted, block, editor, page, sure

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.editors

# Helix completes words of the buffer too; here only the model may.
WORDS_OFF = "\n[editor.word-completion]\nenable = false\n"


def menu(text: str) -> str:
    """What is drawn below the last line of the file."""
    return text.split("multiply")[1].split("\n", 2)[2].partition(" INS ")[0].strip(" ~\n")


def test_a_suggestion_is_accepted_as_the_page_says(tmp_path: Path) -> None:
    binary = editor("helix") / "bin" / "hx"
    home = Home(tmp_path / "home")
    configuration = home.path / "config" / "helix"
    configuration.mkdir(parents=True)
    languages = sure(block(page("helix"), "Configure"), 'model = "nano"', 'model = "nano", confidence = 0')
    (configuration / "languages.toml").write_text(languages)
    (configuration / "config.toml").write_text(block(page("helix"), "Use") + WORDS_OFF)
    file = home.file("arithmetic.py", CODE)
    screen = Screen([binary, f"{file}:10:5"], home.environment, home.project)
    try:
        screen.wait("the file", lambda text: "def multiply" in text)
        screen.press("A")
        screen.type("re")
        # A request that came before the model was loaded has no answer: C-x asks again.
        screen.wait("the menu", menu, nudge=["C-x"])
        screen.press("Tab")
        screen.wait("the item's documentation, which names the model", lambda text: "nano" in text, nudge=["Tab"])
        screen.press("Enter")
        screen.press("Escape")
        screen.wait("normal mode", lambda text: " NOR " in text)
        screen.type(":w")
        screen.press("Enter")
        accepted(file, "re")
    finally:
        screen.close()
