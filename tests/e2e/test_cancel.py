"""Cancelling, in the middle of the work of the real engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from pygls.exceptions import JsonRpcException

from tests.support.code import long_text
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from tests.support.editor import Editor

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

CANCELLED = -32800
ATTEMPTS = 8


async def cancelled_one(editor: Editor, seed: int) -> str:
    """Ask about a long text and cancel; again with another text where the answer was quicker. Return the document."""
    for attempt in range(ATTEMPTS):
        uri = editor.open(long_text(seed + attempt, lines=300))
        identity = f"cancel-{seed}-{attempt}"
        task = await editor.ask(uri, 250, 0, manual=True, identity=identity)
        editor.cancel(identity)
        try:
            await asyncio.wait_for(task, PATIENCE)
        except JsonRpcException as error:
            assert error.code == CANCELLED  # noqa: PT017 - an answer in time is no failure
            return uri
    pytest.fail("no request was cancelled")


async def test_a_cancelled_request_is_answered_so_and_the_engine_rests(editor: Editor) -> None:
    before = await editor.stats()
    await cancelled_one(editor, 100)
    rested = await editor.stats()
    later = await editor.stats()
    for counter in ("generatedTokens", "evaluatedTokens", "engineMs"):
        assert later[counter] == rested[counter]
    assert rested["generatedTokens"] - before["generatedTokens"] < 96
    await editor.state("ready")


async def test_asking_again_at_the_same_place(editor: Editor) -> None:
    uri = await cancelled_one(editor, 200)
    answer = await asyncio.wait_for(await editor.ask(uri, 250, 0, manual=True), PATIENCE)
    assert answer is not None


async def test_cancelling_twice_and_too_late(editor: Editor) -> None:
    uri = editor.open("x = \n")
    task = await editor.ask(uri, 0, 4, identity="done")
    await asyncio.wait_for(task, PATIENCE)
    editor.cancel("done")
    editor.cancel("done")
    editor.cancel("never asked")
    assert await editor.items(uri, 0, 4) is not None


async def test_many_cancelled_at_once(editor: Editor) -> None:
    uri = editor.open(long_text(300, lines=100))
    tasks = []
    for line in range(30):
        identity = f"many-{line}"
        tasks.append(await editor.ask(uri, 60 + line, 0, manual=True, identity=identity))
        editor.cancel(identity)
    for outcome in await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), PATIENCE):
        assert outcome is None or getattr(outcome, "code", CANCELLED) == CANCELLED
    assert (await editor.stats())["idle"]
