"""The whole server over llama.cpp's HTTP server with the model that ships, and the chain with both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.lsp_client import Client
from starcoder_lsp.models.gguf import read_header
from tests.support.http_server import Connection, Server
from tests.support.llama_server import LlamaServerProcess
from tests.support.vllm_server import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.vllm_server import VLLMProcess

pytestmark = pytest.mark.slow

URI = "file:///project/total.py"
TEXT = "def total(values):\n    result = 0\n    for value in values:\n        res\n    return result\n"
ANYTHING = {"confidence": 0}


@pytest.fixture
def served(nano: Path) -> Iterator[LlamaServerProcess]:
    server = LlamaServerProcess(read_header(nano), slots=2, window=2048).start()
    yield server
    server.close()


async def suggested(options: dict[str, Any], log: Path | None = None) -> tuple[dict[str, Any], str]:
    """Return the status once all is ready, and what is suggested behind `res`."""
    with (log or Path(os.devnull)).open("wb") as file:
        session = await Client.start(["--log-level", "debug"], {**ANYTHING, **options}, file)
        try:
            status = await session.ready()
            session.open(URI, "python", TEXT)
            items = await session.suggest(URI, 3, 11, manual=True)
            return status, str(items[0].insert_text) if items else ""
        finally:
            await session.stop()


async def test_a_session_over_a_server_says_what_one_in_process_says(
    served: LlamaServerProcess, tmp_path: Path
) -> None:
    _, expected = await suggested({})
    before = served.metrics()["tokens_predicted_total"]
    status, text = await suggested(served.options, tmp_path / "log")
    assert text == expected != ""
    assert status["engine"] == f"llama-server at unix:{served.socket}"
    assert served.metrics()["tokens_predicted_total"] > before
    log = (tmp_path / "log").read_text(errors="replace")
    assert f"Text goes to unix:{served.socket}" in log
    assert served.key not in log


async def test_typing_over_a_server_evaluates_what_was_typed(served: LlamaServerProcess) -> None:
    session = await Client.start([], {**ANYTHING, **served.options})
    try:
        await session.ready()
        session.open(URI, "python", TEXT)
        await session.suggest(URI, 3, 8, manual=True)
        for typed in range(1, 6):
            text = TEXT.replace("        res\n", f"        {'result'[:typed]}\n")
            session.change(URI, 1 + typed, text)
            before = served.metrics()
            await session.suggest(URI, 3, 8 + typed, manual=True)
            after = served.metrics()
            evaluated = after["prompt_tokens_total"] - before["prompt_tokens_total"]
            assert evaluated <= 4, "the server evaluated the prompt again"
    finally:
        await session.stop()


async def test_a_chain_goes_on_where_a_server_is_killed_and_comes_back_to_it(nano: Path) -> None:
    served = LlamaServerProcess(read_header(nano), slots=2, window=2048)
    options = {**served.options, "engines": [*served.options["engines"], "local"]}
    session = await Client.start([], {**ANYTHING, **options})
    try:
        status = await session.ready()
        assert status["engine"] == f"unix:{served.socket}, then llama.cpp"
        assert "cannot be reached" in status["message"]
        session.open(URI, "python", TEXT)
        assert await session.suggest(URI, 3, 11, manual=True), "the local model did not answer"
        served.start()
        predicted = served.metrics()["tokens_predicted_total"]
        for version in range(2, 200):
            session.change(URI, version, TEXT + f"# {version}\n")
            assert await session.suggest(URI, 3, 11, manual=True), "somebody must answer"
            if served.metrics()["tokens_predicted_total"] > predicted:
                break
        else:
            pytest.fail("the server that came back was not asked again")
    finally:
        await session.stop()
        served.close()


async def test_a_server_that_refuses_is_an_error_that_says_what_to_do(served: LlamaServerProcess) -> None:
    options = {"engines": [f"unix:{served.socket}"]}
    session = await Client.start([], options)
    try:
        with pytest.raises(RuntimeError, match=r'wants a key.*see "key" of'):
            await session.ready()
    finally:
        await session.stop()


@pytest.mark.registry
@pytest.mark.timeout(1200)  # it may be installed first
async def test_a_session_over_vllm(vllm: VLLMProcess, tmp_path: Path) -> None:
    _, expected = await suggested({})
    before = vllm.metrics()["generation_tokens_total"]
    status, text = await suggested(vllm.options, tmp_path / "log")
    assert text == expected != ""
    assert status["engine"] == f"vLLM at {vllm.url}"
    assert vllm.metrics()["generation_tokens_total"] > before
    log = (tmp_path / "log").read_text(errors="replace")
    assert f"Text goes to {vllm.url}" in log
    assert KEY not in log


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "starcoder_lsp", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, **environment},
    )


def test_complete_over_a_server(served: LlamaServerProcess, tmp_path: Path) -> None:
    file = tmp_path / "total.py"
    file.write_text(TEXT)
    place = f"{file}:4:12"
    local = json.loads(command("complete", place, "--json").stdout)
    url = ("--engine-url", f"unix:{served.socket}", "--engine-key-env", "SERVED_KEY")
    done = command("complete", place, "--json", "--log-level", "debug", *url, SERVED_KEY=served.key)
    remote = json.loads(done.stdout)
    assert remote["insert_text"] == local["insert_text"] != ""
    assert remote["joint"] == pytest.approx(local["joint"], abs=2e-3)
    assert remote["engine"] == f"llama-server at unix:{served.socket}"
    assert served.key not in done.stdout + done.stderr


def test_doctor_says_where_code_goes(served: LlamaServerProcess) -> None:
    url = ("--engine-url", f"unix:{served.socket}", "--engine-key-env", "SERVED_KEY")
    done = command("doctor", *url, SERVED_KEY=served.key)
    assert done.returncode == 0, done.stdout
    assert "your code goes there" in done.stdout
    assert "one token" not in done.stdout  # nothing runs here
    assert served.key not in done.stdout + done.stderr
    wrong = command("doctor", *url, SERVED_KEY="another")
    assert wrong.returncode == 1
    assert "wants a key" in wrong.stdout


def test_a_proxys_error_page_is_no_server() -> None:
    async def page(connection: Connection) -> None:
        await connection.answer(200, b"<html>Sign in to the Wi-Fi</html>")

    server = Server(page).start()
    try:
        done = command("doctor", "--engine-url", server.url)
    finally:
        server.stop()
    assert done.returncode == 1
    assert "does not say what it is" in done.stdout
