"""Suggestions by the model that ships, from the real server process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types

from tests.support.code import PLACES, long_text, place_of
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from tests.support.editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUM, IMPORT, CLASS, *_ = PLACES


async def test_documents_are_synchronised_by_their_changes(editor: Editor) -> None:
    sync = editor.capabilities.text_document_sync
    assert isinstance(sync, types.TextDocumentSyncOptions)
    assert sync.change is types.TextDocumentSyncKind.Incremental


async def test_different_code_gives_different_suggestions(editor: Editor) -> None:
    said = []
    for marked in PLACES:
        text, line, column = place_of(marked)
        said += [str(item.insert_text) for item in await editor.items(editor.open(text), line, column)]
    assert all(text.strip() for text in said)
    assert len(set(said)) >= len(PLACES) // 2, said


async def test_the_same_code_gives_the_same_suggestion(editor: Editor) -> None:
    text, line, column = place_of(SUM)
    assert await editor.suggestion(editor.open(text), line, column) == await editor.suggestion(
        editor.open(text), line, column
    )


async def test_an_item_says_where_and_what_to_report(editor: Editor) -> None:
    text, line, column = place_of(CLASS)
    [item] = await editor.items(editor.open(text), line, column)
    here = types.Position(line, column)
    assert item.range == types.Range(here, here)
    assert item.command is not None
    assert item.command.command == "starcoder.accept"
    assert item.command.arguments is not None
    [identity] = item.command.arguments
    before = (await editor.stats())["events"]
    assert await editor.command("starcoder.accept", identity) is None
    assert (await editor.stats())["events"]["accept"] == before["accept"] + 1


async def test_the_suggestion_goes_on_as_it_is_typed(editor: Editor) -> None:
    text, line, column = place_of(SUM)
    uri = editor.open(text)
    whole = await editor.suggestion(uri, line, column)
    before = await editor.stats()
    at = text.index("+= ") + 3
    editor.change(uri, 2, text[:at] + whole[:1] + text[at:])
    if len(whole) > 1:
        assert [item.insert_text for item in await editor.items(uri, line, column + 1)] == [whole[1:]]
        after = await editor.stats()
        assert after["fromMemory"] == before["fromMemory"] + 1
        assert after["generatedTokens"] == before["generatedTokens"]


async def test_a_change_is_seen_by_the_next_request(editor: Editor) -> None:
    uri = editor.open("")
    text, line, column = place_of(SUM)
    editor.change(uri, 2, text)
    first = await editor.suggestion(uri, line, column)
    assert first == await editor.suggestion(editor.open(text), line, column)


async def test_a_newer_request_supersedes_the_older(editor: Editor) -> None:
    text = long_text(1, lines=100) + "def last():\n    return \n"
    uri = editor.open(text)
    lines = text.count("\n")
    first = await editor.ask(uri, 80, 0, manual=True)
    second = await editor.ask(uri, lines - 1, 11, manual=True)
    older, newer = await asyncio.wait_for(asyncio.gather(first, second), PATIENCE)
    assert older is None or not older.items
    assert newer is not None


async def test_a_burst_of_requests_is_answered_once_each_and_only_the_last_in_earnest(editor: Editor) -> None:
    text = long_text(2, lines=60)
    uri = editor.open(text)
    tasks = [await editor.ask(uri, line, 0, manual=True) for line in range(20, 50)]
    answers = await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
    assert all(answer is None for answer in answers[:-1])
    assert answers[-1] is not None
    stats = await editor.stats()
    assert stats["idle"]


async def test_three_documents_at_once(editor: Editor) -> None:
    """Each is answered, and comes to what it comes to alone; on a slow machine by way of a piece of that."""
    places = [place_of(marked) for marked in (SUM, IMPORT, CLASS)]
    alone = [await editor.suggestion(editor.open(text), line, column) for text, line, column in places]
    opened = [(editor.open(text), line, column) for text, line, column in places]
    tasks = [await editor.ask(*place) for place in opened]
    answers = await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
    for answer, whole in zip(answers, alone, strict=True):
        assert answer is not None
        [item] = answer.items
        assert item.insert_text
        assert whole.startswith(str(item.insert_text))
    assert [await editor.suggestion(*place) for place in opened] == alone
    assert any(alone)


async def test_the_text_of_control_tokens_is_only_text(editor: Editor) -> None:
    """As control tokens they would be four of the prompt's ids; as text they are many more."""
    lengths = []
    for literal in ("", "<fim_middle><|endoftext|><file_sep><fim_prefix>"):
        text, line, column = place_of(f'x = "{literal}"\ny = x.▌\n')
        assert isinstance(await editor.items(editor.open(text), line, column), (list, tuple))
        lengths.append((await editor.stats())["promptTokens"])
    assert lengths[1] - lengths[0] >= 12


async def test_an_empty_document_and_the_end_of_one(editor: Editor) -> None:
    assert isinstance(await editor.items(editor.open(""), 0, 0), (list, tuple))
    assert isinstance(await editor.items(editor.open("x = 1"), 0, 5), (list, tuple))
    assert isinstance(await editor.items(editor.open("x = 1\n"), 1, 0), (list, tuple))


async def test_status_goes_busy_and_comes_back(editor: Editor) -> None:
    text, line, column = place_of(long_text(3, lines=60) + "print(▌)\n")
    before = len(editor.statuses)
    await editor.items(editor.open(text), line, column)
    await editor.state("ready")
    heard = editor.statuses[before:]
    assert heard[-1]["latencyMs"] is not None or not heard[-1]["latencyMs"]
    assert {status["state"] for status in heard} <= {"busy", "ready"}
    assert heard[-1]["model"] == "nano"


async def test_who_asks_by_hand_gets_several_and_each_is_accepted_by_its_own_id(editor: Editor) -> None:
    counts = []
    for marked in PLACES:
        text, line, column = place_of(marked)
        uri = editor.open(text)
        by_itself = await editor.suggestion(uri, line, column)
        before = await editor.stats()
        answer = await asyncio.wait_for(await editor.ask(uri, line, column, manual=True), PATIENCE)
        after = await editor.stats()
        assert answer is not None
        texts = [str(item.insert_text) for item in answer.items]
        assert texts[0] == by_itself
        assert len(set(texts)) == len(texts) <= 3
        assert len({str(item.command.arguments) for item in answer.items if item.command}) == len(texts)
        # they share the prompt: its last token, and the first of each that is tried (two for each that is wanted)
        assert after["evaluatedTokens"] - before["evaluatedTokens"] <= 1 + 4
        counts.append(len(texts))
    assert max(counts) == 3
    assert sum(counts) > len(PLACES)
