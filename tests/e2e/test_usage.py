"""What is counted of a session with the real server process, and what is left of it when the process is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from attrs import define
from lsprotocol import types

from starcoder_lsp.usage.store import read
from tests.support.code import PLACES, place_of
from tests.support.editor import editing
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starcoder_lsp.usage.record import Measure, Record
    from tests.support.editor import Editor

pytestmark = pytest.mark.slow


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "starcoder-lsp" / "usage.sqlite3"


@define(eq=False)
class Offered:
    """One suggestion, where it was given, and what the editor calls it."""

    editor: Editor
    uri: str
    before: str
    after: str
    text: str
    identity: str
    version: int = 1

    def stands(self, count: int) -> None:
        """Have the first `count` characters of it in the document."""
        self.version += 1
        self.editor.change(self.uri, self.version, self.before + self.text[:count] + self.after)

    async def report(self, command: str, *arguments: object) -> None:
        assert await self.editor.command(f"starcoder.{command}", self.identity, *arguments) is None

    async def save(self) -> None:
        document = types.TextDocumentIdentifier(self.uri)
        self.editor.client.text_document_did_save(types.DidSaveTextDocumentParams(document))
        await self.editor.command("starcoder.status")  # the answer comes after the notification was taken


class Killed(Exception):  # noqa: N818 - what was done, not what went wrong
    """The server was killed: it cannot be shut down any more."""


async def offered(editor: Editor, marked: str) -> Offered | None:
    text, line, column = place_of(marked)
    at = sum(len(one) + 1 for one in text.split("\n")[:line]) + column
    uri = editor.open(text, name="secret_name.py")
    items = await editor.items(uri, line, column)
    if not items:
        return None
    [item] = items
    assert isinstance(item.insert_text, str)
    assert item.command is not None
    assert item.command.arguments is not None
    one = Offered(editor, uri, text[:at], text[at:], item.insert_text, str(item.command.arguments[0]))
    await one.report("show")
    return one


async def places(editor: Editor, count: int) -> tuple[list[Offered], int]:
    """Suggestions of several letters in one line, and how many others were dismissed."""
    found: list[Offered] = []
    dismissed = 0
    for marked in (*PLACES, *(f"# {number}\n{one}" for number in range(9) for one in PLACES)):
        one = await offered(editor, marked)
        if one is None:
            continue
        if len(one.text) > 2 and "\n" not in one.text:
            found.append(one)
        else:
            await one.report("reject")
            dismissed += 1
        if len(found) == count:
            return found, dismissed
    raise AssertionError("the model has nothing to say")


async def written(state: Path, expected: Mapping[str, int]) -> list[Record]:
    """Wait until the file says what is expected, in sum."""
    end = asyncio.get_running_loop().time() + PATIENCE
    while True:
        records = [one.record for one in read(state)]
        sums = {name: sum(int(getattr(one, name)) for one in records) for name in expected}
        if sums == dict(expected):
            return records
        assert asyncio.get_running_loop().time() < end, f"{sums}, not {dict(expected)}"
        await asyncio.sleep(0.05)


async def saved(state: Path) -> tuple[int, int]:
    """Wait until accepted texts were looked at after a save; return of how many characters how many stood."""
    end = asyncio.get_running_loop().time() + PATIENCE
    when: Measure = "save"
    while True:
        rows = list(read(state))
        measured = sum(one.measured[when] for one in rows)
        if measured:
            return measured, sum(one.standing[when] for one in rows)
        assert asyncio.get_running_loop().time() < end, "nothing was measured"
        await asyncio.sleep(0.05)


async def test_counts_are_what_was_done_and_a_kill_loses_nothing_that_was_written(state: Path) -> None:
    with contextlib.suppress(Killed):
        async with editing() as editor:
            (whole, part, typed, dismissed), left = await places(editor, 4)
            whole.stands(len(whole.text))
            await whole.report("accept")
            part.stands(2)
            await part.report("acceptPartial", 2, "word")
            for count in range(1, len(typed.text) + 1):
                typed.stands(count)
            await dismissed.report("reject")
            await whole.save()
            expected = {
                "shown": 4 + left, "whole": 1, "words": 1, "lines": 0, "dismissed": 1 + left, "typed_through": 1,
                "accepted": len(whole.text) + 2, "typed": len(typed.text),
            }  # fmt: skip
            records = await written(state, expected)
            stood = await saved(state)
            assert {(one.language, one.model) for one in records} == {("python", "nano")}
            assert all(one.offered for one in records)
            said = await editor.command("starcoder.usage")
            assert (said["enabled"], said["days"], said["shown"], said["accepted"]) == (True, 7, 4 + left, 2)
            assert said["summary"].startswith(f"Last 7 days: {4 + left} suggestions shown, 2 accepted")
            editor.process.kill()
            await editor.process.wait()
            raise Killed
    await written(state, expected)
    assert stood == await saved(state) == (len(whole.text), len(whole.text))
    kept = b"".join(one.read_bytes() for one in state.parent.iterdir())
    for one in (whole, part, typed, dismissed):
        assert one.text.encode() not in kept
    for private in ("secret_name", "file:", "/project", *filter(None, whole.before.split("\n"))):
        assert private.encode() not in kept


async def test_two_windows_count_into_one_file_and_the_command_line_reads_it(state: Path) -> None:
    async with editing() as first, editing() as second:
        for number in range(3):
            for editor in (first, second):
                one = await offered(editor, f"# {number}\n{PLACES[0]}")
                assert one is not None
                one.stands(len(one.text))
                await one.report("accept")
        await written(state, {"shown": 6, "whole": 6})  # at its end a server waits a second for what is not written
    assert len({one.record.key[0] for one in read(state)}) == 2
    command = [sys.executable, "-m", "starcoder_lsp", "usage", "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=dict(os.environ))
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert json.loads(said)["total"]["accepted_whole"] == 6


@pytest.mark.parametrize("options", [{"usage": {"enabled": False}}, {"usage.enabled": False}])
async def test_turned_off_there_is_no_file(state: Path, options: Mapping[str, object]) -> None:
    async with editing(options) as editor:
        one = await offered(editor, PLACES[0])
        assert one is not None
        await one.report("accept")
        said = await editor.command("starcoder.usage", 1)
        assert said["enabled"] is False
        assert "Counting is off" in said["summary"]
    assert not state.parent.exists()


async def test_a_broken_file_does_not_stop_the_server(state: Path) -> None:
    state.parent.mkdir()
    state.write_bytes(b"broken" * 1000)  # noqa: ASYNC240 - before anything runs
    async with editing() as editor:
        one = await offered(editor, PLACES[0])
        assert one is not None
        await one.report("accept")
        end = asyncio.get_running_loop().time() + PATIENCE
        while b"set aside" not in editor.log:  # until then it is no file to read
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.05)
        await written(state, {"whole": 1})
