from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.repository import watch
from starcoder_lsp.repository.watch import Watch, cover
from tests.support.waiting import until
from tests.support.workspaces import fill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Told:
    """What a watch told."""

    def __init__(self) -> None:
        self.changed: list[list[str]] = []
        self.lost: list[Path] = []
        self.watch = Watch(self.changed.append, self.lost.append, poll_s=0.05)

    def paths(self) -> set[str]:
        return {path for paths in self.changed for path in paths}


@pytest.fixture
def told() -> Iterator[Told]:
    found = Told()
    yield found
    found.watch.close()
    found.watch.close()


@pytest.mark.parametrize(
    ("folders", "barred", "expected"),
    [
        (["", "a", "a/b", "c"], [], [("", False), ("a", True), ("c", True)]),
        (["", "a", "a/b", "c"], [".git"], [("", False), ("a", True), ("c", True)]),
        (["", "a", "a/b", "a/b/d", "c"], ["a/node_modules"], [("", False), ("a", False), ("a/b", True), ("c", True)]),
        (["", "a", "a/b"], ["a/__pycache__"], [("", False), ("a", True)]),
        (["", *(f"a{at}" for at in range(60))], [".git"], [("", True)]),
    ],
)
def test_what_is_left_out_is_not_watched_unless_that_takes_too_many_watches(
    folders: list[str], barred: list[str], expected: list[tuple[str, bool]]
) -> None:
    assert cover(folders, barred) == expected


def test_changes_come_together_and_only_what_matters(tmp_path: Path, told: Told) -> None:
    fill(tmp_path, {"src/a.py": "", "node_modules/x.js": ""})
    assert told.watch.follow(tmp_path, ["", "src"], ["node_modules"])
    assert not told.watch.follow(tmp_path, ["", "src"], ["node_modules"])
    for at in range(200):
        fill(tmp_path, {f"src/m{at}.py": "x = 1\n", f"src/m{at}.bin": "x", f"src/m{at}.log": "x"})
    fill(tmp_path, {"src/.gitignore": "x\n", "last.py": ""})
    until(lambda: str(tmp_path / "last.py") in told.paths())
    until(lambda: str(tmp_path / "src" / "m199.py") in told.paths())
    until(lambda: str(tmp_path / "src" / ".gitignore") in told.paths())
    assert not [path for path in told.paths() if path.endswith((".bin", ".log"))]
    assert len(told.changed) < 100
    assert not told.lost


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one watch has the whole tree")
def test_folders_that_are_left_out_are_not_told_of(tmp_path: Path, told: Told) -> None:
    fill(tmp_path, {"src/a.py": "", "node_modules/x.js": ""})
    told.watch.follow(tmp_path, ["", "src"], ["node_modules"])
    fill(tmp_path, {"node_modules/y.js": "", "src/b.py": ""})
    until(lambda: str(tmp_path / "src" / "b.py") in told.paths())
    assert str(tmp_path / "node_modules" / "y.js") not in told.paths()


def test_a_storm_is_told_of_and_looked_behind(tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_STORM", 10)
    told.watch.follow(tmp_path, [""], [])
    fill(tmp_path, {f"m{at}.py": "" for at in range(100)})
    until(lambda: told.lost != [])
    until(lambda: len(told.paths()) == 100)
    assert set(told.lost) == {tmp_path}


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is that of inotify")
def test_over_the_limit_of_the_system_it_looks_every_so_often(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "_limit", lambda: 1)
    fill(tmp_path, {"a/x.py": "", "b/x.py": ""})
    assert not told.watch.follow(tmp_path, ["", "a", "b"], [])
    assert told.watch.polled == {tmp_path}
    until(lambda: len(told.lost) > 2)
    assert caplog.text.count("are looked for every") == 1
    assert "fs.inotify.max_user_watches" in caplog.text
    told.watch.leave(tmp_path)
    assert not told.watch.polled


def test_a_folder_that_cannot_be_watched_is_looked_at(tmp_path: Path, told: Told) -> None:
    told.watch.follow(tmp_path / "gone", [""], [])
    fill(tmp_path, {"gone/a.py": ""})
    told.watch.follow(tmp_path / "gone", [""], [])
    fill(tmp_path, {"gone/b.py": ""})
    until(lambda: str(tmp_path / "gone" / "b.py") in told.paths() or bool(told.lost))


def test_a_fault_of_who_is_told_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[list[str]] = []

    def fail(paths: list[str]) -> None:
        calls.append(paths)
        raise RuntimeError("as a bug would")

    one = Watch(fail, lambda _root: None)
    try:
        one.follow(tmp_path, [""], [])
        fill(tmp_path, {"a.py": ""})
        until(lambda: len(calls) >= 1)
        fill(tmp_path, {"b.py": ""})
        until(lambda: any(str(tmp_path / "b.py") in paths for paths in calls))
    finally:
        one.close()
    assert caplog.text.count("could not be followed") >= 2
