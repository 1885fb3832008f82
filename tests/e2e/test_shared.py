"""One engine process for several windows: real servers, the real process, the model that ships."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from attrs import frozen

from tests.support.waiting import until
from tests.support.wire import Wire, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.wire import Message

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the folder's rules are POSIX'"),
]

SHARED = {"shared": True}
URI = "file:///project/total.py"
TEXT = "def total(values):\n    result = 0\n    for value in values:\n        res\n    return result\n"
OTHER = 'import json\n\n\ndef read(path):\n    with open(path) as file:\n        return js\n\n\nprint(read("a"))\n'
LONG = "".join(f"def f_{number}(x):\n    return x + {number}\n\n\n" for number in range(150))


@frozen
class Room:
    """The folder of this test's engine processes."""

    folder: Path

    def files(self, pattern: str = "*") -> list[Path]:
        return sorted(self.folder.glob(pattern)) if self.folder.exists() else []

    def mode(self) -> int:
        return stat.S_IMODE(self.folder.stat().st_mode)

    def modes(self) -> set[int]:
        return {stat.S_IMODE(path.stat().st_mode) for path in self.files()}

    def kinds(self) -> set[str]:
        return {path.suffix for path in self.files()}

    def engines(self) -> list[psutil.Process]:
        """The processes that live."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                ours = process.environ().get("XDG_RUNTIME_DIR") == str(self.folder.parent)
                if ours and "engine" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    """A folder for this test's engine processes; none may be left in it, nor anything else."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        monkeypatch.setenv("STARCODER_LSP_ENGINE_IDLE", "1")
        room = Room(Path(base) / f"starcoder-lsp-{os.geteuid()}")
        yield room
        until(lambda: not room.engines())
        until(lambda: not room.files())


@contextlib.asynccontextmanager
async def windows(count: int, **options: object) -> AsyncIterator[list[Wire]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving({**SHARED, **options})) for _ in range(count)]


async def suggested(wire: Wire, uri: str, line: int, character: int) -> str:
    answer: Message = await wire.response(wire.ask(uri, line, character))
    items = answer["result"]["items"]
    return str(items[0]["insertText"]) if items else ""


async def process_of(wire: Wire) -> int:
    return int((await wire.stats())["engineProcess"])


async def test_three_windows_have_one_engine_process(place: Room) -> None:
    async with serving({"shared": False}) as alone:
        await alone.state("ready")
        assert await process_of(alone) == alone.process.pid
        alone.open(URI, TEXT)
        expected = await suggested(alone, URI, 3, 11)
    async with windows(3) as three:
        for wire in three:
            status = await wire.state("ready")
            assert status["engine"] == "llama.cpp, shared"
            wire.open(URI, TEXT)
        assert [await suggested(wire, URI, 3, 11) for wire in three] == [expected] * 3
        [engine] = place.engines()
        assert [await process_of(wire) for wire in three] == [engine.pid] * 3
        assert all(f"The engine process {engine.pid} serves this window" in wire.log.decode() for wire in three)
        evaluated = [(await wire.stats())["evaluatedTokens"] for wire in three]
        assert evaluated[0] > 20
        assert evaluated[1] == evaluated[2] <= 4, "what one window has warm is not evaluated again"
        nano = str(Path("models") / "nano.gguf")
        assert any(nano in one.path for one in engine.memory_maps())
        for wire in three:
            mapped = [one.path for one in psutil.Process(wire.process.pid).memory_maps()]
            assert not any(nano in path or "xllamacpp" in path for path in mapped), "a window holds no weights"


async def test_only_its_user_can_reach_it(place: Room) -> None:
    async with windows(1) as [wire]:
        await wire.state("ready")
        assert place.mode() == 0o700
        assert place.modes() == {0o600}
        assert place.kinds() == {".sock", ".json", ".lock", ".log"}
        [card] = place.files("*.json")
        token = card.read_text().partition('"token": "')[2][:64]
        assert len(token) == 64
        assert token not in wire.log.decode()


async def test_the_engine_killed_in_the_middle_of_requests(place: Room) -> None:
    async with windows(3) as three:
        for number, wire in enumerate(three):
            await wire.state("ready")
            wire.open(URI, LONG + f"def g_{number}(x):\n    ")
        asked = [wire.ask(URI, 601, 4) for wire in three]
        await three[0].state("busy")
        [engine] = place.engines()
        engine.kill()
        answers = [await wire.response(one) for wire, one in zip(three, asked, strict=True)]
        assert all("result" in answer for answer in answers)
        for wire, one in zip(three, asked, strict=True):
            wire.open(URI, TEXT)
            assert await suggested(wire, URI, 3, 11)
            assert len(wire.responses(one)) == 1
        [another] = place.engines()
        assert another.pid != engine.pid
        assert {await process_of(wire) for wire in three} == {another.pid}


async def test_the_engine_killed_while_nobody_asks(place: Room) -> None:
    async with windows(1) as [wire]:
        await wire.state("ready")
        place.engines()[0].kill()
        wire.open(URI, TEXT)
        assert await suggested(wire, URI, 3, 11)
        assert "it is started again" in wire.log.decode()


