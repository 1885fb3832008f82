"""In a real Neovim: the right suggestion depends on another file, on disk and in another buffer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.parcels import MAIN, NAMES, TYPED, settings

if TYPE_CHECKING:
    from tests.editors.lab import Home
    from tests.editors.neovim.driver import Neovim, Open

pytestmark = pytest.mark.editors


def ghost_begins(neovim: Neovim, name: str) -> None:
    """Type the line's last key again until the ghost text is what the other file says."""
    end = time.monotonic() + 60
    ghost = ""
    while time.monotonic() < end:
        pause = time.monotonic() + 2
        while time.monotonic() < pause:
            ghost = neovim.ghost()
            if ghost.startswith(name):
                return
            time.sleep(0.05)
        neovim.type("<BS>_")
    raise AssertionError(f"{ghost!r} does not begin with {name!r}; {neovim.messages()}")


def test_a_suggestion_says_what_another_file_defines(home: Home, open_neovim: Open) -> None:
    (home.project / ".git").mkdir()
    (home.project / "shop").mkdir()
    other = home.file("shop/settings.py", settings(NAMES[0]))
    neovim = open_neovim(MAIN, name="main.py")
    neovim.wait_ready()
    neovim.type(f"Go{TYPED}")
    ghost_begins(neovim, NAMES[0])
    other.write_text(settings(NAMES[1]), encoding="utf-8")
    ghost_begins(neovim, NAMES[1])
    neovim.type("<Esc>")
    neovim.lua(f"return vim.cmd('silent write | silent edit {other}')")
    neovim.lua(f"return vim.api.nvim_buf_set_lines(0, 3, 4, true, {{ 'def compute_{NAMES[0]}(order, today):' }})")
    neovim.lua("return vim.cmd('silent buffer main.py')")
    neovim.type("A<BS>_")
    ghost_begins(neovim, NAMES[0])
