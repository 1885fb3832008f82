from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from starcoder_lsp.evaluation.own_code import own_holes, rest_of_line, source_files

if TYPE_CHECKING:
    from pathlib import Path

CODE = "import os\n\n\ndef join(path, name):\n    # a comment\n    return os.path.join(path, name)\n\n\n" * 10


def rng(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 - no secret


def test_only_source_files_of_their_own_are_found(tmp_path: Path) -> None:
    for name in ("a.py", "src/b.go", "src/deep/c.ts"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CODE)
    for name in ("notes.md", ".hidden/a.py", "node_modules/x/a.js", "src/build/a.py", "venv/a.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CODE)
    (tmp_path / "large.py").write_text("x = 1\n" * 100_000)
    (tmp_path / "link.py").symlink_to(tmp_path / "a.py")
    found = source_files([tmp_path, tmp_path / "src"])
    assert [str(path.relative_to(tmp_path)) for path in found] == ["a.py", "src/b.go", "src/deep/c.ts"]


def test_holes_put_together_are_the_file_again_and_end_at_a_lines_end(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(CODE)
    holes = list(own_holes([path], 100, rng()))
    assert len(holes) == CODE.count("\n") // 20  # no more than the file gives
    for hole in holes:
        assert hole.prompt + hole.canonical_solution + hole.suffix == CODE
        assert hole.suffix.startswith("\n")
        assert "\n" not in hole.canonical_solution
        line = hole.prompt.rpartition("\n")[2] + hole.canonical_solution
        assert not line.lstrip().startswith("#")
        assert len(hole.canonical_solution.strip()) > 1
        assert hole.repo == path.as_posix()
    assert len({hole.task_id for hole in holes}) == len(holes)


def test_the_same_seed_gives_the_same_holes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.py" for name in "abc"]
    for path in paths:
        path.write_text(CODE)
    first, again, other = (list(own_holes(paths, 6, rng(seed))) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 6


def test_files_that_give_nothing_end_it(tmp_path: Path) -> None:
    short, binary = tmp_path / "short.py", tmp_path / "binary.py"
    short.write_text("x = 1\n")
    binary.write_bytes(b"\xff\xfe" * 1000)
    comments = tmp_path / "comments.py"
    comments.write_text("# a\n" * 100)
    assert list(own_holes([short, binary, tmp_path / "gone.py", comments], 10, rng())) == []
    assert list(own_holes([], 10, rng())) == []
    assert rest_of_line("\n\n\n", rng()) is None
