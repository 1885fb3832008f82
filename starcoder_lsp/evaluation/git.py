"""Reads the history of a git repository through `git`: nothing is checked out, written or fetched.

Only plumbing is run, without filters, hooks, external diffs or text conversions, which a repository's own settings
could name programs for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.errors import ConfigError
from starcoder_lsp.evaluation.history import Change, Commit, read_patch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["Blob", "History"]

_NO_PROGRAMS = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.attributesFile=")
_NO_NETWORK = ("-c", "protocol.allow=never")  # a partial clone would fetch what it lacks
_FILE_MODE = "100"


@frozen
class Blob:
    """A file of a tree."""

    id: str
    size: int
    """Bytes."""


class History:
    """The history of one repository, or of a folder in it. Use it in a `with` statement: it keeps one process of git.

    Paths are relative to `folder`, with slashes.
    """

    def __init__(self, folder: Path) -> None:
        """Open it.

        Raises:
            ConfigError: there is no git, or `folder` is in no repository.
        """
        self._folder = folder
        if not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder.")
        self._prefix = self._run("rev-parse", "--show-prefix").strip("\n")
        self._reader = subprocess.Popen(  # noqa: S603 - git, as found on PATH
            self._command("cat-file", "--batch"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )

    def __enter__(self) -> History:  # noqa: PYI034 - `Self` is in the standard library from 3.11 on
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End git's process."""
        for stream in (self._reader.stdin, self._reader.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._reader.kill()
        self._reader.wait()

    def commits(self, count: int, until: str = "HEAD") -> list[Commit]:
        """Return the last `count` commits with one parent up to `until`, the newest first.

        Raises:
            ConfigError: there is no such commit.
        """
        if until.startswith("-"):
            raise ConfigError(f"{until!r} names no commit.")
        tip = self._run("rev-parse", "--verify", "--quiet", f"{until}^{{commit}}", problem=f"has no commit {until!r}")
        selection = ("--min-parents=1", "--max-parents=1", f"--max-count={count}", "--format=%H %P %ct")
        where = ("--", self._prefix) if self._prefix else ("--",)
        lines = self._run("log", *selection, tip.strip(), *where, at_root=True).splitlines()
        return [Commit(name, parent, int(when)) for name, parent, when in map(str.split, lines)]

    def changes(self, commit: Commit, wanted: Callable[[str], bool] = lambda _path: True) -> list[Change]:
        """Return the text files that a commit added or changed whose path is wanted; renamed ones only if changed."""
        found = ("-r", "-M", "--raw", "-p", "-U0", "-z", "--full-index", "--diff-filter=AMR")
        plain = ("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")
        where = ("--", self._prefix) if self._prefix else ("--",)
        output = self._run("diff-tree", *found, *plain, commit.parent, commit.id, *where, at_root=True)
        raw, _, patch = output.partition("\0\0")
        hunks = read_patch(patch)
        changes = []
        fields = iter(raw.split("\0"))
        for head in fields:
            if not head.startswith(":"):
                continue
            _, mode, old, new, status = head.split(" ")
            old_path = path = next(fields)
            if status.startswith("R"):
                path = next(fields)
            path, old_path = path.removeprefix(self._prefix), old_path.removeprefix(self._prefix)
            if mode.startswith(_FILE_MODE) and hunks.get((old, new)) and wanted(path):
                before = self.text(old) if old.strip("0") else ""
                after = self.text(new)
                if before is not None and after is not None:
                    changes.append(Change(path, old_path, before, after, hunks[old, new]))
        return changes

    def tree(self, commit: str) -> dict[str, Blob]:
        """Return the files of a commit's tree by their paths. Links and submodules are left out."""
        where = ("--", self._prefix) if self._prefix else ()
        output = self._run("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *where)
        files = {}
        for entry in output.split("\0"):
            facts, _, path = entry.partition("\t")
            if facts.startswith(_FILE_MODE):
                _, _, name, size = facts.split()
                files[path.removeprefix(self._prefix)] = Blob(name, int(size) if size.isdigit() else 0)
        return files

    def text(self, blob: str) -> str | None:
        r"""Return a blob as text with `\n` line ends; None where it is no UTF-8 text, or missing (a partial clone)."""
        ask, answer = self._reader.stdin, self._reader.stdout
        assert ask is not None and answer is not None  # noqa: S101, PT018 - pipes, as opened
        try:
            ask.write(blob.encode() + b"\n")
            ask.flush()
            head = answer.readline().split()
            if len(head) != 3 or head[1] != b"blob":  # noqa: PLR2004 - id, type, size
                if len(head) == 3:  # noqa: PLR2004
                    answer.read(int(head[2]) + 1)
                return None
            data = answer.read(int(head[2]))
            answer.read(1)
        except (OSError, ValueError) as error:
            raise ConfigError(f"git stopped while {self._folder} was read: {error}.") from error
        if b"\0" in data:
            return None
        try:
            return data.decode("utf-8").replace("\r\n", "\n")
        except UnicodeDecodeError:
            return None

    def _command(self, *arguments: str, at_root: bool = False) -> list[str]:
        where = str(self._folder)
        if at_root and self._prefix:
            where = os.path.normpath(Path(where, *[".."] * self._prefix.count("/")))
        return [_git(), *_NO_PROGRAMS, *_NO_NETWORK, "--no-pager", "--literal-pathspecs", "-C", where, *arguments]

    def _run(self, *arguments: str, at_root: bool = False, problem: str = "") -> str:
        done = subprocess.run(  # noqa: S603 - git, as found on PATH
            self._command(*arguments, at_root=at_root), capture_output=True, check=False, env=_environment()
        )
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ").rstrip(".")
            raise ConfigError(f"{self._folder} {problem or f'cannot be read by git: {said}'}.")
        return done.stdout.decode("utf-8", "surrogateescape")


@cache
def _git() -> str:
    """Return the path of git. Windows would look into the present folder first, which may be anybody's."""
    found = shutil.which("git")
    if found is None or (sys.platform == "win32" and Path(found).parent.resolve() == Path.cwd()):
        raise ConfigError("git is needed to read the history, and was not found on PATH. Install it and try again.")
    return found


def _environment() -> dict[str, str]:
    """Return the environment without what would make git look at another repository, write, fetch or ask."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return environment | quiet
