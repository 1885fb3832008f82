"""Plain completion, for clients without ghost text."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from lsprotocol import types

from tests.support.code import place_of
from tests.support.editor import INLINE, Editor, editing
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

PLAIN = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(completion=types.CompletionClientCapabilities())
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[Editor]:
    async with editing(capabilities=PLAIN) as editor:
        yield editor


async def test_it_is_advertised_with_inline_completion(plain: Editor) -> None:
    assert plain.capabilities.completion_provider is not None
    assert plain.capabilities.inline_completion_provider


async def test_one_item_that_survives_the_client_s_filtering(plain: Editor) -> None:
    text, line, column = place_of("def total(values):\n    res▌\n    return result\n")
    answer = await plain.complete(plain.open(text), line, column)
    assert answer.is_incomplete
    [item] = answer.items
    edit = item.text_edit
    assert isinstance(edit, types.TextEdit)
    assert edit.range == types.Range(types.Position(line, column - 3), types.Position(line, column))
    assert item.filter_text == edit.new_text
    assert edit.new_text.startswith("res")
    assert item.label.startswith("res")
    assert "nano" in str(item.detail)
    assert item.command is not None
    assert item.command.command == "starcoder.accept"
    assert item.documentation == edit.new_text
    assert item.insert_text_format in (None, types.InsertTextFormat.PlainText)


async def test_behind_a_blank_nothing_is_replaced(plain: Editor) -> None:
    text, line, column = place_of("def total(values):\n    return ▌\n")
    [item] = (await plain.complete(plain.open(text), line, column)).items
    assert isinstance(item.text_edit, types.TextEdit)
    assert item.text_edit.range == types.Range(types.Position(line, column), types.Position(line, column))


async def test_both_ways_say_the_same(plain: Editor) -> None:
    text, line, column = place_of("def total(values):\n    return ▌\n")
    uri = plain.open(text)
    whole = await plain.suggestion(uri, line, column)
    [item] = (await plain.complete(uri, line, column)).items
    assert isinstance(item.text_edit, types.TextEdit)
    assert item.text_edit.new_text == whole


async def test_nothing_for_a_document_that_is_not_open(plain: Editor) -> None:
    params = types.CompletionParams(types.TextDocumentIdentifier("file:///nowhere.py"), types.Position(0, 0))
    assert await plain.client.text_document_completion_async(params) is None


@pytest.mark.parametrize(
    ("choice", "capabilities", "advertised"),
    [
        ("auto", INLINE, False),
        ("always", INLINE, True),
        ("never", INLINE, False),
        ("auto", PLAIN, True),
        ("always", PLAIN, True),
        ("never", PLAIN, False),
    ],
)
async def test_when_it_is_advertised(choice: str, capabilities: types.ClientCapabilities, *, advertised: bool) -> None:
    async with editing({"plainCompletion": choice}, capabilities=capabilities, wait=False) as editor:
        assert (editor.capabilities.completion_provider is not None) == advertised
        assert editor.capabilities.inline_completion_provider


async def test_while_a_model_loads_the_list_is_empty_and_incomplete() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # what connects to it waits
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with editing({"engines": [url]}, capabilities=PLAIN, wait=False) as editor:
            uri = editor.open("total = 1\n")
            params = types.CompletionParams(types.TextDocumentIdentifier(uri), types.Position(0, 5))
            answer = await asyncio.wait_for(editor.client.text_document_completion_async(params), PATIENCE)
            assert isinstance(answer, types.CompletionList)
            assert answer.is_incomplete
            assert not answer.items
            assert editor.states == ["loading"]
