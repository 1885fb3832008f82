import shutil
import subprocess
from pathlib import Path

import pytest

from starcoder_lsp.repository.ignore import Ignore, is_rule_file


def fill(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        whole = folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    home = str(tmp_path_factory.mktemp("home"))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("USERPROFILE", home)


RULES = {
    ".gitignore": "*.log\n/only_top.py\ngen/\n!keep.log\ndocs/*.py\n**/deep/**/x.py\n# comment\n\\#odd.py\n[bad\n",
    "sub/.gitignore": "!again.log\n/anchored.py\nlocal_*\n!local_wanted.py\n",
    "sub/deeper/.gitignore": "*\n!.gitignore\n!shown.py\n",
    ".git/info/exclude": "private.py\n",
}
PATHS = [
    "a.log", "keep.log", "only_top.py", "sub/only_top.py", "gen/a.py", "sub/gen/b.py", "docs/a.py", "docs/in/a.py",
    "a/deep/b/c/x.py", "sub/again.log", "sub/other.log", "sub/anchored.py", "sub/in/anchored.py", "sub/local_a.py",
    "sub/local_wanted.py", "#odd.py", "sub/deeper/a.py", "sub/deeper/shown.py", "sub/deeper/in/shown.py",
    "private.py", "sub/private.py", "main.py", "sub/main.py", "gen/keep.log", "-dash.py", "with space.py",
    "ümlaut.py",
]  # fmt: skip


@pytest.mark.skipif(shutil.which("git") is None, reason="git itself is what this is compared with")
def test_gits_rules_are_gits_own(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    fill(tmp_path, dict.fromkeys(PATHS, "x = 1\n") | RULES)
    answer = subprocess.run(
        ["git", "-C", tmp_path, "check-ignore", "-z", "--stdin"],
        input="\0".join(PATHS).encode(), capture_output=True, check=True,
    )  # fmt: skip
    ignored = set(answer.stdout.decode().split("\0")) - {""}
    ours = Ignore(tmp_path)
    assert {path for path in PATHS if ours.why(path) == "ignored by git"} == ignored
    assert len(ignored) > 8


def test_rules_above_a_root_count(tmp_path: Path) -> None:
    fill(
        tmp_path,
        {".git/HEAD": "", ".git/info/exclude": "/app/b.py\n", ".gitignore": "/app/a.py\n*.gen.py\n", "app/a.py": ""},
    )
    ignore = Ignore(tmp_path / "app")
    assert [path for path in ("a.py", "b.py", "in/a.py", "x.gen.py", "c.py") if ignore.why(path)] == [
        "a.py",
        "b.py",
        "x.gen.py",
    ]


def test_a_folder_without_git_has_rules_too(tmp_path: Path) -> None:
    fill(tmp_path, {".gitignore": "a.py\n", "in/.starcoderignore": "*.py\n!b.py\n"})
    ignore = Ignore(tmp_path)
    assert ignore.why("a.py") == "ignored by git"
    assert ignore.why("in/c.py") == "named in .starcoderignore"
    assert ignore.why("in/b.py") == ""


def test_a_linked_work_tree_has_the_common_excludes(tmp_path: Path) -> None:
    fill(tmp_path, {"main/.git/info/exclude": "a.py\n", "main/.git/worktrees/w/commondir": "../..\n"})
    fill(tmp_path, {"linked/.git": f"gitdir: {tmp_path}/main/.git/worktrees/w\n"})
    assert Ignore(tmp_path / "linked").why("a.py") == "ignored by git"


def test_the_users_own_file_of_patterns_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, {"config/git/ignore": "*.mine.py\n"})
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert Ignore(tmp_path / "work").why("a.mine.py") == "ignored by git"


def test_the_file_that_the_users_settings_name_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = '[user]\n\tname = x\n[core]\n\teditor = vi\n\texcludesFile = "~/mine"\n[alias]\n\texcludesfile = no\n'
    fill(tmp_path, {"home/.gitconfig": settings, "home/mine": "*.mine.py\n"})
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert Ignore(tmp_path / "work").why("a.mine.py") == "ignored by git"


def test_a_rule_behind_a_zero_byte_or_a_link_counts(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\0\na.py\n")
    (tmp_path / "rules").write_text("b.py\n")
    (tmp_path / ".starcoderignore").symlink_to(tmp_path / "rules")
    ignore = Ignore(tmp_path)
    assert ignore.why("a.py") == "ignored by git"
    assert ignore.why("b.py") == "named in .starcoderignore"


def test_no_kind_of_rule_brings_back_what_another_left_out(tmp_path: Path) -> None:
    fill(
        tmp_path, {".gitignore": "a.py\n!b.py\n!.env\n", ".starcoderignore": "!a.py\nb.py\n!.env\n!c.py\n!server.key\n"}
    )
    ignore = Ignore(tmp_path, ["c.py", "!a.py", "!.env"])
    for path in ("a.py", "b.py", "c.py", ".env", "server.key"):
        assert ignore.why(path), path


def test_vendored_folders_are_left_out_unless_they_are_named_as_wanted(tmp_path: Path) -> None:
    fill(tmp_path, {".starcoderignore": "!vendor/\n!lib.min.js\n", "vendor/ours/a.go": "", "node_modules/x/a.js": ""})
    ignore = Ignore(tmp_path)
    assert ignore.why("vendor/ours/a.go") == ""
    assert ignore.why("lib.min.js") == ""
    assert ignore.why("node_modules/x/a.js") == "other people's code"
    assert ignore.why("in/node_modules/x/a.js") == "other people's code"
    assert ignore.why("vendor/ours/.env") == "an environment file"


@pytest.mark.parametrize(
    ("marker", "folder", "left_out"),
    [
        ("Cargo.toml", "target", True), ("README.md", "target", False), ("app.csproj", "bin", True),
        ("x.py", "bin", False), ("pyproject.toml", "build", True), ("x.py", "build", False), ("x.py", "dist", True),
        ("x.py", "cmake-build-debug", True), ("x.py", "builder", False), ("x.py", "vendors", False),
    ],
)  # fmt: skip
def test_folders_whose_names_people_use_too_need_a_build_file_beside(
    tmp_path: Path, marker: str, folder: str, *, left_out: bool
) -> None:
    fill(tmp_path, {marker: "", f"{folder}/a.py": ""})
    assert bool(Ignore(tmp_path).why(f"{folder}/a.py")) is left_out


def test_folders_that_say_what_they_are(tmp_path: Path) -> None:
    fill(tmp_path, {"one/pyvenv.cfg": "", "two/CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55"})
    ignore = Ignore(tmp_path)
    assert ignore.why("one/lib/a.py") == "other people's code"
    assert ignore.why("two/a.py") == "a tool's cache"


def test_another_root_inside_is_that_roots(tmp_path: Path) -> None:
    ignore = Ignore(tmp_path, others=[tmp_path / "inner", tmp_path.parent / "elsewhere"])
    assert ignore.why("inner/a.py") == "another folder of the workspace"
    assert ignore.why("innermost/a.py") == ""


ODD = (
    "[",
    "\\",
    "!",
    "a[b-",
    "***",
    "/",
    "\x00",
    "[[:alpha:]]x",
    "[[:x:]]",
    "[[a]b]",
    "(",
    "**a**",
    " ",
    "a\\ ",
    "{a,b}",
)


@pytest.mark.parametrize("pattern", ODD)
def test_odd_patterns_harm_nobody(tmp_path: Path, pattern: str) -> None:
    ignore = Ignore(tmp_path, [pattern, "left_out.py"])
    assert ignore.why("left_out.py")
    fill(tmp_path, {".starcoderignore": f"{pattern}\nother.py\n"})
    assert Ignore(tmp_path).why("other.py")


def test_rule_files_are_known() -> None:
    assert all(map(is_rule_file, [".gitignore", "a/.gitignore", "a/.starcoderignore", ".git/info/exclude"]))
    assert not any(map(is_rule_file, ["gitignore", "a.gitignore", ".git/info/refs", "exclude"]))
