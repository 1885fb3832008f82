"""In a real VS Code: the right suggestion depends on another file, on disk and in another editor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.parcels import MAIN, NAMES, TYPED, settings

if TYPE_CHECKING:
    from tests.editors.vscode.driver import Window

pytestmark = [pytest.mark.editors, pytest.mark.timeout(1500)]


def ghost_begins(window: Window, name: str) -> None:
    """Type the line's last key again until the ghost text is what the other file says."""
    end = time.monotonic() + 90
    ghost = ""
    while time.monotonic() < end:
        pause = time.monotonic() + 3
        while time.monotonic() < pause:
            ghost = window.ghost()
            if ghost.startswith(name):
                return
            time.sleep(0.1)
        window.press("Backspace")
        window.type("_")
    raise AssertionError(f"{ghost!r} does not begin with {name!r}; the editor shows {window.lines()}")


def test_a_suggestion_says_what_another_file_defines(window: Window) -> None:
    (window.server.workspace / "shop").mkdir()
    other = window.server.file("shop/settings.py", settings(NAMES[0]))
    main = window.open(MAIN, name="main.py")
    window.type(f"    {TYPED}")
    ghost_begins(window, NAMES[0])
    other.write_text(settings(NAMES[1]), encoding="utf-8")
    ghost_begins(window, NAMES[1])
    window.press("Escape")
    window.open(settings(NAMES[1]).replace(":\n", ":║\n", 1), name="shop/settings.py")
    window.press("Shift+Home")
    window.type(f"def compute_{NAMES[0]}(order, today):")  # and is not saved
    window.show(main)
    window.press("Control+End", "Backspace")
    window.type("_")
    ghost_begins(window, NAMES[0])
    assert NAMES[0] not in other.read_text(encoding="utf-8")
