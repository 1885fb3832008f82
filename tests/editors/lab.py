"""What every editor's tests share: the editor, a server that its configuration finds, a screen, the docs' own words."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALLERS = Path(__file__).parent / "install"
EDITORS = Path(os.environ.get("STARCODER_LSP_EDITORS", REPOSITORY / ".cache" / "editors"))

T = TypeVar("T")

_STAYS_S = 0.5


def _missing(what: str) -> NoReturn:
    """An editor that cannot be had is a loud skip on a developer's machine and a failure in CI."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def program(name: str) -> str:
    """The path of a program that comes in a Debian package of its name: installed where it is missing and we may."""
    path = shutil.which(name)
    if path is None:
        _install("package.sh", name)
        path = shutil.which(name) or _missing(f"{name} is not on the PATH")
    return path


def _install(installer: str, *arguments: str) -> None:
    run = subprocess.run(
        [INSTALLERS / installer, *arguments],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if run.returncode:
        _missing(f"{installer} {' '.join(arguments)} failed:\n{run.stdout}{run.stderr}")


def editor(name: str) -> Path:
    """The folder of an editor, installed there on first use."""
    root = EDITORS / name
    if not (root / ".installed").exists():
        _install(f"{name}.sh")
    return root


def poll(what: str, probe: Callable[[], T], timeout: float = 40) -> T:
    """The first true answer of `probe`; the last answer is in the message of the time-out."""
    deadline = time.monotonic() + timeout
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: {answer!r} after {timeout} s")
        time.sleep(0.03)


def poll_still(what: str, probe: Callable[[], T], timeout: float = 40) -> T:
    """The answer of `probe`, once it is true and was the same for half a second.

    On a slow machine a first piece is shown, and soon the whole; several lines are not drawn in one go.
    """
    answer, since = probe(), time.monotonic()

    def stays() -> bool:
        nonlocal answer, since
        before, answer = answer, probe()
        if answer != before:
            since = time.monotonic()
        return bool(answer) and time.monotonic() - since > _STAYS_S

    poll(f"{what} stays", stays, timeout)
    return answer


def server_command() -> list[str]:
    """The server under test: this checkout's, or the command in STARCODER_LSP_COMMAND."""
    return shlex.split(os.environ.get("STARCODER_LSP_COMMAND", "")) or [sys.executable, "-m", "starcoder_lsp"]


@dataclass
class Home:
    """A user's home that never saw an editor, with `starcoder-lsp` on its PATH and a project to work in."""

    path: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Write the wrapper and the folders."""
        binaries = self.path / "bin"
        binaries.mkdir(parents=True)
        self.project.mkdir()
        wrapper = binaries / "starcoder-lsp"
        wrapper.write_text(
            f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(REPOSITORY))} exec {shlex.join(server_command())} "$@" '
            f"2>>{shlex.quote(str(self.log))}\n"
        )
        wrapper.chmod(0o755)
        self.environment = {
            "HOME": str(self.path),
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            **{f"XDG_{kind}_HOME": str(self.path / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")},
            "XDG_RUNTIME_DIR": str(self.path),
        }

    @property
    def project(self) -> Path:
        """Where the files to edit lie."""
        return self.path / "project"

    @property
    def log(self) -> Path:
        """What the server wrote to stderr."""
        return self.path / "server.log"

    def file(self, name: str, text: str = "") -> Path:
        """A file of the project, byte for byte."""
        path = self.project / name
        path.write_bytes(text.encode())
        return path


class Screen:
    """A terminal of its own (tmux), for editors that want to be seen: start a program, type, read the screen."""

    def __init__(self, argv: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> None:
        self._tmux = program("tmux")
        self._socket = f"starcoder-{uuid.uuid4().hex[:8]}"
        variables = [f"{name}={value}" for name, value in environment.items() if name != "TERM"]
        command = shlex.join(["env", *variables, *map(str, argv)])
        start = ["-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "30", "-c", str(folder), f"exec {command}"]
        for words in (start, ["set", "-g", "escape-time", "0"], ["set", "-g", "status", "off"]):
            self._run(words)

    def _run(self, words: Sequence[str], *, check: bool = True) -> str:
        environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        environment.pop("TMUX", None)
        run = subprocess.run(
            [self._tmux, "-L", self._socket, *words], capture_output=True, check=check, env=environment, timeout=30
        )
        return run.stdout.decode(errors="replace")

    def text(self) -> str:
        """What is on the screen."""
        return self._run(["capture-pane", "-p"], check=False)

    def type(self, text: str, gap: float = 0.03) -> None:
        """Type as a person does, one character after the other."""
        for character in text:
            self._run(["send-keys", "-l", character])
            time.sleep(gap)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names for them."""
        for key in keys:
            self._run(["send-keys", key])

    def wait(self, what: str, probe: Callable[[str], T], timeout: float = 40, nudge: Sequence[str] = ()) -> T:
        """The first true answer of `probe` to the screen; until then, press the keys `nudge` every 2 seconds."""
        nudged = time.monotonic()

        def look() -> T:
            nonlocal nudged
            if nudge and time.monotonic() - nudged > 2:
                nudged = time.monotonic()
                self.press(*nudge)
            return probe(self.text())

        try:
            return poll(what, look, timeout)
        except TimeoutError as problem:
            raise TimeoutError(f"{problem}; on the screen:\n{self.text()}") from None

    def close(self) -> None:
        """End the program and its terminal."""
        self._run(["kill-server"], check=False)


CODE = """\
def add(a, b):
    return a + b


def subtract(a, b):
    return a - b


def multiply(a, b):
    """


def accepted(file: Path, typed: str) -> str:
    """What was accepted behind `typed` at the end of CODE, on the saved file; nothing before it may have changed."""
    poll("the file is saved", lambda: file.exists() and file.read_text() not in ("", CODE))
    text = file.read_bytes().decode()
    assert text.startswith(CODE + typed), text
    insert = text[len(CODE + typed) :].rstrip()
    assert insert, text
    assert not insert.startswith(typed), text
    return insert


def sure(configuration: str, before: str, after: str) -> str:
    """The page's configuration, but a suggestion is shown however unsure the model is of it: one option more."""
    assert before in configuration
    return configuration.replace(before, after)


def page(name: str) -> str:
    """A page of docs/editors."""
    return (REPOSITORY / "docs" / "editors" / f"{name}.md").read_text(encoding="utf-8")


def block(text: str, heading: str) -> str:
    """The first fenced block under a heading of a page: what the page tells its reader to write."""
    match = re.search(rf"^#+ {re.escape(heading)}\n.*?^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert match, f"no block under {heading!r}"
    return match[1]
