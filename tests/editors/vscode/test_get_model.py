"""Fetching a model from VS Code: pick, read the licence, watch, cancel, use. The tests start the hub."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.models.catalogue import shipped_model
from tests.editors.lab import poll
from tests.editors.vscode.driver import CodeServer, Window
from tests.editors.vscode.test_vscode import IMAGES
from tests.support.local_hub import Hub, local_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.editors.vscode.conversation import Tap
    from tests.editors.vscode.driver import Browser

pytestmark = [pytest.mark.editors, pytest.mark.timeout(1500)]

FILE = "second-state/StarCoder2-3B-GGUF/starcoder2-3b-Q4_K_M.gguf"
NAME = "starcoder2-3b-Q4_K_M"
DIALOG, BUTTON = ".monaco-dialog-box", ".monaco-dialog-box .monaco-button"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with local_hub() as hub:
        hub.files[FILE] = shipped_model().read_bytes()
        yield hub


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def window(
    tmp_path_factory: pytest.TempPathFactory, vsix: Path, browser: Browser, tap: Tap, hub: Hub, models: Path
) -> Iterator[Window]:
    """A window whose server fetches from the hub of the tests."""
    server = CodeServer(
        tmp_path_factory.mktemp("vscode"),
        vsix,
        settings={"starcoder.confidence": 0, "editor.fontFamily": "DejaVu Sans Mono"},
        machine={"starcoder.server.path": str(tap.executable)},
        variables={
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(models / "hf"),
            "HF_HUB_DOWNLOAD_TIMEOUT": "300",  # what the hub holds back may take long on a slow machine
            "STARCODER_LSP_MODELS": str(models),
        },
    )
    try:
        window = Window(browser, server)
        window.load(server.file("first.py"))
        window.wait_until_ready()
        yield window
    finally:
        server.close()


def test_a_model_is_picked_watched_cancelled_and_used(
    window: Window, tap: Tap, hub: Hub, models: Path, tmp_path: Path
) -> None:
    hub.hold.clear()
    window.command("StarCoder: Get a Model")
    window.choose("StarCoder2 3B")
    window.wait("its licence", DIALOG, lambda texts: any("BigCode OpenRAIL-M" in text for text in texts))
    assert hub.asked("GET /storage/") == [], "nobody has said yes"
    window.browser("click", selector=BUTTON, text="Accept and Get")
    window.wait_for_message("Fetching")
    poll("half of it came", lambda: any(part.stat().st_size for part in models.glob(".*.part")), 60)
    pictures = IMAGES if os.environ.get("UPDATE_SCREENSHOTS") else tmp_path
    window.browser("screenshot", path=str(pictures / "vscode-get-model.png"))
    mark = tap.count()
    window.click_button("Cancel")
    cancels = {"$/cancelRequest", "window/workDoneProgress/cancel"}
    poll("the server hears it", lambda: any(one.get("method") in cancels for one in tap.messages(mark)))
    hub.hold.set()
    window.wait(
        "the notification is gone",
        ".notification-list-item-message",
        lambda texts: not any("Fetching" in text for text in texts),
    )
    window.wait_until_ready()
    assert not (models / f"{NAME}.gguf").exists()

    window.command("StarCoder: Get a Model")
    window.choose("StarCoder2 3B")
    window.wait_for_status("it is used", lambda text: "starcoder2-3b" in text and "loading" not in text, 120)
    assert (models / f"{NAME}.gguf").read_bytes() == hub.files[FILE]
    poll("it is kept", lambda: NAME in window.server.machine_settings.read_text())
