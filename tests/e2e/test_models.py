"""Models of both architectures, and files that are none."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import pytest
from pygls.exceptions import JsonRpcException

from tests.support.code import place_of
from tests.support.editor import editing
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

TEXT, LINE, COLUMN = place_of("def total(values):\n    return ▌\n")


@pytest.mark.parametrize("architecture", ["starcoder", "starcoder2"])
async def test_random_weights_are_served(architecture: str, random_model: Callable[[str], Path]) -> None:
    async with editing({"model": str(random_model(architecture)), "maxTokens": 8}) as editor:
        status = await editor.state("ready")
        assert status["model"] == f"{architecture}-tiny"
        assert isinstance(await editor.items(editor.open(TEXT), LINE, COLUMN), (list, tuple))
        stats = await editor.stats()
        assert 0 < stats["generatedTokens"] <= 8 + 2  # and the unfinished word, written once more
        assert stats["promptTokens"] > 5


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("missing.gguf", None, "does not exist"),
        ("cut.gguf", lambda nano: nano.read_bytes()[:100_000], "cut off"),
        ("tail.gguf", lambda nano: nano.read_bytes()[:-1000], "cut off"),
        ("empty.gguf", lambda _nano: b"", "empty"),
        ("page.gguf", lambda _nano: b"<!DOCTYPE html><html>404</html>", "not a GGUF file"),
        ("text.gguf", lambda _nano: b"just some text, longer than any header could be\n" * 9, "not a GGUF file"),
        ("old.gguf", lambda nano: b"GGUF\x63\x00\x00\x00" + nano.read_bytes()[8:200], "version"),
    ],
)
async def test_what_is_no_model_is_said_so(
    tmp_path: Path, nano: Path, name: str, make: Callable[[Path], bytes] | None, sentence: str
) -> None:
    path = tmp_path / name
    if make is not None:
        path.write_bytes(make(nano))
    async with editing({"model": str(path)}, wait=False) as editor:
        early = await editor.ask(editor.open(TEXT), LINE, COLUMN)
        status = await editor.state("error")
        message = str(status["message"])
        assert sentence in message
        assert name in message
        answer = await asyncio.wait_for(early, PATIENCE)
        assert answer is not None
        assert not answer.items
        assert not await editor.items(editor.open(TEXT), LINE, COLUMN)
        [shown] = await editor.shown(1)
        assert shown.message == message


async def test_a_folder_is_no_model(tmp_path: Path) -> None:
    async with editing({"model": str(tmp_path)}) as editor:
        assert "cannot be read" in str((await editor.state("error"))["message"])


async def test_requests_before_the_model_is_loaded_are_answered() -> None:
    async with editing(wait=False) as editor:
        tasks = [await editor.ask(editor.open(TEXT), LINE, COLUMN) for _ in range(5)]
        for answer in await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE):
            assert answer is not None
            assert len(answer.items) == 1
        assert editor.states[0] == "loading"
        await editor.state("ready")


async def test_a_model_cut_off_while_it_is_loaded_does_not_end_the_server(tmp_path: Path, nano: Path) -> None:
    path = str(shutil.copy(nano, tmp_path / "m.gguf"))
    async with editing({"model": path}, failing=True) as editor:
        await editor.state("ready")
        os.truncate(path, 100_000)
        assert not await editor.items(editor.open(TEXT), LINE, COLUMN)
        assert "cut off" in str((await editor.state("error"))["message"])
        await editor.command("starcoder.switchModel", "nano")
        await editor.state("ready")
        assert await editor.items(editor.open(TEXT), LINE, COLUMN)


async def test_a_pipe_is_refused_and_another_model_can_be_chosen(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.gguf"
    os.mkfifo(pipe)
    async with editing({"model": str(pipe)}) as editor:
        assert "not a regular file" in str((await editor.state("error"))["message"])
        with pytest.raises(JsonRpcException, match="not a regular file"):
            await editor.command("starcoder.switchModel", str(pipe))
        await editor.command("starcoder.switchModel", "nano")
        await editor.state("ready")
