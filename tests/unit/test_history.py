from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.errors import ConfigError
from starcoder_lsp.evaluation.git import History
from starcoder_lsp.evaluation.history import Change, Hunk
from tests.support.repositories import fingerprint, git, make

if TYPE_CHECKING:
    from pathlib import Path

OLD = "one\ntwo\nthree\nfour\nfive\n"
NEW = "zero\nzero and a half\none\nthree\nFOUR\nand more\nfive\nsix"


def only_change(folder: Path, commit: int = 0) -> Change:
    with History(folder) as history:
        (change,) = history.changes(history.commits(9)[commit])
    return change


def test_a_cursor_in_an_added_line_sees_the_commit_above_and_the_parent_below(tmp_path: Path) -> None:
    make(tmp_path, {"a.py": OLD}, {"a.py": NEW})
    change = only_change(tmp_path)
    assert change.added == {1, 2, 5, 6, 8}
    first = change.typing(0, 2)
    assert (first.prefix, first.rest, first.rest_of_line, first.suffix) == (
        "ze", "ro\nzero and a half", "ro", "\n" + OLD,
    )  # fmt: skip
    replacing = change.typing(4, 0)
    assert replacing.prefix == "zero\nzero and a half\none\nthree\n"
    assert replacing.rest == "FOUR\nand more"
    assert replacing.suffix == "\nfive\n"
    last = change.typing(7, 3)
    assert (last.prefix, last.rest, last.suffix) == (NEW, "", "")


@pytest.mark.parametrize(("line", "column"), [(2, 0), (99, 0), (0, 5), (0, -1), (-1, 0)])
def test_what_was_not_added_is_no_place(tmp_path: Path, line: int, column: int) -> None:
    make(tmp_path, {"a.py": OLD}, {"a.py": NEW})
    with pytest.raises(ValueError, match="has no added line"):
        only_change(tmp_path).typing(line, column)


def test_new_files_renamed_files_and_line_ends(tmp_path: Path) -> None:
    body = "".join(f"line {number}\n" for number in range(40))
    make(
        tmp_path,
        {"old.py": body},
        {"new.py": "first\r\nsecond\r\n"},
        {"old.py": None, "moved to/ünï code.py": body + "added\n"},
    )
    new = only_change(tmp_path, 1)
    assert (new.path, new.before, new.after, new.hunks) == ("new.py", "", "first\nsecond\n", (Hunk(0, 0, 0, 2),))
    assert new.typing(1, 0).suffix == "\n"
    moved = only_change(tmp_path, 0)
    assert (moved.path, moved.old_path, moved.added) == ("moved to/ünï code.py", "old.py", frozenset({41}))


def test_what_is_no_text_of_a_file_is_left_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"keep.py": "a\n", "gone.py": "b\n"},
        {"keep.py": "a\nb\n", "gone.py": None, "binary.py": b"a\0b\n", "latin.py": b"caf\xe9\n", "empty.py": ""},
    )
    if sys.platform != "win32":
        (tmp_path / "link.py").symlink_to("keep.py")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "--amend", "-m", "with a link")
    with History(tmp_path) as history:
        commits = history.commits(9)
        assert len(commits) == 1, "the first commit has no parent, whose tree would be the repository"
        assert [one.path for one in history.changes(commits[0])] == ["keep.py"]
        assert history.changes(commits[0], lambda path: path != "keep.py") == []
        assert set(history.tree(commits[0].parent)) == {"keep.py", "gone.py"}
        assert "link.py" not in history.tree(commits[0].id)


def test_a_text_of_the_tree_and_one_that_is_not_there(tmp_path: Path) -> None:
    make(tmp_path, {"a.py": "a\r\nb\n"})
    with History(tmp_path) as history:
        blob = history.tree("HEAD")["a.py"]
        assert (history.text(blob.id), blob.size) == ("a\nb\n", 5)
        assert history.text("1" * 40) is None
        assert history.text("HEAD^{tree}") is None, "a tree is no text"
        assert history.text(blob.id) == "a\nb\n", "the reader is in step after both"


def test_a_folder_of_a_repository_is_a_history_of_its_own(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"part/a.py": "a\n", "b.py": "b\n"},
        {"b.py": "b\nb\n"},
        {"part/a.py": "a\na\n", "b.py": "b\n"},
    )
    with History(tmp_path / "part") as history:
        (commit,) = history.commits(9)
        assert [one.path for one in history.changes(commit)] == ["a.py"]
        assert set(history.tree(commit.parent)) == {"a.py"}


def test_merges_are_left_out_and_the_end_can_be_named(tmp_path: Path) -> None:
    first, second, _third = make(tmp_path, {"a.py": "1\n"}, {"a.py": "2\n"}, {"a.py": "3\n"})
    git(tmp_path, "switch", "-q", "-c", "side", second)
    (tmp_path / "b.py").write_text("b\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "side", when=5)
    git(tmp_path, "switch", "-q", "main")
    git(tmp_path, "merge", "-q", "--no-ff", "--no-edit", "side", when=6)
    with History(tmp_path) as history:
        assert len(history.commits(9)) == 3
        assert [(one.id, one.parent) for one in history.commits(9, second)] == [(second, first)]
        assert len(history.commits(2)) == 2


def test_nothing_in_the_repository_changes_and_none_of_its_programs_runs(tmp_path: Path) -> None:
    folder, mark = tmp_path / "repository", tmp_path / "ran"
    make(folder, {"a.py": "1\n", ".gitattributes": "*.py diff=evil filter=evil\n"}, {"a.py": "1\n2\n"})
    for name in ("diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "filter.evil.smudge"):
        git(folder, "config", name, f"touch {mark}; cat")
    before = fingerprint(folder)
    with History(folder) as history:
        (change,) = history.changes(history.commits(1)[0])
        history.tree("HEAD")
    assert change.added == {2}
    assert fingerprint(folder) == before
    assert not mark.exists()


@pytest.mark.parametrize("name", ["nothing", "--all", "HEAD~7"])
def test_a_commit_that_is_not_there_is_said(tmp_path: Path, name: str) -> None:
    make(tmp_path, {"a.py": "1\n"})
    with History(tmp_path) as history, pytest.raises(ConfigError, match=name):
        history.commits(1, name)


def test_a_folder_without_a_history_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read by git: not a git repository"):
        History(tmp_path)
    with pytest.raises(ConfigError, match=r"is not a folder"):
        History(tmp_path / "nowhere")
