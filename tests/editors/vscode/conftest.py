"""One VS Code for all tests here: to start it takes longer than any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.vscode.conversation import Tap
from tests.editors.vscode.driver import Browser, CodeServer, Window, build_extension

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def vsix() -> Path:
    """The extension, packaged."""
    return build_extension()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser; it shows one window at a time."""
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Tap:
    """What the editor and the server say to each other."""
    return Tap(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory, vsix: Path, browser: Browser, tap: Tap) -> Iterator[Window]:
    """A window with the extension and the real server, which offers whatever its model says."""
    server = CodeServer(
        tmp_path_factory.mktemp("vscode"),
        vsix,
        settings={"starcoder.confidence": 0, "editor.fontFamily": "DejaVu Sans Mono"},
        machine={"starcoder.server.path": str(tap.executable)},
    )
    try:
        window = Window(browser, server)
        window.load(server.file("first.py"))
        window.wait_until_ready()
        yield window
    finally:
        server.close()
