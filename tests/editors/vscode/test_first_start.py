"""VS Codes that never saw the server: what they find, what they do not touch, and how they get one by themselves."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.editors.lab import poll
from tests.editors.vscode.conversation import Tap
from tests.editors.vscode.driver import Browser, CodeServer, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.editors, pytest.mark.timeout(1500)]

KEYS = "def write_json(path, data):\nwith open("


@pytest.fixture
def start(tmp_path: Path, vsix: Path, browser: Browser) -> Iterator[Callable[..., Window]]:
    """Start a VS Code with nothing but the extension; no starcoder-lsp is on its PATH."""
    servers: list[CodeServer] = []

    def start(prepare: Callable[[Path], None] | None = None, **arguments: Any) -> Window:
        folders = os.environ["PATH"].split(os.pathsep)
        path = os.pathsep.join(folder for folder in folders if not (Path(folder) / "starcoder-lsp").exists())
        server = CodeServer(tmp_path / "vscode", vsix, variables={"PATH": path}, **arguments)
        servers.append(server)
        if prepare:
            prepare(server.workspace)
        window = Window(browser, server)
        window.load(server.file("first.py"))
        return window

    yield start
    for server in servers:
        server.close()


def environment_in(workspace: Path, script: str) -> None:
    """A virtual environment's outer form, with a server in it that is this script."""
    binaries = workspace / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    (binaries / "starcoder-lsp").write_text(script)
    (binaries / "starcoder-lsp").chmod(0o755)


def try_again_until_it_installs(window: Window) -> None:
    """Click until the editor has read the changed settings file; before that, a try fails as the first did."""
    logs = window.server.machine_settings.parent.parent / "logs"

    def log() -> str:
        return "".join(path.read_text() for path in logs.glob("**/StarCoder.log"))

    def tried(failures: int) -> bool:
        return "Running" in log() or log().count("Installation failed") > failures

    while "Running" not in log():
        failures = log().count("Installation failed")
        window.click_button("Try Again")
        poll("a step of an installation, or its failure", partial(tried, failures))


def test_installs_its_own_server_and_gets_to_the_first_suggestion(start: Callable[..., Window], tmp_path: Path) -> None:
    """From the wheel that the VSIX carries: the index has no starcoder-lsp."""
    trap = tmp_path / "trapped"
    machine = {"starcoder.server.python": "/nowhere/python"}
    window = start(
        # a folder that nobody said to trust, with a program in it that wants to be run
        lambda workspace: environment_in(workspace, f"#!/bin/sh\ntouch {trap}\n"),
        machine=machine,
        settings={
            "security.workspace.trust.enabled": True,
            "security.workspace.trust.startupPrompt": "never",
            "starcoder.confidence": 0,
        },
    )
    window.wait_for_message("needs its server")
    window.wait_for_status("that there is none", lambda text: "no server" in text)

    window.click_button("Install")
    window.wait_for_message("/nowhere/python")

    del machine["starcoder.server.python"]
    window.server.machine_settings.write_text(json.dumps(machine))
    try_again_until_it_installs(window)
    window.wait_for_status("that it is being installed", lambda text: "installing" in text)
    window.wait_until_ready(900)
    window.wait_for_message("is installed and runs")

    window.open("║\n\nwrite_json('a.json', {})\n")
    window.type(KEYS)
    assert window.wait_for_ghost()
    assert not trap.exists()


def test_finds_the_server_of_the_workspaces_environment(start: Callable[..., Window], tmp_path: Path) -> None:
    tap = Tap(tmp_path)
    window = start(lambda workspace: environment_in(workspace, tap.executable.read_text()), machine={})
    window.wait_until_ready()
    assert tap.has_started(1)


def test_names_a_configured_server_that_is_not_there(start: Callable[..., Window]) -> None:
    window = start(machine={"starcoder.server.path": "/nowhere/starcoder-lsp"})
    window.wait_for_message("/nowhere/starcoder-lsp")
    assert window.browser("texts", selector=".notification-toast .monaco-button")[:2] == ["Restart", "Show Log"]
    window.click_button("Open Settings")
    # the one where the setting counts: code-server is a remote window
    window.wait(
        "the settings' tab",
        ".settings-editor .settings-tabs-widget .checked",
        lambda tabs: any("Remote" in tab for tab in tabs),
    )
    window.wait(
        "the setting", ".settings-editor .setting-item-label", lambda labels: any("Path" in label for label in labels)
    )
