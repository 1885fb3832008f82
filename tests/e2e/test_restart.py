"""What a restart costs, counted in tokens: the real server, the model that ships, and a folder of states.

Each case opens a long file, rests until what was read is kept, ends the server, and opens the file again.
"""

from __future__ import annotations

import asyncio
import stat
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

from starcoder_lsp.bench import ours
from starcoder_lsp.engine.states.folder import StatesFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from starcoder_lsp.lsp_client import Client

pytestmark = pytest.mark.slow

TEXT = (Path(__file__).parents[2] / "starcoder_lsp" / "session" / "session.py").read_text(encoding="utf-8")
LINE = TEXT[: TEXT.index("    def close_document")].count("\n") + 3
PATIENCE_S = 30.0


@define(eq=False)
class Desk:
    """A person's editor, which is started again and again, and its folder of states."""

    folder: StatesFolder
    options: dict[str, Any] = field(factory=dict)
    text: str = TEXT
    column: int = 8

    def sit(self, work: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        """Start the editor and the server, work, and end them."""

        async def run() -> None:
            options = {"cache.disk": 100, "cache.folder": str(self.folder.path.parent), **self.options}
            client = await ours.start("nano", 1, options=options)
            try:
                await work(client)
            finally:
                await ours.stop(client)

        asyncio.run(run())

    async def open(self, client: Client, name: str = "long.py", line: int = LINE) -> tuple[int, str]:
        """Open a file at a line; return how many tokens that evaluated, and what was suggested."""
        uri = f"file:///desk/{name}"
        before = (await ours.settle(client))["evaluatedTokens"]
        client.open(uri, "python", self.text)
        await client.suggest(uri, line, self.column)
        after = (await ours.settle(client))["evaluatedTokens"]
        client.close(uri)  # what a busy machine has answered from a short prompt is forgotten
        client.open(uri, "python", self.text)
        await client.suggest(uri, line, self.column)
        await ours.settle(client)
        items = await client.suggest(uri, line, self.column)  # the whole of it
        return after - before, items[0].insert_text if items else ""

    async def type(self, client: Client, letters: str, name: str = "long.py") -> None:
        """Type at the line."""
        lines = self.text.split("\n")
        for number, letter in enumerate(letters):
            lines[LINE] = lines[LINE][: self.column] + letter + lines[LINE][self.column :]
            self.column += 1
            self.text = "\n".join(lines)
            client.change(f"file:///desk/{name}", number + 2, self.text)
            await client.suggest(f"file:///desk/{name}", LINE, self.column)

    async def kept(self, count: int) -> None:
        """Rest until so many states are on disk."""
        end = time.monotonic() + PATIENCE_S
        while len(self.folder.states()) < count:
            assert time.monotonic() < end, f"{len(self.folder.states())} states are kept, not {count}"
            await asyncio.sleep(0.05)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(StatesFolder(tmp_path / "starcoder-lsp-states"))


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for engine processes, with a short name, as sockets want it; they end at once with their last window."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        monkeypatch.setenv("STARCODER_LSP_ENGINE_IDLE", "0.2")
        yield Path(base)


def opened_again(desk: Desk, restarted: Callable[[], object] = lambda: None) -> None:
    """Open a file, end the editor, and open it again: it is not read again, and says the same."""
    answers: list[str] = []

    async def first(client: Client) -> None:
        evaluated, answer = await desk.open(client)
        assert evaluated > 1_000
        answers.append(answer)
        await desk.kept(1)

    async def second(client: Client) -> None:
        evaluated, answer = await desk.open(client)
        assert evaluated <= 16
        answers.append(answer)

    desk.sit(first)
    restarted()
    desk.sit(second)
    assert answers[0] == answers[1]


def test_a_file_opened_again_after_a_restart_is_not_read_again(desk: Desk) -> None:
    opened_again(desk)
    if sys.platform != "win32":
        modes = {stat.S_IMODE(one.path.stat().st_mode) for one in desk.folder.states()}
        assert modes == {0o600}


def test_what_was_typed_before_the_restart_is_all_that_is_read(desk: Desk) -> None:
    """The window begins elsewhere for a cursor that moved on; the one that is kept is followed."""

    async def first(client: Client) -> None:
        await desk.open(client)
        await desk.kept(1)
        await desk.type(client, "first = self._documents.get(uri)  # ")

    async def second(client: Client) -> None:
        assert (await desk.open(client))[0] <= 48

    desk.sit(first)
    desk.sit(second)


def test_coming_back_after_ten_other_files_costs_nothing(desk: Desk) -> None:
    async def work(client: Client) -> None:
        await desk.open(client)
        await desk.kept(1)
        for number in range(10):
            await desk.open(client, f"other{number}.py", LINE - 20 - 7 * number)
        client.close("file:///desk/long.py")
        assert (await desk.open(client))[0] <= 16

    desk.sit(work)


@pytest.mark.skipif(sys.platform == "win32", reason="the engine process's folder is found otherwise there")
def test_the_process_that_windows_share_keeps_it_and_finds_it_again(desk: Desk, runtime: Path) -> None:
    desk.options = {"shared": True}

    def ended() -> None:
        end = time.monotonic() + PATIENCE_S
        while list(runtime.glob("starcoder-lsp-*/*.sock")):
            assert time.monotonic() < end, "the engine process stays"
            time.sleep(0.05)

    opened_again(desk, ended)


def test_nothing_is_kept_of_a_secret_or_ignored_file_or_where_it_is_off(desk: Desk, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / ".gitignore").write_text("left_out.py\n")

    async def work(client: Client) -> None:
        for path in ("left_out.py", "credentials.json"):
            client.open((root / path).as_uri(), "python", TEXT)
            await client.suggest((root / path).as_uri(), LINE, 8)
            await asyncio.sleep(2.5)
            assert desk.folder.states() == []
        client.open((root / "own.py").as_uri(), "python", TEXT)
        await client.suggest((root / "own.py").as_uri(), LINE, 8)
        await desk.kept(1)

    desk.sit(work)
    desk.folder.clear()
    desk.options = {"cache.disk": 0}

    async def off(client: Client) -> None:
        await desk.open(client)
        await asyncio.sleep(2.5)
        assert desk.folder.states() == []

    desk.sit(off)
