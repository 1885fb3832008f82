"""The folder of states: private, within its budget, cleaned of what nobody needs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.engine.states.speed import kept_speed

if TYPE_CHECKING:
    from pathlib import Path

ours = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")


def put(folder: StatesFolder, name: str, size: int, *, age: float = 0, model: str = "m") -> Path:
    path = folder.of_model(model) / f"{name}.state"
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> StatesFolder:
    one = StatesFolder(tmp_path / "states", 1_000)
    one.prepare()
    return one


@ours
def test_folders_are_the_users_only(folder: StatesFolder) -> None:
    for path in (folder.path, folder.of_model("m"), folder.staging()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    folder.path.chmod(0o755)
    folder.prepare()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


@ours
def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "states").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="not a folder of yours"):
        StatesFolder(tmp_path / "states", 1_000).prepare()


def test_backup_programs_leave_it_out(folder: StatesFolder) -> None:
    assert (folder.path / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


def test_the_least_recently_used_goes_first(folder: StatesFolder) -> None:
    old, older, new = put(folder, "a", 400, age=20), put(folder, "b", 400, age=30, model="n"), put(folder, "c", 400)
    folder.trim()
    assert (old.exists(), older.exists(), new.exists()) == (True, False, True)


def test_what_nobody_used_for_a_month_goes(folder: StatesFolder) -> None:
    old, new = put(folder, "a", 1, age=31 * 86_400), put(folder, "b", 1, age=29 * 86_400)
    folder.prepare()
    assert (old.exists(), new.exists()) == (False, True)


def test_what_a_dead_process_was_writing_goes(folder: StatesFolder) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True, capture_output=True)
    dead = folder.path / f".staging-{int(done.stdout)}-x"
    dead.mkdir()
    (dead / "put-0.state").write_bytes(b"x")
    living = folder.staging()
    folder.prepare()
    assert (dead.exists(), living.exists()) == (False, True)


def test_clearing_leaves_what_is_no_state(folder: StatesFolder) -> None:
    put(folder, "a", 10)
    other = put(folder, "b", 20, model="n")
    (folder.path / "m" / "notes.txt").write_text("mine")
    assert folder.clear("n") == (1, 20)
    assert not other.parent.exists()
    assert folder.clear() == (1, 10)
    assert (folder.path / "m" / "notes.txt").read_text() == "mine"
    assert folder.states() == []


def test_a_speed_is_kept_until_another_is_far_from_it(folder: StatesFolder) -> None:
    said = [kept_speed(folder, "m", measured) for measured in (1_000.0, 3_900.0, 20.0, 4_100.0, 70.0, 60.0)]
    assert said == [1_000.0, 1_000.0, 1_000.0, 4_100.0, 4_100.0, 60.0]
    (folder.path / "m" / "speed").write_bytes(b"\xff")
    assert kept_speed(folder, "m", 30.0) == 30.0
    folder.clear()
    assert not (folder.path / "m").exists()
