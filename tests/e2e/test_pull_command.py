"""Fetching a model from an editor: asked for by a person, shown, cancelled, used. The tests start the hub."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from starcoder_lsp.models.catalogue import shipped_model
from tests.support.code import place_of
from tests.support.editor import INLINE, editing
from tests.support.fakes import PATIENCE, until
from tests.support.local_hub import Hub, local_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.editor import Editor

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

NAME = "hf:someone/code-GGUF/code.gguf"
TEXT, LINE, COLUMN = place_of("def total(values):\n    return ▌\n")
SHOWING = types.ClientCapabilities(
    text_document=INLINE.text_document, window=types.WindowClientCapabilities(work_done_progress=True)
)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with local_hub() as hub:
        hub.files["someone/code-GGUF/code.gguf"] = shipped_model().read_bytes()
        yield hub


@pytest.fixture
def environment(hub: Hub, tmp_path: Path) -> dict[str, str]:
    names = {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DOWNLOAD_TIMEOUT": str(int(PATIENCE)),  # what the hub holds back may take long on a slow machine
        "STARCODER_LSP_MODELS": str(tmp_path / "models"),
    }
    return {**names, **{name: "" for name in os.environ if name.upper().endswith("_PROXY")}}


def begin(editor: Editor, *arguments: object, identity: str) -> asyncio.Future[Any]:
    """Send the command and do not wait for its answer."""
    params = types.ExecuteCommandParams(command="starcoder.pullModel", arguments=list(arguments))
    asked = editor.client.protocol.send_request_async("workspace/executeCommand", params, msg_id=identity)  # type: ignore[no-untyped-call]
    return asyncio.ensure_future(asked)


def reports(editor: Editor) -> list[str]:
    """What the newest progress said."""
    told = [one for values in editor.client.progress_reports.values() for one in values]
    return [str(message) for one in told if (message := getattr(one, "message", None))]


async def test_a_model_is_fetched_shown_and_used_while_the_other_goes_on(
    hub: Hub, environment: dict[str, str], tmp_path: Path
) -> None:
    hub.licence = "bigcode-openrail-m"
    async with editing(env=environment, capabilities=SHOWING) as editor:
        asks = await editor.command("starcoder.pullModel", NAME)
        assert asks["licence"]["name"] == "BigCode OpenRAIL-M v1"
        assert asks["bytes"] == shipped_model().stat().st_size
        assert hub.asked("GET /storage/") == [], "nobody has said yes"
        hub.hold.clear()
        fetching = begin(editor, NAME, {"acceptLicence": True, "switch": True}, identity="pull")
        await until(lambda: any("Fetching" in text for text in reports(editor)), "its progress")
        assert await editor.items(editor.open(TEXT), LINE, COLUMN), "nano goes on"
        hub.hold.set()
        answer = await asyncio.wait_for(fetching, PATIENCE)
        assert answer == {"name": "code", "path": str(tmp_path / "models" / "code.gguf"), "loaded": True}
        await editor.loaded("code")
        [told] = [told for told in editor.client.progress_reports.values() if "Fetching" in str(told)]
        assert "Reading code" in str(told), "one progress for all of it"
        assert str(told[-1]).count("ready") == 1
        assert await editor.items(editor.open(TEXT), LINE, COLUMN)
        asked = len(hub.requests)
        assert (await editor.command("starcoder.pullModel", NAME))["name"] == "code"
        assert len(hub.requests) == asked, "what is here is not asked for"


@pytest.mark.parametrize("way", ["progress", "request"])
async def test_a_fetch_is_cancelled_at_once_and_what_came_is_kept(
    hub: Hub, environment: dict[str, str], tmp_path: Path, way: str
) -> None:
    hub.hold.clear()
    async with editing(env=environment, capabilities=SHOWING) as editor:
        fetching = begin(editor, NAME, identity="pull")
        await until(lambda: any("Fetching" in text for text in reports(editor)), "its progress")
        if way == "progress":
            [token] = [
                token
                for token, values in editor.client.progress_reports.items()
                if any("Fetching" in str(getattr(one, "message", "")) for one in values)
            ]
            editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        else:
            editor.cancel("pull")
        await editor.command("starcoder.status")  # the answer comes after the cancel was taken
        hub.hold.set()
        with pytest.raises((JsonRpcException, asyncio.CancelledError)):
            await asyncio.wait_for(fetching, PATIENCE)
        models = tmp_path / "models"
        await until(lambda: [*models.glob(".*.part"), *models.glob("*.gguf")], "a part or the whole")
        assert (await editor.command("starcoder.status"))["model"] == "nano"
        assert await editor.items(editor.open(TEXT), LINE, COLUMN)


async def test_another_choice_ends_the_fetch(hub: Hub, environment: dict[str, str], tmp_path: Path) -> None:
    hub.hold.clear()
    async with editing(env=environment, capabilities=SHOWING) as editor:
        fetching = begin(editor, NAME, {"switch": True}, identity="pull")
        await until(lambda: any("Fetching" in text for text in reports(editor)), "its progress")
        assert await editor.command("starcoder.switchModel", "nano") is True
        hub.hold.set()
        with pytest.raises(JsonRpcException, match="another model was chosen"):
            await asyncio.wait_for(fetching, PATIENCE)
        assert (await editor.command("starcoder.status"))["model"] == "nano"
        assert not (tmp_path / "models" / "code.gguf").exists()
        assert (await editor.command("starcoder.pullModel", NAME, {"switch": True}))["loaded"] is True


async def test_what_goes_wrong_gets_a_sentence(hub: Hub, environment: dict[str, str]) -> None:
    hub.wrong_checksum = True
    async with editing(env=environment) as editor:
        for arguments, sentence in (
            ([], "must be"), ([5], "must be"), (["starcoder9"], "no model"), ([NAME], "SHA-256"),
            (["hf:someone/code-GGUF/none.gguf"], "no such file"),
        ):  # fmt: skip
            with pytest.raises(JsonRpcException) as caught:
                await editor.command("starcoder.pullModel", *arguments)
            assert sentence in str(caught.value.message)
        assert await editor.items(editor.open(TEXT), LINE, COLUMN)


async def test_the_catalogue_and_the_recommendation_make_no_connection(hub: Hub, environment: dict[str, str]) -> None:
    async with editing(env=environment) as editor:
        rows = {row["name"]: row for row in await editor.command("starcoder.catalogue")}
        assert rows["starcoder2-3b"]["licence"]["accepted"] is False
        assert rows["mellum-4b"]["licence"]["accepted"] is True
        assert rows["starcoder2-3b"]["fetched"] is False
        assert rows["starcoder2-3b"]["memory"] > rows["starcoder2-3b"]["bytes"]
        said = await editor.command("starcoder.recommend")
        assert said["model"] is None or said["model"].partition(":")[0] in rows
        assert said["sentence"].endswith(".")
        assert hub.requests == []


async def test_a_client_s_own_token_is_the_progress_s(hub: Hub, environment: dict[str, str]) -> None:
    hub.hold.clear()
    async with editing(env=environment) as editor:  # it does not show what servers begin
        editor.client.progress_reports["mine"] = []
        params = types.ExecuteCommandParams(command="starcoder.pullModel", arguments=[NAME], work_done_token="mine")  # noqa: S106 - a name of progress
        fetching = asyncio.ensure_future(editor.client.workspace_execute_command_async(params))
        await until(lambda: any("Fetching" in text for text in reports(editor)), "its progress")
        assert set(editor.client.progress_reports) == {"mine"}
        editor.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams("mine"))
        await editor.command("starcoder.status")  # the answer comes after the cancel was taken
        hub.hold.set()
        with pytest.raises(JsonRpcException):
            await asyncio.wait_for(fetching, PATIENCE)
