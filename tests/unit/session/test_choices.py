"""What was chosen for a file is chosen again after a restart, or nothing is."""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.repository.query import Selection, Snippet
from starcoder_lsp.session.choices import Chosen, remember, remembered

if TYPE_CHECKING:
    from pathlib import Path

CHOSEN = Chosen(
    Selection((Snippet("a/b.py", 3, 4, "def f():\n    '🙂'\n", 9, 0.1, "imported here"),)),
    offset=10,
    line=2,
    budget=999,
)


@pytest.fixture
def folder(tmp_path: Path) -> StatesFolder:
    return StatesFolder(tmp_path / "states", 1_000)


def test_a_choice_comes_back(folder: StatesFolder) -> None:
    remember(folder, "/p/a.py", CHOSEN)
    assert remembered(folder, "/p/a.py") == CHOSEN
    assert remembered(folder, "/p/b.py") is None


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_it_is_the_users_only_and_its_name_says_nothing(folder: StatesFolder) -> None:
    remember(folder, "/p/secret-name.py", CHOSEN)
    (path,) = (folder.path / "choices").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "secret" not in path.name


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"offset": 1, "line": 1, "budget": 1, "snippets": [{}]}', "null"]
)
def test_what_makes_no_sense_is_removed(folder: StatesFolder, text: str) -> None:
    remember(folder, "/p/a.py", CHOSEN)
    (path,) = (folder.path / "choices").iterdir()
    path.write_text(text)
    assert remembered(folder, "/p/a.py") is None
    assert not path.exists()


def test_it_goes_when_all_goes(folder: StatesFolder) -> None:
    remember(folder, "/p/a.py", CHOSEN)
    assert folder.clear() == (0, 0)
    assert remembered(folder, "/p/a.py") is None


def test_where_nothing_can_be_written_nothing_is_kept(folder: StatesFolder) -> None:
    folder.path.write_text("a file")
    remember(folder, "/p/a.py", CHOSEN)
    assert remembered(folder, "/p/a.py") is None
