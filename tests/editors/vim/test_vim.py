from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.lab import CODE, Home, Screen, accepted, block, editor, page, sure

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.editors


def test_a_suggestion_is_accepted_as_the_page_says(tmp_path: Path) -> None:
    vim = editor("vim")
    home = Home(tmp_path / "home")
    plugins = home.path / ".vim" / "pack" / "plugins" / "start"
    plugins.mkdir(parents=True)
    (plugins / "ale").symlink_to(vim / "usr" / "share" / "vim-ale")
    configuration = sure(block(page("vim"), "Configure"), "'model': 'nano'", "'model': 'nano', 'confidence': 0")
    (home.path / ".vimrc").write_text("set nocompatible noswapfile\nfiletype plugin on\n" + configuration)
    file = home.file("arithmetic.py", CODE)
    screen = Screen([vim / "bin" / "vim", file], home.environment, home.project)
    try:
        screen.wait("the file", lambda text: "def multiply" in text)
        screen.press("G", "A")
        screen.type("re")
        # A request that came before the model was loaded has no answer: typing asks again.
        screen.wait("the menu", lambda text: "nano" in text, nudge=["BSpace", "e"])
        screen.press("C-n", "C-y", "Escape")
        screen.wait("normal mode", lambda text: "-- INSERT --" not in text)
        screen.type(":w")
        screen.press("Enter")
        accepted(file, "re")
    finally:
        screen.close()
