"""Settings from the editor: what is wrong is reported once, and the rest is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from tests.support.code import place_of
from tests.support.editor import INLINE, Editor, editing
from tests.support.wire import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.wire import Message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

TEXT, LINE, COLUMN = place_of("def total(values):\n    return ▌\n")

ASKED = types.ClientCapabilities(
    text_document=INLINE.text_document,
    workspace=types.WorkspaceClientCapabilities(
        configuration=True,
        did_change_configuration=types.DidChangeConfigurationClientCapabilities(dynamic_registration=True),
    ),
)
"""A client that can be asked for its configuration."""


def push(editor: Editor, settings: object) -> None:
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings=settings))


async def silent(editor: Editor) -> bool:
    """Whether a suggestion is refused."""
    return not await editor.items(editor.open(TEXT), LINE, COLUMN)


async def settled(editor: Editor) -> None:
    """Return once the server has handled what was sent before."""
    for _ in range(3):
        await editor.command("starcoder.status")


async def test_what_is_wrong_is_said_once_and_the_rest_is_kept() -> None:
    options = {"modle": "nano", "maxTokens": "many", "languages": {"markdown": False}, "contextSize": 3}
    async with editing(options) as editor:
        messages = [message.message for message in await editor.shown(3)]
        assert len(messages) == 3
        assert any('"modle"' in message and '"model"' in message for message in messages)
        assert any('"maxTokens"' in message for message in messages)
        assert any('"contextSize"' in message for message in messages)
        assert {message.type for message in editor.client.messages} == {types.MessageType.Warning}
        assert not await editor.items(editor.open("# a\n", language="markdown"), 0, 3)
        assert not await silent(editor)
        push(editor, {"starcoder": {"maxTokens": "many"}})
        await settled(editor)
        assert len(editor.client.messages) == 3
        push(editor, {"starcoder": {"maxTokens": "more"}})
        assert len(await editor.shown(4)) == 4


@pytest.mark.parametrize("options", [5, "text", [1]])
async def test_options_that_are_no_object(options: object) -> None:
    async with editing(raw_options=options) as editor:
        [message] = await editor.shown(1)
        assert "object" in message.message
        assert (await editor.command("starcoder.status"))["state"] == "ready"


async def test_the_section_of_the_editor_wins_over_the_initial_options() -> None:
    async with editing({"enabled": True}, capabilities=ASKED, configuration={"enabled": False}) as editor:
        assert await silent(editor)
        editor.client.set_configuration({"enabled": True}, section="starcoder")
        push(editor, None)
        await settled(editor)
        assert not await silent(editor)


async def test_settings_that_are_pushed() -> None:
    async with editing() as editor:
        assert not await silent(editor)
        push(editor, {"starcoder": {"enabled": False}})
        await settled(editor)
        assert await silent(editor)
        push(editor, {"starcoder": {"languages": {"python": True, "*": False}}})
        await settled(editor)
        assert not await silent(editor)
        assert not await editor.items(editor.open("x = ", language="lua"), 0, 4)
        useless: list[object] = [None, [], 5, "x", {"starcoder": 5}, {"other": {}}]
        for nonsense in useless:
            push(editor, nonsense)
        await settled(editor)
        assert not await silent(editor)


async def test_another_model_in_the_settings_is_loaded(random_model: Callable[[str], Path]) -> None:
    async with editing() as editor:
        push(editor, {"starcoder": {"model": str(random_model("starcoder2"))}})
        await editor.loaded("starcoder2-tiny")
        push(editor, {"starcoder": {"model": "nano"}})
        await editor.loaded("nano")
        assert not await silent(editor)


async def test_a_model_in_the_settings_that_is_not_there_leaves_the_one_before() -> None:
    async with editing() as editor:
        push(editor, {"starcoder": {"model": "/nowhere/absent.gguf"}})
        [shown] = await editor.shown(1)
        assert "absent.gguf" in shown.message
        assert shown.message.endswith("Going back to nano.")
        await editor.loaded("nano")
        assert not await silent(editor)
        status = await editor.state("ready")
        assert (status["state"], status["model"], status["message"]) == ("ready", "nano", shown.message)


async def test_a_switch_outlives_a_change_of_other_settings() -> None:
    async with editing({"model": "/nowhere/absent.gguf"}) as editor:
        assert await editor.command("starcoder.switchModel", "nano") is True
        await editor.loaded("nano")
        push(editor, {"starcoder": {"maxTokens": 7}})
        await settled(editor)
        assert (await editor.command("starcoder.status"))["model"] == "nano"
        assert (await editor.command("starcoder.status"))["state"] == "ready"


async def test_the_command_line_is_the_base() -> None:
    async with editing(arguments=["--model", "/nowhere/absent.gguf"]) as editor:
        assert (await editor.command("starcoder.status"))["state"] == "error"
    async with editing({"model": "nano"}, arguments=["--model", "/nowhere/absent.gguf"]) as editor:
        assert (await editor.command("starcoder.status"))["state"] == "ready"


async def test_progress_of_the_load() -> None:
    capabilities = types.ClientCapabilities(
        text_document=INLINE.text_document, window=types.WindowClientCapabilities(work_done_progress=True)
    )
    async with editing(capabilities=capabilities) as editor:
        await settled(editor)
        heard: Any = editor.client.progress_reports
        [reports] = heard.values()
        assert isinstance(reports[0], types.WorkDoneProgressBegin)
        assert isinstance(reports[-1], types.WorkDoneProgressEnd)
        assert all(isinstance(report, types.WorkDoneProgressReport) for report in reports[1:-1])
        push(editor, {"starcoder": {"model": "/nowhere/absent.gguf"}})
        await editor.shown(1)
        assert not await silent(editor)  # answered by the model it goes back to
        await settled(editor)
        ends = [reports[-1] for reports in heard.values() if reports]
        assert all(isinstance(end, types.WorkDoneProgressEnd) for end in ends)


async def test_no_progress_for_a_client_that_did_not_ask_for_it() -> None:
    async with editing() as editor:
        assert editor.client.progress_reports == {}
        assert editor.states[-1] == "ready"
        assert editor.states[0] == "loading"


async def test_a_model_chosen_before_the_configuration_came_stays(
    tmp_path: Path, random_model: Callable[[str], Path]
) -> None:
    """And nothing else is loaded in between."""
    (tmp_path / "other.gguf").symlink_to(random_model("starcoder2"))
    asking = {"workspace": {"configuration": True}, "textDocument": {"inlineCompletion": {}}}
    async with serving(env={"STARCODER_LSP_MODELS": str(tmp_path)}, capabilities=asking) as wire:

        def asked() -> Message | None:
            return next((one for one in wire.inbox if one.get("method") == "workspace/configuration"), None)

        question: Message = await wire.until(asked, "the question for the configuration")
        assert await wire.command("starcoder.switchModel", "other") is True
        wire.send({"jsonrpc": "2.0", "id": question["id"], "result": [{"model": "nano", "maxTokens": 40}]})
        assert (await wire.state("ready"))["model"] == "other"
        await wire.stats()
        states = [(status["state"], status["model"]) for status in wire.heard("starcoder/status")]
        assert {model for _state, model in states} <= {None, "other"}
        assert [state for state, _model in states].count("ready") == 1
