"""A home of its own for each test, and the Neovims that it opens there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.lab import REPOSITORY, Home
from tests.editors.neovim.driver import PAGE, Neovim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.editors.neovim.driver import Open


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the plugin's repository in it."""
    home = Home(tmp_path / "home")
    (home.path / "starcoder-lsp").symlink_to(REPOSITORY)
    return home


@pytest.fixture
def open_neovim(home: Home) -> Iterator[Open]:
    """Opens files of the home's project; every Neovim ends with the test."""
    running = []

    def start(
        text: str, configuration: str | None = None, *, name: str = "arithmetic.py", on_screen: bool = False
    ) -> Neovim:
        file = home.file(name, text)
        neovim = Neovim(home, PAGE if configuration is None else configuration, file, on_screen=on_screen)
        running.append(neovim)
        return neovim

    yield start
    for neovim in running:
        neovim.close()
