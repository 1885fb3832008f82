"""Beginning and end of the server process, in whatever moment they come."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support.code import long_text, place_of
from tests.support.ports import free_port
from tests.support.wire import Wire, frame, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

URI = "file:///project/sample.py"
TEXT, LINE, COLUMN = place_of("def total(values):\n    return ▌\n")
CANCELLED = -32800


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder of this test's own whose path leaves room for a socket's."""
    with tempfile.TemporaryDirectory(prefix="t", dir=None if sys.platform == "win32" else "/tmp") as folder:  # noqa: S108 - as above
        yield Path(folder)


def private_folders(folder: Path) -> list[Path]:
    return list(folder.glob("starcoder-lsp-*"))


def begin_long_work(wire: Wire) -> int:
    """Ask something whose answer takes a second or more; return the request's id."""
    wire.open("file:///project/long.py", long_text(7))
    return wire.ask("file:///project/long.py", 650, 0)


def answered_without_suggestion(wire: Wire, identity: int) -> bool:
    [message] = wire.responses(identity)
    return message.get("result", "") in (None, {"items": []}) or message["error"]["code"] == CANCELLED


async def test_shutdown_in_the_middle_of_the_work() -> None:
    async with serving() as wire:
        await wire.state("ready")
        identity = begin_long_work(wire)
        await wire.state("busy")
        assert await wire.shut_down() == 0
        assert len(wire.responses(identity)) == 1


async def test_shutdown_while_the_model_loads() -> None:
    async with serving() as wire:
        wire.open(URI, TEXT)
        identity = wire.ask(URI, LINE, COLUMN)
        assert await wire.shut_down() == 0
        assert answered_without_suggestion(wire, identity) or wire.responses(identity)


async def test_exit_alone_is_status_1() -> None:
    async with serving() as wire:
        begin_long_work(wire)
        wire.notify("exit")
        assert await wire.wait() == 1


@pytest.mark.parametrize("moment", ["loading", "ready", "busy"])
async def test_stdin_closing_ends_the_process(moment: str) -> None:
    async with serving() as wire:
        await wire.state("loading", "ready")
        if moment != "loading":
            await wire.state("ready")
        if moment == "busy":
            begin_long_work(wire)
            await wire.state("busy")
        assert wire.process.stdin is not None
        wire.process.stdin.close()
        assert await wire.wait() == 1
        assert "Traceback" not in wire.log.decode()


async def test_stdin_closing_before_a_word() -> None:
    wire = await Wire.start()
    assert wire.process.stdin is not None
    wire.process.stdin.close()
    assert await wire.wait() == 1
    await wire.close()


@pytest.fixture
def default_signals() -> Iterator[None]:
    """A child inherits what is ignored, by nohup or by a shell's `&`: here nothing is."""
    numbers = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def reach(wire: Wire, moment: str) -> None:
    """Bring the server to a moment of its life."""
    if moment != "loading":
        await wire.state("ready")
    if moment == "busy":
        begin_long_work(wire)
        await wire.state("busy")


@pytest.mark.usefixtures("default_signals")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("moment", ["loading", "ready", "busy"])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
async def test_signals_end_the_process(short_tmp: Path, name: str, moment: str) -> None:
    async with serving(env={"TMPDIR": str(short_tmp)}) as wire:
        await reach(wire, moment)
        wire.process.send_signal(getattr(signal, name))
        assert await wire.wait() == 0
        assert "Traceback" not in wire.log.decode()
        if moment != "loading":  # then the folder may be made at any moment
            assert not private_folders(short_tmp)


