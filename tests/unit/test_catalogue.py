"""What a model's name means: never a file of the workspace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from starcoder_lsp.errors import ModelError, ModelNotFound
from starcoder_lsp.models.catalogue import available, from_shell, models_folder, resolve, shipped_model
from starcoder_lsp.models.read import read_any_header


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace that the server was started in, and an empty folder of models."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("STARCODER_LSP_MODELS", str(tmp_path / "models"))
    return folder


@pytest.mark.parametrize("name", ["starcoder2-3b", "planted.gguf", "./planted.gguf", "models/planted.gguf", "."])
def test_a_file_in_the_workspace_is_no_model(workspace: Path, name: str) -> None:
    (workspace / "models").mkdir()
    for planted in ("starcoder2-3b", "planted.gguf", "models/planted.gguf"):
        (workspace / planted).write_bytes(shipped_model().read_bytes())
    with pytest.raises(ModelNotFound):
        resolve(name)


def test_a_relative_path_is_told_so() -> None:
    with pytest.raises(ModelNotFound, match="relative path"):
        resolve("models/x.gguf")


def test_absolute_paths_and_names_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    mine = tmp_path / "models" / "mine.gguf"
    mine.write_bytes(b"GGUF")
    assert resolve("mine") == resolve("mine.gguf") == resolve(str(mine)) == mine
    assert resolve("nano") == shipped_model()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert resolve("~/models/mine.gguf") == mine
    monkeypatch.setenv("STARCODER_LSP_MODELS", "models")
    assert models_folder() == tmp_path / "models"


def test_a_shell_has_a_folder_of_its_own(workspace: Path) -> None:
    (workspace / "x.gguf").write_bytes(b"GGUF")
    assert from_shell("./x.gguf") == from_shell("x.gguf") == str(workspace / "x.gguf")
    assert from_shell("nano") == "nano"
    assert from_shell("none.gguf") == "none.gguf"
    assert from_shell("/a/b.gguf") == "/a/b.gguf"


@pytest.mark.parametrize(
    "name",
    [
        "~nosuchuser/x.gguf",
        "/\udc80/x.gguf",
        "/" + "x" * 300 + ".gguf",
        "/a\0b.gguf",
        "/z-00000-of-00000.gguf",
        pytest.param("/m-00001-of-99999.gguf", marks=pytest.mark.slow),
        "/line\nbreak.gguf",
        "x" * 100_000,
    ],
    ids=range(8),
)
def test_odd_names_get_one_short_sentence(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        read_any_header(resolve(name))
    message = str(caught.value)
    assert len(message) < 700
    assert message.isprintable()


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    pipe = tmp_path / "models" / "pipe.gguf"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null"), Path("/dev/zero"), tmp_path):
        with pytest.raises(ModelError, match=r"not a regular file|directory"):
            read_any_header(path)
    assert [model.name for model in available()] == ["nano"]


def test_standard_input_is_not_read() -> None:
    script = (
        "import sys; from pathlib import Path; from starcoder_lsp.models.read import read_any_header\n"
        "from starcoder_lsp.errors import ModelError\n"
        "try: read_any_header(Path('/dev/stdin'))\n"
        "except ModelError as error: print(error)\n"
        "print(sys.stdin.read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input="the client's message", capture_output=True, text=True, check=True
    )
    assert "not a regular file" in done.stdout
    assert "the client's message" in done.stdout
