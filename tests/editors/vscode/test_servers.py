"""VS Code with a server elsewhere: vLLM and llama.cpp's, with the model that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.models.gguf import read_header
from tests.editors.lab import poll
from tests.editors.vscode.conversation import Tap
from tests.editors.vscode.driver import CodeServer, Window
from tests.editors.vscode.test_vscode import AFTER, BEFORE, KEYS, PAGE, TYPED, reported
from tests.support.llama_server import LlamaServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.editors.vscode.driver import Browser

pytestmark = [pytest.mark.editors, pytest.mark.registry, pytest.mark.timeout(1500)]


@pytest.fixture(params=["llama-server", "vLLM"])
def served(
    request: pytest.FixtureRequest, nano: Path, tmp_path: Path
) -> Iterator[tuple[str, str, Callable[[], float]]]:
    """Yield a server's address, a file with its key, and how many tokens it has written."""
    key = tmp_path / "key"
    if request.param == "vLLM":
        vllm = request.getfixturevalue("vllm")
        key.write_text(vllm.options["secrets"]["test"])
        yield vllm.url, str(key), lambda: vllm.metrics()["generation_tokens_total"]
        return
    server = LlamaServerProcess(read_header(nano), slots=2, window=2048).start()
    key.write_text(server.key)
    try:
        yield f"unix:{server.socket}", str(key), lambda: server.metrics()["tokens_predicted_total"]
    finally:
        server.close()


def test_a_suggestion_comes_from_the_server_and_is_accepted(
    served: tuple[str, str, Callable[[], float]], vsix: Path, browser: Browser, tmp_path: Path
) -> None:
    url, key, written = served
    (tmp_path / "tap").mkdir()
    tap = Tap(tmp_path / "tap")
    code = CodeServer(
        tmp_path / "vscode",
        vsix,
        settings={"starcoder.confidence": 0},
        machine={
            "starcoder.server.path": str(tap.executable),
            "starcoder.engines": [{"url": url, "key": {"file": key}}],
        },
    )
    try:
        window = Window(browser, code)
        window.load(code.file("first.py"))
        window.wait_until_ready()
        before, mark = written(), tap.count()
        file = window.open(PAGE)
        window.type(KEYS)
        window.wait_for_ghost()
        poll("the ghost is what the server said", lambda: tap.said(window.ghost(), TYPED, mark))
        assert written() > before
        poll("the server has no more", lambda: not tap.pending())
        window.press("Tab")
        _, name = reported(tap, mark, "accept")
        assert window.save(file) == tap.written(name, BEFORE + TYPED) + AFTER
    finally:
        code.close()