@pytest.mark.usefixtures("default_signals")
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
async def test_a_hang_up_that_the_user_wants_to_outlive() -> None:
    """As `nohup` starts it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    async with serving() as wire:
        await wire.state("ready")
        wire.process.send_signal(signal.SIGHUP)
        assert (await wire.command("starcoder.status"))["state"] == "ready"
        assert await wire.shut_down() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize("moment", ["loading", "ready", "busy"])
async def test_a_client_that_closes_stdout_ends_the_process(moment: str) -> None:
    async with serving() as wire:
        await reach(wire, moment)
        transport: Any = wire.process._transport  # type: ignore[attr-defined]
        transport.get_pipe_transport(1).close()
        assert await wire.wait() == 1
        assert "Traceback" not in wire.log.decode()


async def test_what_is_in_flight_at_exit_is_answered() -> None:
    async with serving() as wire:
        await wire.state("ready")
        asked = [begin_long_work(wire), *(wire.ask(URI, 0, 0) for _ in range(5))]
        asked.append(wire.request("shutdown"))
        wire.notify("exit")
        assert await wire.wait() == 0
        assert [len(wire.responses(identity)) for identity in asked] == [1] * 7


@pytest.mark.skipif(sys.platform == "win32", reason="the listener is a Unix socket")
async def test_a_killed_predecessor_is_no_obstacle(short_tmp: Path) -> None:
    env = {"TMPDIR": str(short_tmp)}
    async with serving(env=env) as first:
        await first.state("ready")
        [left] = private_folders(short_tmp)
        first.process.kill()
        await first.wait()
        assert left.is_dir()
        async with serving(env=env) as second:
            await second.state("ready")
            assert not left.exists()
            second.open(URI, TEXT)
            assert (await second.response(second.ask(URI, LINE, COLUMN)))["result"]["items"]
            assert await second.shut_down() == 0
    assert not private_folders(short_tmp)


@pytest.mark.skipif(sys.platform == "win32", reason="the listener is a Unix socket")
async def test_a_temporary_folder_with_a_very_long_path(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    async with serving(env={"TMPDIR": str(long)}) as wire:
        assert (await wire.state("ready", "error"))["state"] == "ready"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
async def test_the_listener_is_private(short_tmp: Path) -> None:
    async with serving(env={"TMPDIR": str(short_tmp)}) as wire:
        await wire.state("ready")
        [folder] = private_folders(short_tmp)
        assert folder.stat().st_mode & 0o077 == 0
        assert psutil.Process(wire.process.pid).net_connections(kind="inet") == []
        assert await wire.shut_down() == 0


async def test_two_servers_at_once() -> None:
    async with serving() as first, serving() as second:
        for wire in (first, second):
            await wire.state("ready")
            wire.open(URI, TEXT)
        requests = [wire.ask(URI, LINE, COLUMN) for wire in (first, second)]
        one, two = await asyncio.gather(first.response(requests[0]), second.response(requests[1]))
        assert one["result"]["items"][0]["insertText"] == two["result"]["items"][0]["insertText"]
        assert await first.shut_down() == 0
        assert (await second.command("starcoder.status"))["state"] in {"ready", "busy"}
        assert await second.shut_down() == 0


async def test_nothing_but_messages_on_stdout_even_if_native_code_prints(tmp_path: Path) -> None:
    """A module that is loaded with the interpreter prints into file descriptor 1 for ever, as a library might."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys, threading, time\n"
        "def chatter():\n"
        "    while 'starcoder_lsp.server.app' not in sys.modules:\n"
        "        time.sleep(0.005)\n"
        "    while True:\n"
        "        os.write(1, b'noise\\n')\n"
        "        print('more noise', flush=True)\n"
        "        time.sleep(0.005)\n"
        "if any('starcoder_lsp' in part for part in sys.orig_argv):\n"
        "    threading.Thread(target=chatter, daemon=True).start()\n"
    )
    async with serving({"logLevel": "debug"}, env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}) as wire:
        await wire.state("ready")
        wire.open(URI, TEXT)
        assert (await wire.response(wire.ask(URI, LINE, COLUMN)))["result"]["items"]
        assert await wire.shut_down() == 0
        assert b"noise" in wire.log
        assert wire.broken is None


async def test_a_client_that_says_nothing_of_itself() -> None:
    wire = await Wire.start()
    try:
        await wire.result("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        wire.notify("initialized", {})
        wire.open(URI, TEXT)
        assert (await wire.response(wire.ask(URI, LINE, COLUMN)))["result"] is not None
        assert await wire.shut_down() == 0
    finally:
        await wire.close()


async def test_stdio_may_be_asked_for(tmp_path: Path) -> None:
    async with serving(arguments=["--stdio"], env={"TMPDIR": str(tmp_path)}) as wire:
        assert (await wire.state("ready"))["engine"] == "llama.cpp"
        assert await wire.shut_down() == 0


HELLO = frame(b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"capabilities":{}}}')


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect as soon as somebody listens."""
    for _attempt in range(600):
        with contextlib.suppress(ConnectionRefusedError):
            return await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.1)
    pytest.fail("nobody listens")


async def test_tcp_serves_one_client_and_nobody_else() -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "starcoder_lsp", "--tcp", f"127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stderr.readline(), 60)
        assert b"debugging only" in line
        reader, writer = await connect(port)
        writer.write(HELLO)
        assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"Content-Length: ")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        assert await asyncio.wait_for(process.wait(), 60) == 1
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        log = await process.stderr.read()
    assert b"Traceback" not in log


@pytest.mark.parametrize("port", ["taken", "99999"])
async def test_tcp_at_a_port_that_cannot_be_had_is_a_sentence(port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = port.replace("taken", str(taken.getsockname()[1]))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "starcoder_lsp", "--tcp", f"127.0.0.1:{port}", stderr=asyncio.subprocess.PIPE
        )
        _out, log = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert b"Choose another port" in log
    assert b"Traceback" not in log
