"""What other files of the folder say: it is in the prompt, it follows them, and no keystroke pays for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from tests.support.editor import Editor, editing
from tests.support.wire import QUICK

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

STORE = '''"""Stores."""


class Store:
    """Keeps parcels."""

    def find_parcel_by_label(self, label: str) -> str:
        """Return where it lies."""
        return label


def open_parcel_store(folder: str) -> Store:
    return Store()
'''
MAIN = """from depot.store import open_parcel_store


def main() -> None:
    store = open_parcel_store("x")
    place = store.
    print(place)
"""
LINE, COLUMN = 5, len("    place = store.")


@pytest.fixture
def depot(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "work"
    (folder / "depot").mkdir(parents=True)
    (folder / "depot" / "__init__.py").write_text("")
    (folder / "depot" / "store.py").write_text(STORE)
    (folder / "main.py").write_text(MAIN)
    (folder / "secret").mkdir()
    (folder / ".gitignore").write_text("secret/\n")
    (folder / "secret" / "store.py").write_text("def find_parcel_by_label_secretly(): ...\n")
    return folder


def says(text: str) -> Any:
    """Return a test of a context: whether one of its snippets holds a text."""
    return lambda context: any(text in one["text"] for one in context["snippets"])


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


async def asked(editor: Editor, depot: Path, text: str = MAIN) -> str:
    uri = (depot / "main.py").as_uri()
    editor.open_at(uri, text)
    await editor.items(uri, LINE, COLUMN)
    return uri


async def test_a_name_that_only_another_file_knows_is_in_the_prompt(depot: Path, env: dict[str, str]) -> None:
    async with editing(folders=[depot], env=env) as editor:
        uri = await asked(editor, depot)
        context = await editor.context(says("find_parcel_by_label"))
        assert context["root"] == str(depot)
        assert 0 < context["tokens"] <= context["budget"]
        assert context["message"] is None
        assert "secret" not in str(context)
        await editor.items(uri, LINE, COLUMN)
        context = await editor.context(lambda one: one["in_prompt"])
        assert context["evaluated"] >= context["tokens"]
        assert (await editor.stats())["contextTokens"] >= context["tokens"] // 2


async def test_a_keystroke_costs_what_it_cost_without_neighbours(depot: Path, env: dict[str, str]) -> None:
    costs = {}
    for on in (True, False):
        async with editing({"context.enabled": on, "prefillWhileTyping": "always"}, folders=[depot], env=env) as editor:
            uri = await asked(editor, depot)
            if on:
                context = await editor.context(says("find_parcel_by_label"))
                await editor.evaluated((await editor.stats())["promptTokens"] + context["tokens"])
            text, evaluated = MAIN, []
            for version, key in enumerate("find_", 2):
                await editor.stats()
                at = text.index("    print(place)") - 1
                text = text[:at] + key + text[at:]
                before = (await editor.stats())["evaluatedTokens"]
                editor.change(uri, version, text)
                await editor.items(uri, LINE, COLUMN + version - 1)
                evaluated.append((await editor.stats())["evaluatedTokens"] - before)
            costs[on] = sorted(evaluated)[len(evaluated) // 2]
            assert ((await editor.stats())["contextTokens"] > 3) == on
    assert costs[True] <= costs[False] + 2


async def test_it_follows_the_files_on_disk_and_in_other_buffers(depot: Path, env: dict[str, str]) -> None:
    async with editing(folders=[depot], env=env) as editor:
        await asked(editor, depot)
        main = (depot / "main.py").as_uri()
        await editor.context(says("find_parcel_by_label"))
        store = depot / "depot" / "store.py"
        store.write_text(STORE.replace("find_parcel_by_label", "find_parcel_by_weight"))
        await editor.context(lambda one: says("find_parcel_by_weight")(one) and not says("by_label")(one))
        buffer = editor.open_file(store)
        editor.change(buffer, 2, STORE.replace("find_parcel_by_label", "find_parcel_by_colour"))
        await editor.items(main, LINE, COLUMN)
        await editor.context(lambda one: says("find_parcel_by_colour")(one) and not says("by_weight")(one), main)
        editor.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(buffer)))
        await editor.context(says("find_parcel_by_weight"), main)
        store.unlink()
        (depot / "other.py").write_text("x = 1\n")
        await editor.context(lambda one: not says("find_parcel")(one), main)


async def test_off_means_that_nothing_is_read(depot: Path, env: dict[str, str], tmp_path: Path) -> None:
    async with editing(raw_options={**QUICK, "context": {"enabled": False}}, folders=[depot], env=env) as editor:
        await asked(editor, depot)
        context = await editor.command("starcoder.context")
        assert context["snippets"] == []
        assert "context.enabled" in context["message"]
    assert not list((tmp_path / "cache").rglob("*index*"))


async def test_a_folder_that_is_opened_later_is_read_too(depot: Path, env: dict[str, str]) -> None:
    async with editing(env=env) as editor:
        await asked(editor, depot)
        assert (await editor.command("starcoder.context"))["snippets"] == []
        event = types.WorkspaceFoldersChangeEvent(added=[types.WorkspaceFolder(depot.as_uri(), "work")], removed=[])
        editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        uri = (depot / "main.py").as_uri()
        await editor.items(uri, LINE, COLUMN)
        await editor.context(says("find_parcel_by_label"))


def completed(depot: Path, env: dict[str, str], *more: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "starcoder_lsp", "complete", f"{depot / 'main.py'}:{LINE + 1}:{COLUMN + 1}"]
    done = subprocess.run(
        [*command, "--json", "--show-prompt", *more], capture_output=True, text=True, check=True, env=os.environ | env
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_complete_reads_the_repository_too(depot: Path, env: dict[str, str]) -> None:
    alone = completed(depot, env)
    (depot / ".git").mkdir()
    for more in ((), ("--root", str(depot))):
        found = completed(depot, env, *more)
        assert "find_parcel_by_label" in found["prompt"]["text"]
        assert "secretly" not in found["prompt"]["text"]
        assert found["context_tokens"] > alone["context_tokens"]
    assert completed(depot, env, "--no-context")["prompt"]["ids"] == alone["prompt"]["ids"]
