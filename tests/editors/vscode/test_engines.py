"""VS Code over engines that are not in the server's process: llama.cpp's server, and the process that windows share."""

from __future__ import annotations

import os
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from starcoder_lsp.models.gguf import read_header
from tests.editors.lab import poll
from tests.editors.vscode.conversation import Tap
from tests.editors.vscode.driver import Browser, CodeServer, Window
from tests.editors.vscode.test_vscode import AFTER, BEFORE, KEYS, PAGE, TYPED, reported
from tests.support.llama_server import LlamaServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.editors, pytest.mark.timeout(1500)]

INPUT = ".quick-input-widget input[type=password]:focus"


@contextmanager
def opened(
    folder: Path, vsix: Path, browser: Browser, machine: dict[str, Any], variables: dict[str, str] | None = None
) -> Iterator[tuple[Window, Tap]]:
    """A window with the extension and the real server, which offers whatever its model says."""
    (folder / "server").mkdir()
    tap = Tap(folder / "server")
    server = CodeServer(
        folder / "vscode",
        vsix,
        settings={"starcoder.confidence": 0},
        machine={"starcoder.server.path": str(tap.executable), **machine},
        variables=variables,
    )
    try:
        window = Window(browser, server)
        window.load(server.file("first.py"))
        yield window, tap
    finally:
        server.close()


def types_and_accepts(window: Window, tap: Tap) -> None:
    """A suggestion is seen, and taken with Tab."""
    mark = tap.count()
    file = window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()
    poll("the ghost is what the server said", lambda: tap.said(window.ghost(), TYPED, mark))
    poll("the server has no more", lambda: not tap.pending())
    window.press("Tab")
    _, name = reported(tap, mark, "accept")
    assert window.save(file) == tap.written(name, BEFORE + TYPED) + AFTER


def engine_of(tap: Tap) -> str:
    """What the newest status names."""
    said = [one["params"] for one in tap.messages() if one.get("method") == "starcoder/status"]
    return str(said[-1]["engine"]) if said else ""


def test_over_llama_server_with_a_key_from_the_secret_storage(
    tmp_path: Path, vsix: Path, browser: Browser, nano: Path
) -> None:
    served = LlamaServerProcess(read_header(nano), slots=2, window=4096).start()
    engines = [{"url": f"unix:{served.socket}", "key": {"secret": "gpu"}}]
    try:
        with opened(tmp_path, vsix, browser, {"starcoder.engines": engines}) as (window, tap):
            poll("the server says that a key is missing", lambda: "key" in str(tap.messages()), 90)
            window.command("StarCoder: Set a Server's Key")
            window.wait("it asks for the key", INPUT, lambda found: found)
            window.browser("insert", text=served.key)
            window.press("Enter")
            window.wait_until_ready(90)
            poll("it is the server's", lambda: engine_of(tap) == f"llama-server at unix:{served.socket}")
            types_and_accepts(window, tap)
            assert served.metrics()["tokens_predicted_total"] > 0
        written = [path for path in tmp_path.rglob("*") if path.is_file() and path != tap.log]
        assert not any(served.key.encode() in path.read_bytes() for path in written), "the key lies in a file"
    finally:
        served.close()


def test_over_the_shared_engine_which_is_killed(tmp_path: Path, vsix: Path, browser: Browser) -> None:
    with tempfile.TemporaryDirectory(prefix="t") as runtime:
        variables = {"XDG_RUNTIME_DIR": runtime, "STARCODER_LSP_ENGINE_IDLE": "1"}
        with opened(tmp_path, vsix, browser, {"starcoder.shared": True}, variables) as (window, tap):
            window.wait_until_ready(90)
            poll("it is shared", lambda: engine_of(tap) == "llama.cpp, shared")
            types_and_accepts(window, tap)
            [card] = Path(runtime).glob("starcoder-lsp-*/*.json")
            before = card.read_text()
            [process] = [one for one in psutil.process_iter() if f'"process": {one.pid},' in before]
            os.kill(process.pid, signal.SIGKILL)
            types_and_accepts(window, tap)
            assert card.read_text() != before
        poll("nothing is left", lambda: not list(Path(runtime).glob("starcoder-lsp-*/*")))
