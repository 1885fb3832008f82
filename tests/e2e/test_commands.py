"""The commands of docs/protocol.md."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from pygls.exceptions import JsonRpcException

from starcoder_lsp.server.handlers.commands import COMMANDS
from tests.support.code import place_of
from tests.support.editor import Editor, editing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

INVALID_PARAMS = -32602
TEXT, LINE, COLUMN = place_of("def total(values):\n    return ▌\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own(tmp_path_factory: pytest.TempPathFactory, random_model: Callable[[str], Path]) -> AsyncIterator[Editor]:
    """A server of these tests' own, with a folder that has one more model."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "other.gguf").symlink_to(random_model("starcoder2"))
    (folder / "notes.txt").write_text("no model")
    async with editing(env={"STARCODER_LSP_MODELS": str(folder)}) as editor:
        yield editor


async def refused(editor: Editor, name: str, *arguments: object) -> str:
    with pytest.raises(JsonRpcException) as caught:
        await editor.command(name, *arguments)
    assert caught.value.code == INVALID_PARAMS
    return str(caught.value.message)


async def test_all_are_advertised(own: Editor) -> None:
    assert own.capabilities.execute_command_provider is not None
    assert set(own.capabilities.execute_command_provider.commands) == set(COMMANDS)


@pytest.mark.parametrize("name", ["accept", "acceptPartial", "reject", "show"])
async def test_reports_are_counted(own: Editor, name: str) -> None:
    uri = own.open(TEXT)
    [item] = await own.items(uri, LINE, COLUMN)
    assert item.command is not None
    assert item.command.arguments is not None
    before = (await own.stats())["events"][name]
    more = (1,) if name == "acceptPartial" else ()
    assert await own.command(f"starcoder.{name}", item.command.arguments[0], *more) is None
    assert await own.command(f"starcoder.{name}", "nonsense", *more) is None
    assert (await own.stats())["events"][name] == before + 2


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("accept", ()),
        ("accept", (5,)),
        ("accept", (None,)),
        ("acceptPartial", ("s1",)),
        ("acceptPartial", ("s1", "x")),
        ("acceptPartial", ("s1", -1)),
        ("acceptPartial", ("s1", math.inf)),
        ("acceptPartial", ("s1", True)),
        ("reject", ({},)),
        ("show", ([],)),
        ("pause", (5,)),
        ("resume", ({},)),
        ("switchModel", ()),
        ("switchModel", (5,)),
    ],
)
async def test_wrong_arguments_get_a_sentence(own: Editor, name: str, arguments: tuple[object, ...]) -> None:
    assert "must be" in await refused(own, f"starcoder.{name}", *arguments)


async def test_an_unknown_command_gets_a_sentence(own: Editor) -> None:
    assert "nonsense" in await refused(own, "starcoder.nonsense")
    assert await refused(own, "")


async def test_pausing_everywhere(own: Editor) -> None:
    uri = own.open(TEXT)
    assert await own.command("starcoder.pause") is True
    assert (await own.command("starcoder.status"))["state"] == "paused"
    assert not await own.items(uri, LINE, COLUMN)
    assert await own.command("starcoder.resume") is True
    assert await own.items(uri, LINE, COLUMN)
    await own.state("ready")


async def test_pausing_one_document(own: Editor) -> None:
    quiet, loud = own.open(TEXT), own.open(TEXT)
    await own.command("starcoder.pause", quiet)
    status = await own.command("starcoder.status")
    assert (status["state"], status["pausedUris"]) == ("ready", [quiet])
    assert not await own.items(quiet, LINE, COLUMN)
    assert await own.items(loud, LINE, COLUMN)
    await own.command("starcoder.resume", quiet)
    assert (await own.command("starcoder.status"))["pausedUris"] == []
    assert await own.items(quiet, LINE, COLUMN)


async def test_the_status_is_the_notification_s(own: Editor) -> None:
    status = await own.command("starcoder.status")
    fields = {"state", "model", "engine", "message", "progress", "latencyMs", "pausedUris", "shown", "hidden", "reason"}
    assert set(status) == fields
    assert status["engine"] == "llama.cpp"


async def test_the_models_there_are(own: Editor) -> None:
    models = {model["name"]: model for model in await own.command("starcoder.models")}
    assert set(models) == {"nano", "other"}
    assert models["nano"]["current"]
    assert not models["other"]["current"]
    assert all(model["bytes"] > 0 for model in models.values())


async def test_switching_the_model_and_back(own: Editor) -> None:
    uri = own.open(TEXT)
    before = await own.suggestion(uri, LINE, COLUMN)
    assert await own.command("starcoder.switchModel", "other") is True
    during = await own.ask(uri, LINE, COLUMN)
    answer = await during
    assert answer is not None
    await own.loaded("other")
    assert {model["name"] for model in await own.command("starcoder.models") if model["current"]} == {"other"}
    assert await own.command("starcoder.switchModel", "nano") is True
    await own.loaded("nano")
    assert await own.suggestion(uri, LINE, COLUMN) == before


async def test_a_model_that_is_not_there_is_refused_and_the_old_one_stays(own: Editor) -> None:
    with pytest.raises(JsonRpcException) as caught:
        await own.command("starcoder.switchModel", "no-such-model")
    assert "no-such-model" in str(caught.value.message)
    assert (await own.command("starcoder.status"))["state"] == "ready"
    assert await own.suggestion(own.open(TEXT), LINE, COLUMN)
