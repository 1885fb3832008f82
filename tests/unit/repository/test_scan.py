import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from starcoder_lsp.repository.ignore import Ignore
from starcoder_lsp.repository.scan import Looked, look, order, walk


def fill(folder: Path, *paths: str) -> Path:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x = 1\n")
    return folder


def test_a_walk_finds_code_and_counts_the_rest(tmp_path: Path) -> None:
    fill(tmp_path, "a.py", "in/b.ts", "in/.env", "in/data.bin", "node_modules/x/c.js", ".git/hooks/d.py", "x.min.js")
    (tmp_path / ".gitignore").write_text("left.py\n")
    fill(tmp_path, "left.py")
    (tmp_path / "large.py").write_bytes(b"x = 1\n" * 200_000)
    found = walk(Ignore(tmp_path), most=100)
    assert {path for path, _size, _time in found.entries} == {"a.py", "in/b.ts"}
    assert found.folders == ["", "in"]
    assert set(found.barred) == {".git", "node_modules"}
    assert found.left_out["ignored by git"] == 1
    assert found.left_out["too large"] == 1
    assert found.left_out["generated"] == 1
    size, time = next((size, time) for path, size, time in found.entries if path == "a.py")
    assert (size, time) == (6, (tmp_path / "a.py").stat().st_mtime_ns)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there, and there are no pipes")
def test_links_loops_and_pipes_lead_nowhere(tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside", "secret.py")
    root = fill(tmp_path / "root", "in/a.py")
    (root / "in" / "loop").symlink_to(root)
    (root / "out").symlink_to(outside)
    (root / "link.py").symlink_to(outside / "secret.py")
    os.mkfifo(root / "pipe.py")
    found = walk(Ignore(root), most=100)
    assert [path for path, _size, _time in found.entries] == ["in/a.py"]
    assert found.left_out == Counter({"a symbolic link, a pipe or a device": 4})
    links = ["link.py", "out", "pipe.py", "in/loop"]
    assert look(Ignore(root), links) == Looked([], links, [], [])


def test_the_most_wanted_are_kept(tmp_path: Path) -> None:
    fill(tmp_path, *(f"d{at}/f.py" for at in range(10)))
    for at in range(10):
        os.utime(tmp_path / f"d{at}" / "f.py", ns=(at, at))
    found = walk(Ignore(tmp_path), near=["d3/open.py"], most=3)
    assert [path for path, _size, _time in found.entries] == ["d3/f.py", "d9/f.py", "d8/f.py"]
    assert found.left_out['beyond the setting "context.maxFiles"'] == 7


def test_order_is_by_steps_between_folders_then_by_time() -> None:
    entries = [("x/y/a.py", 1, 5), ("x/b.py", 1, 1), ("c.py", 1, 9), ("x/y/z/d.py", 1, 7), ("q/e.py", 1, 8)]
    assert [path for path, *_ in order(entries, ["x/y/open.py"])] == [
        "x/y/a.py",
        "x/y/z/d.py",
        "x/b.py",
        "c.py",
        "q/e.py",
    ]
    assert [path for path, *_ in order(entries, [])] == ["c.py", "q/e.py", "x/y/z/d.py", "x/y/a.py", "x/b.py"]


def test_a_look_at_files_folders_and_what_is_gone(tmp_path: Path) -> None:
    fill(tmp_path, "a.py", "in/b.py", "in/deep/c.py", "in/.env", "dist/d.py")
    found = look(Ignore(tmp_path), ["a.py", "in", "gone.py", "dist", "dist/d.py", "in/.env", "x\0y.py"])
    assert {path for path, _size, _time in found.entries} == {"a.py", "in/b.py", "in/deep/c.py"}
    assert found.gone == ["gone.py", "dist", "dist/d.py", "in/.env", "x\0y.py"]
    assert found.folders == ["in", "in/deep"]
    assert found.barred == ["dist"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file's name is text")
def test_a_name_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).write_text("x = 1\n")
    fill(tmp_path, "café.py")
    found = walk(Ignore(tmp_path), most=10)
    assert [path for path, _size, _time in found.entries] == ["café.py"]
    assert found.left_out == Counter({"named in no encoding": 1})
    assert look(Ignore(tmp_path), [name]).gone == [name]


def test_a_root_that_is_gone_has_no_files(tmp_path: Path) -> None:
    assert walk(Ignore(tmp_path / "none"), most=10).entries == []
