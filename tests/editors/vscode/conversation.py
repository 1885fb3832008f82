"""What an editor and the server said to each other, as tap.py wrote it down."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.editors.lab import REPOSITORY, server_command

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent


class Tap:
    """A `starcoder-lsp` executable that notes what is said, and its notes."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "messages.jsonl"
        self._voice = folder / "messages.jsonl.say"
        os.mkfifo(self._voice)
        self.executable = folder / "starcoder-lsp"
        words = shlex.join([sys.executable, str(HERE / "tap.py"), str(self.log), *server_command()])
        self.executable.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(REPOSITORY))} exec {words} "$@"\n')
        self.executable.chmod(0o755)

    def messages(self, since: int = 0) -> list[dict[str, Any]]:
        """Everything said so far."""
        if not self.log.exists():
            return []
        # the last line may be half written
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").split("\n")[:-1][since:]]

    def commands(self, since: int = 0) -> list[tuple[Any, ...]]:
        """The protocol's commands that the editor sent: name and arguments."""
        return [
            (message["params"]["command"].removeprefix("starcoder."), *message["params"]["arguments"])
            for message in self.messages(since)
            if message["speaker"] == "editor" and message.get("method") == "workspace/executeCommand"
        ]

    def items(self, since: int = 0) -> dict[str, dict[str, Any]]:
        """The suggestions that the server made, as it sent them, by their ids."""
        return {
            item["command"]["arguments"][0]: item
            for message in self.messages(since)
            if message["speaker"] == "server" and isinstance(message.get("result"), dict)
            for item in message["result"].get("items", [])
        }

    def suggestions(self, since: int = 0) -> dict[str, str]:
        """The suggestions that the server made: id and text."""
        return {name: item["insertText"] for name, item in self.items(since).items()}

    def written(self, name: str, typed: str, length: int | None = None) -> str:
        """What stands in a file in front of the cursor once (the beginning of) a suggestion is accepted there.

        `typed` stood in front of the cursor when it was accepted. It may have been made earlier, for less than that.
        """
        item = self.items()[name]
        start = item["range"]["start"]
        lines = typed.split("\n")[: start["line"] + 1]
        before = "\n".join([*lines[:-1], lines[-1][: start["character"]]])
        after = before + str(item["insertText"])[:length]
        assert after.startswith(typed), (typed, item)
        return after

    def said(self, ghost: str, typed: str, since: int = 0) -> bool:
        """Whether a ghost behind `typed` is a suggestion of the server, or what is left of one that came earlier.

        VS Code shows the rest of an older suggestion until the server has answered for the newer place. Of a ghost with
        several lines, empty ones are not told from those below.
        """
        shown = _without_empty_lines(ghost)
        return ghost != "" and any(
            _without_empty_lines(text[written:]).startswith(shown)
            for text in self.suggestions(since).values()
            for written in range(len(text))
            if typed.endswith(text[:written])
        )

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The editor's requests for suggestions."""
        return [message for message in self.messages(since) if message.get("method") == "textDocument/inlineCompletion"]

    def refreshes(self, since: int = 0) -> list[str]:
        """The files for which the server asked the editor to ask again."""
        return [
            message["params"]["uri"]
            for message in self.messages(since)
            if message["speaker"] == "server" and message.get("method") == "starcoder/refresh"
        ]

    def asked_behind(self, text: str, since: int = 0) -> bool:
        """Whether the editor has asked for a suggestion at the end of `text`."""
        place = {"line": text.count("\n"), "character": len(text.rpartition("\n")[2])}
        return any(request["params"]["position"] == place for request in self.requests(since))

    def pending(self) -> list[Any]:
        """The editor's requests for suggestions that nobody has answered or taken back."""
        open_: dict[Any, bool] = {}
        for message in self.messages():
            match message:
                case {"method": "started"}:
                    open_.clear()
                case {"speaker": "editor", "method": "textDocument/inlineCompletion", "id": name}:
                    open_[name] = True
                case {"speaker": "editor", "method": "$/cancelRequest", "params": {"id": name}}:
                    open_.pop(name, None)
                case {"speaker": "server", "id": name}:
                    open_.pop(name, None)
        return list(open_)

    def has_started(self, number: int) -> bool:
        """Whether so many servers have started, and the last one has been greeted."""
        if len(self.starts()) < number:
            return False
        methods = [message.get("method") for message in self.messages()]
        return "initialized" in methods[len(methods) - methods[::-1].index("started") :]

    def starts(self) -> list[int]:
        """The processes of the server, one after the other."""
        return [int(message["pid"]) for message in self.messages() if message.get("method") == "started"]

    def count(self) -> int:
        """How much has been said: a mark to read on from."""
        return len(self.messages())

    def say(self, method: str, params: Mapping[str, Any]) -> None:
        """Let the editor hear a notification."""
        with self._voice.open("w", encoding="utf-8") as voice:
            voice.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}) + "\n")


def _without_empty_lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())