async def test_the_first_window_killed(place: Room) -> None:
    async with windows(2) as [first, second]:
        await first.state("ready")
        await second.state("ready")
        [engine] = place.engines()
        os.kill(first.process.pid, signal.SIGKILL)
        second.open(URI, TEXT)
        assert await suggested(second, URI, 3, 11)
        assert place.engines() == [engine]


async def test_other_settings_get_a_process_of_their_own(place: Room) -> None:
    async with windows(1) as [first], windows(1, contextSize=1024) as [second]:
        await first.state("ready")
        await second.state("ready")
        one, other = place.engines()
        assert {await process_of(first), await process_of(second)} == {one.pid, other.pid}
        assert "serves other settings" in second.log.decode()


async def test_what_is_left_of_dead_processes(place: Room) -> None:
    """A socket that nobody listens on, a card of a dead process, another's lock: all are taken or swept away."""
    async with windows(1) as [wire]:
        await wire.state("ready")
        place.engines()[0].kill()
    left = place.kinds()
    assert {".sock", ".json", ".lock"} <= left
    for suffix in left:
        (place.folder / f"{'e' * 16}{suffix}").touch()
    async with windows(1) as [wire]:
        await wire.state("ready")
        assert not place.files("e*")
        assert len(place.engines()) == 1


async def test_a_foreign_program_on_the_socket_gets_nothing(place: Room) -> None:
    async with windows(1) as [wire]:
        await wire.state("ready")
        [card] = place.files("*.json")
        text = card.read_text()
        place.engines()[0].kill()
    path = card.with_suffix(".sock")
    path.unlink()
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while data := await reader.read(4096):
            heard.extend(data)
        writer.close()

    server = await asyncio.start_unix_server(listen, path)
    try:
        card.write_text(text)
        async with windows(1) as [wire]:
            status = await wire.state("ready")
            assert status["engine"] == "llama.cpp", "it loads the model itself"
            assert "is none of the engine processes" in wire.log.decode()
        assert not heard
    finally:
        server.close()
    for left in place.files():
        left.unlink()


@pytest.mark.parametrize("mode", [0o755, 0o777])
async def test_a_folder_that_others_can_enter_is_not_used(place: Room, mode: int) -> None:
    place.folder.mkdir()
    place.folder.chmod(mode)
    async with windows(1) as [wire]:
        status = await wire.state("ready")
        assert status["engine"] == "llama.cpp"
        assert "nobody else can enter" in wire.log.decode()
    assert not place.files()


@pytest.fixture
def broken(tmp_path: Path, nano: Path) -> Path:
    """A file whose header reads well; llama.cpp misses a tensor."""
    path = tmp_path / "broken.gguf"
    data = bytearray(nano.read_bytes())
    name = data.index(b"blk.0.attn_q.weight")
    data[name : name + 5] = b"xlk.0"
    path.write_bytes(data)
    return path


@pytest.mark.usefixtures("place")
async def test_a_model_that_the_process_cannot_load(broken: Path) -> None:
    async with windows(1, model=str(broken)) as [wire]:
        status = await wire.state("error")
        assert "llama.cpp could not load" in status["message"]


async def test_two_windows_type_at_once(place: Room) -> None:
    """Each gets what it would get alone, whatever the other does."""
    lines = ["result", " = sum(", "values", ")\n    ", "return re"]

    async def type_in(wire: Wire, uri: str, head: str) -> list[str]:
        text, answers = head, []
        wire.open(uri, text)
        for number, piece in enumerate(lines * 2):
            text += piece
            wire.change(uri, 2 + number, text)
            line, column = text.count("\n"), len(text) - text.rfind("\n") - 1
            answers.append(await suggested(wire, uri, line, column))
        return answers

    heads = [TEXT + "\n\ndef a(values):\n    ", OTHER + "\n\ndef b(values):\n    "]
    async with serving({"shared": False}) as alone:
        await alone.state("ready")
        expected = [await type_in(alone, f"file:///project/{number}.py", head) for number, head in enumerate(heads)]
    async with windows(2) as two:
        for wire in two:
            await wire.state("ready")
        uris = [f"file:///project/{number}.py" for number in range(2)]
        answers = await asyncio.gather(*map(type_in, two, uris, heads))
        assert list(answers) == expected
        assert len(place.engines()) == 1


@pytest.mark.usefixtures("place")
async def test_windows_come_and_go() -> None:
    """At random, some ended hard: at the end, nothing is left (the fixture looks)."""
    random_ = random.Random(7)  # noqa: S311 - a test

    async def visit(number: int) -> None:
        await asyncio.sleep(random_.random() * 3)
        wire = await Wire.start()
        try:
            await wire.initialize({"confidence": 0, **SHARED})
            if random_.random() < 0.8:
                await wire.state("ready")
                wire.open(URI, TEXT)
                assert await suggested(wire, URI, 3, 11)
            if number % 3:
                await wire.shut_down()
        finally:
            await wire.close()

    await asyncio.gather(*map(visit, range(6)))


@pytest.mark.usefixtures("place")
async def test_a_socket_path_that_is_too_long_goes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="t" * 90) as long:
        monkeypatch.setenv("XDG_RUNTIME_DIR", long)
        async with windows(1) as [wire]:
            assert (await wire.state("ready"))["engine"] == "llama.cpp, shared"
            process = psutil.Process(await process_of(wire))
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
