"""VS Code to look at and to type into: code-server, a headless Chromium in front of it, and what the server heard."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.editors.lab import EDITORS, INSTALLERS, REPOSITORY, editor, poll, poll_still, program
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
EXTENSION = REPOSITORY / "editors" / "vscode"

QUIET = {
    "editor.inlineSuggest.enabled": True,
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.suggestOnTriggerCharacters": False,
    "editor.wordBasedSuggestions": "currentDocument",
    "editor.autoClosingBrackets": "never",
    "editor.autoClosingQuotes": "never",
    "editor.minimap.enabled": False,
    "files.autoSave": "off",
    "chat.disableAIFeatures": True,
    "chat.commandCenter.enabled": False,
    "workbench.startupEditor": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.welcomePage.walkthroughs.openOnInstall": False,
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoUpdate": "off",
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "git.enabled": False,
}


def lab() -> Path:
    """VS Code and its tools. Parts of it are compiled where they are installed, which takes its time."""
    if not (EDITORS / "code_server" / ".installed").exists():
        subprocess.run([INSTALLERS / "code_server.sh"], capture_output=True, timeout=1200, check=False)
    return editor("code_server")


def environment(**more: str) -> dict[str, str]:
    """This process's environment with the lab's Node first on the PATH, and no gallery to ask."""
    path = f"{lab() / 'node' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "EXTENSIONS_GALLERY": "{}", **more}


def build_extension() -> Path:
    """The VSIX of this checkout, by the one command that makes it."""
    command: list[str | Path] = ["bash", REPOSITORY / "tools" / "vscode.sh", "package"]
    run = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return EXTENSION / "starcoder-lsp.vsix"


class CodeServer:
    """VS Code as a web server over a folder of its own."""

    def __init__(
        self,
        folder: Path,
        vsix: Path,
        *,
        settings: Mapping[str, Any] | None = None,
        machine: Mapping[str, Any],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir(parents=True)
        for name, content in {"User": {**QUIET, **(settings or {})}, "Machine": machine}.items():
            (folder / "data" / name).mkdir(parents=True)
            (folder / "data" / name / "settings.json").write_text(json.dumps(content))
        # VS Code has no keys for these
        keys = [
            {"key": "f8", "command": "editor.action.inlineSuggest.trigger"},
            {"key": "f9", "command": "starcoder.acceptNextLine"},
        ]
        (folder / "data" / "User" / "keybindings.json").write_text(json.dumps(keys))
        self.machine_settings = folder / "data" / "Machine" / "settings.json"

        self.address = f"127.0.0.1:{free_port()}"
        (folder / "config.yaml").write_text(f"bind-addr: {self.address}\nauth: none\ncert: false\n")
        root = lab()
        entry = root / "code-server" / "node_modules" / "code-server" / "out" / "node" / "entry.js"
        command: list[str | Path] = [
            root / "node" / "bin" / "node", entry, "--config", folder / "config.yaml",
            "--user-data-dir", folder / "data", "--extensions-dir", folder / "extensions",
        ]  # fmt: skip
        variables = environment(**(variables or {}))
        install = subprocess.run(
            [*command, "--install-extension", vsix],
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert install.returncode == 0, install.stdout + install.stderr
        self.log = folder / "code-server.log"
        with self.log.open("wb") as log:
            quiet = ["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"]
            self._process = subprocess.Popen(
                [*command, *quiet, self.workspace], env=variables, stdout=log, stderr=log, start_new_session=True
            )
        poll("code-server answers", self._is_up)

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def url(self, file: Path) -> str:
        """Where the browser finds a file of the workspace, opened."""
        payload = json.dumps([["openFile", f"vscode-remote://{self.address}{file}"]])
        query = urllib.parse.urlencode({"folder": str(self.workspace), "payload": payload})
        return f"http://{self.address}/?{query}"

    def file(self, name: str, text: str = "") -> Path:
        """A file of the workspace, byte for byte."""
        path = self.workspace / name
        path.write_bytes(text.encode())
        return path

    def close(self) -> None:
        """End it, and the extension hosts and servers that it started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, profile: Path) -> None:
        root = lab()
        variables = environment(PLAYWRIGHT=str(root / "playwright"), CHROMIUM=program("chromium"), PROFILE=str(profile))
        self._profile = profile
        self._process = subprocess.Popen(
            [root / "node" / "bin" / "node", HERE / "driver.mjs"],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._answer() == {"ready": True}

    def _pipe(self, stream: IO[bytes] | None) -> IO[bytes]:
        assert stream
        return stream

    def _answer(self) -> dict[str, Any]:
        line = self._pipe(self._process.stdout).readline()
        assert line, "the browser's driver ended"
        return dict(json.loads(line))

    def __call__(self, operation: str, **arguments: Any) -> Any:
        """One of driver.mjs's operations."""
        pipe = self._pipe(self._process.stdin)
        pipe.write(json.dumps({"operation": operation, **arguments}).encode() + b"\n")
        pipe.flush()
        answer = self._answer()
        assert "error" not in answer, f"{operation}: {answer['error']}"
        return answer["value"]

    def close(self) -> None:
        """End the browser."""
        self._pipe(self._process.stdin).close()
        self._process.wait(30)
        self._pipe(self._process.stdout).close()
        shutil.rmtree(self._profile, ignore_errors=True)


@dataclass
class Watch:
    """What was on the screen, frame by frame; a frame like the one before it is only counted."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    keys: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0


class Window:
    """A VS Code window as a person sees it."""

    def __init__(self, browser: Browser, server: CodeServer) -> None:
        self.browser = browser
        self.server = server
        self._number = 0

    def load(self, file: Path) -> None:
        """Open the window, with a file in it."""
        self.browser("open", url=self.server.url(file))
        poll("the editor is there", lambda: self.browser("texts", selector=".editor-instance .view-lines"), 120)

    def open(self, text: str = "", *, name: str = "", suffix: str = ".py") -> Path:
        """Open a new file, by its name, and put the cursor where the text has a ║, or at the end."""
        self._number += 1
        before, mark, after = text.partition("║")
        file = self.server.file(name or f"sample{self._number}{suffix}", before + after)
        self.show(file)
        if mark:
            self.press("Control+Home", *["ArrowDown"] * before.count("\n"), "End")
        else:
            self.press("Control+End")
        return file

    def show(self, file: Path) -> None:
        """Go to a file, by its name."""
        self._find("Control+p", str(file), file.name)
        self.press("Enter")
        self.wait("its tab is active", ".tab.active", lambda tabs: any(file.name in tab for tab in tabs))
        self.wait("its editor has the keyboard", ".editor-instance .monaco-editor.focused", lambda found: found)

    def type(self, text: str, delay: int = 30) -> None:
        """Type as a person does."""
        self.browser("type", text=text, delay=delay)

    def press(self, *keys: str) -> None:
        """Press keys, by the browser's names for them."""
        for key in keys:
            self.browser("press", key=key)

    def _find(self, key: str, words: str, row: str) -> None:
        """Bring a row to the top of the list of files or commands that `key` opens, by typing words.

        Once more if that fails: the list closes when an editor that opens late takes the keyboard, and it may forget
        what was typed before it was drawn.
        """
        for patience in (15, 30, 60):
            self.press(key)
            try:
                self.wait(f"{key} opens a list", ".quick-input-widget input:focus", lambda found: found, patience)
                self.browser("insert", text=words)
                first = ".quick-input-list .monaco-list-row.focused"
                self.wait(f"{row} is found", first, lambda rows: any(row in found for found in rows), patience)
            except TimeoutError:
                if patience == 60:
                    raise
                self.press("Escape")
            else:
                return

    def wait(self, what: str, selector: str, accept: Any, timeout: float = 60) -> list[str]:
        """The texts of what a selector finds, once they are acceptable."""
        found: list[str] = []

        def probe() -> bool:
            found[:] = self.browser("texts", selector=selector)
            return bool(accept(found))

        try:
            poll(what, probe, timeout)
        except TimeoutError as problem:
            raise TimeoutError(
                f"{problem}; {selector} finds {found}; the editor shows {self.lines()}; {self.notices()}"
            ) from None
        return found

    def lines(self) -> list[str]:
        """The lines on the screen; a line's text includes its ghost."""
        return list(self.browser("screen")["lines"])

    def ghost(self) -> str:
        """The suggestion on the screen."""
        return str(self.browser("screen")["ghost"])

    def wait_for_ghost(self, timeout: float = 60) -> str:
        """The next suggestion, once it is there as a whole."""
        self.wait("ghost text", GHOST, any, timeout)
        return poll_still("the ghost text", self.ghost, timeout)

    def wait_for_no_ghost(self) -> None:
        """Wait until no suggestion is on the screen."""
        self.wait("no ghost text", GHOST, lambda found: not any(found))

    def save(self, file: Path) -> str:
        """Save the changed file; what is in it then, as it lies on the disk."""
        self.wait("the file is changed", ".tab.active.dirty", lambda tabs: any(file.name in tab for tab in tabs))
        self.press("Control+s")
        # the file itself is emptied first, then written
        self.wait("the file is written", ".tab.active.dirty", lambda tabs: not tabs)
        return file.read_bytes().decode()

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        """Look at every frame that the browser draws meanwhile."""
        watch = Watch()
        self.browser("watch")
        yield watch
        for name, value in self.browser("watched").items():
            setattr(watch, name, value)

    def wait_for_status(self, what: str, accept: Any, timeout: float = 60) -> str:
        """The status item's text, once it is acceptable."""
        return self.wait(what, STATUS_ITEM, lambda found: accept(" ".join(found)), timeout)[0].strip()

    def wait_until_ready(self, timeout: float = 60) -> None:
        """Wait until the model is loaded."""
        self.wait_for_status("the model is loaded", lambda text: "nano" in text and "loading" not in text, timeout)

    def wait_for_message(self, part: str) -> None:
        """Wait for a message with these words."""
        self.wait(
            f"the message {part!r}",
            ".notification-list-item-message",
            lambda texts: any(part in text for text in texts),
        )

    def notices(self) -> list[str]:
        """The messages on the screen."""
        return list(self.browser("texts", selector=".notification-toast .notification-list-item-message"))

    def command(self, title: str) -> None:
        """Run a command of the palette, by its title."""
        self._find("F1", title, title)
        self.press("Enter")

    def choose(self, label: str) -> None:
        """Choose an entry of the list that is open."""
        self.wait(
            "the entry is there", ".quick-input-list .monaco-list-row", lambda rows: any(label in row for row in rows)
        )
        self.browser("click", selector=".quick-input-list .monaco-list-row", text=label)

    def click_button(self, label: str, timeout: float = 60) -> None:
        """Click a button of a message."""
        self.wait(
            f"a message with {label}", ".notification-toast .monaco-button", lambda found: label in found, timeout
        )
        self.browser("click", selector=".notification-toast .monaco-button", text=label)


GHOST = ".ghost-text-decoration, .ghost-text-decoration-preview, .ghost-text"
STATUS_ITEM = '.statusbar-item[id^="starcoder-lsp.starcoder-lsp"]'
