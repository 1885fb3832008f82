"""`starcoder-lsp cache`: what is kept is counted, and deleted when it is asked for, or with its model."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.engine.states.identity import model_key
from starcoder_lsp.models.catalogue import shipped_model

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "starcoder_lsp", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout


@pytest.fixture
def folder(tmp_path: Path) -> StatesFolder:
    one = StatesFolder(tmp_path / "starcoder-lsp-states")
    one.prepare()
    for key, size in ((model_key(shipped_model()), 1_000), (model_key(tmp_path / "gone.gguf"), 3_000_000)):
        (one.of_model(key) / "a.state").write_bytes(bytes(size))
    return one


def test_it_counts_by_model(folder: StatesFolder) -> None:
    found = json.loads(run("cache", "--folder", str(folder.path.parent), "--json"))
    assert {row["model"]: (row["states"], row["bytes"]) for row in found["models"]} == {
        "nano": (1, 1_000),
        "a model that is not in the list of models": (1, 3_000_000),
    }
    assert "nano: 1 states" in run("cache", "info", "--folder", str(folder.path.parent))


def test_it_deletes_all(folder: StatesFolder) -> None:
    assert run("cache", "clear", "--folder", str(folder.path.parent)) == "Deleted 2 states, 3 MB.\n"
    assert folder.states() == []
    assert run("cache", "clear", "--folder", str(folder.path.parent)) == "There is nothing to delete.\n"
