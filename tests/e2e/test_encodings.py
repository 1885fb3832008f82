"""Positions in utf-8, utf-16 and utf-32, behind emoji, \\r\\n, \\f and U+2028."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from lsprotocol import types

from starcoder_lsp.documents import Encoding, units
from tests.support.code import MARK
from tests.support.editor import Editor, editing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

CASES = {
    "ascii": "def area(width, height):\n    return ▌\n",
    "emoji": "def area(r):\n    x = '🦀🦀'; y = ▌\n",
    "family": "x = '👩‍👩‍👧‍👦é'; print(▌)\n",
    "crlf": "def area(r):\r\n    s = '🦀'; return ▌\r\n\r\nprint(area(1))\r\n",
    "form feed": "a = 1\n\f\ndef area(r):\n    return ▌\n",
    "separators": "a = '\u2028\u2029\x85\x0b'\nb = '🦀'; c = ▌\n",
    "last line": "a = '🦀'\nb = ▌",
    "rest": "value = max('🦀', ▌)\nprint(value)\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["utf-8", "utf-16", "utf-32"])
async def speaking(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Editor, Encoding]]:
    encoding: Encoding = request.param
    capabilities = types.ClientCapabilities(
        general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind(encoding)]),
        text_document=types.TextDocumentClientCapabilities(
            completion=types.CompletionClientCapabilities(
                completion_item=types.ClientCompletionItemOptions(documentation_format=[types.MarkupKind.Markdown])
            ),
            inline_completion=types.InlineCompletionClientCapabilities(),
        ),
    )
    async with editing({"plainCompletion": "always"}, capabilities=capabilities) as editor:
        assert editor.capabilities.position_encoding == encoding
        yield editor, encoding


def place_in(marked: str, encoding: Encoding) -> tuple[str, int, int]:
    """Return the text, and the mark's line and column as LSP counts them: lines end at \\n, \\r\\n and \\r only."""
    before, after = marked.split(MARK)
    normal = before.replace("\r\n", "\n")
    return before + after, normal.count("\n"), units(normal[normal.rfind("\n") + 1 :], encoding)


@pytest.mark.parametrize("name", CASES)
async def test_the_cursor_is_where_the_client_says(speaking: tuple[Editor, Encoding], name: str) -> None:
    editor, encoding = speaking
    text, line, column = place_in(CASES[name], encoding)
    uri = editor.open(text)
    whole = await editor.suggestion(uri, line, column)
    [item] = await editor.items(uri, line, column)
    here = types.Position(line, column)
    assert item.range == types.Range(here, here)
    # What the model says depends on what stands in front: the same text with plain positions says the same.
    reference = editor.open(text.replace("\r\n", "\n"))
    assert await editor.suggestion(reference, line, column) == whole.replace("\r\n", "\n")


async def test_a_position_inside_a_character_is_its_start(speaking: tuple[Editor, Encoding]) -> None:
    editor, encoding = speaking
    text = "x = 🦀\n"
    inside = {"utf-8": 6, "utf-16": 5, "utf-32": 4}[encoding]
    for item in await editor.items(editor.open(text), 0, inside):
        assert item.range is not None
        assert item.range.start == types.Position(0, 4)


async def test_positions_past_the_end_are_clamped(speaking: tuple[Editor, Encoding]) -> None:
    editor, encoding = speaking
    text = "a = '🦀'\r\nb = 1"
    for line, column, want in (
        (0, 999, types.Position(0, units("a = '🦀'", encoding))),
        (99, 0, types.Position(1, 5)),
        (1, 999, types.Position(1, 5)),
    ):
        for item in await editor.items(editor.open(text), line, column):
            assert item.range == types.Range(want, want)


@pytest.mark.parametrize("name", CASES)
async def test_plain_completion_replaces_the_word_begun(speaking: tuple[Editor, Encoding], name: str) -> None:
    editor, encoding = speaking
    text, line, column = place_in(CASES[name].replace(MARK, f"va{MARK}"), encoding)
    answer = await editor.complete(editor.open(text), line, column)
    for item in answer.items:
        assert isinstance(item.text_edit, types.TextEdit)
        assert item.text_edit.range == types.Range(types.Position(line, column - 2), types.Position(line, column))
        assert item.text_edit.new_text.startswith("va")
        assert isinstance(item.documentation, types.MarkupContent)
        assert item.documentation.kind == types.MarkupKind.Markdown


async def test_ranges_from_a_client_that_sends_them_anyway(speaking: tuple[Editor, Encoding]) -> None:
    editor, encoding = speaking
    uri = editor.open("a = '🦀'; b = 2\r\nreturn_value = 1\r\n")
    start = units("a = '🦀'; b = ", encoding)
    change = types.TextDocumentContentChangePartial(
        range=types.Range(types.Position(0, start), types.Position(0, start + 1)), text="a"
    )
    document = types.VersionedTextDocumentIdentifier(uri=uri, version=2)
    editor.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
    whole = editor.open("a = '🦀'; b = a\r\nreturn_value = 1\r\n")
    assert await editor.suggestion(uri, 0, start + 1) == await editor.suggestion(whole, 0, start + 1)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(None, "utf-16"), ([], "utf-16"), (["utf-7", "utf-32"], "utf-32"), (["utf-8", "utf-16"], "utf-8")],
)
async def test_the_client_s_first_encoding_that_is_known(offered: list[str] | None, chosen: str) -> None:
    kinds = None if offered is None else offered
    capabilities = types.ClientCapabilities(general=types.GeneralClientCapabilities(position_encodings=kinds))
    async with editing(capabilities=capabilities, wait=False) as editor:
        assert editor.capabilities.position_encoding == chosen
