"""How long a suggestion takes in VS Code, from the key to the screen, and whose time that is.

    python -m tests.editors.vscode.measure [ROUNDS]

Prints the table of docs/editors/vscode.md, and how soon what is typed in a burst of keys is evaluated. For numbers that
mean something the machine must be quiet. Another checkout's server: PYTHONPATH of that checkout in STARCODER_LSP_OTHER.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import sys
import tempfile
from pathlib import Path

from tests.editors.vscode.conversation import Tap
from tests.editors.vscode.driver import Browser, CodeServer, Window, build_extension
from tests.editors.vscode.test_vscode import KEYS, PAGE, ROW, TYPED

PARTS = {
    "VS Code waits and asks": "to the request's arrival; its own debounce, 50 ms, is a part of it",
    "the server": "its wait for the next key included",
    "VS Code draws": "from the answer to the frame",
    "in all": "from the key to the frame",
}


BURST = {
    "a key → its change is with the server": "each key of the burst",
    "first key → first token evaluated": "what was typed is read ahead",
    "last key → the engine rests": "the suggestion is written",
}
KEY_MS = 25
"""Between two keys of the burst: faster than VS Code asks."""


def burst(tap: Tap, mark: int, keys: list[float], evaluations: Path) -> list[float]:
    """How soon the keys of a burst were with the server, and with the engine: ms of the parts of BURST.

    Nothing where the burst came too late for an evaluation of its own.
    """
    changes = [one["ms"] for one in tap.messages(mark) if one.get("method") == "textDocument/didChange"]
    calls = [json.loads(line) for line in evaluations.read_text(encoding="utf-8").splitlines()]
    first = [call["ended"] for call in calls if call["evaluated"] and call["begun"] >= keys[0]]
    if not first:
        return []
    arrivals = [min(change for change in changes if change >= key) - key for key in keys]
    return [statistics.median(arrivals), first[0] - keys[0], calls[-1]["ended"] - keys[-1]]


def one_round(window: Window, tap: Tap, evaluations: Path) -> list[float]:
    """Type until a suggestion comes; the milliseconds of each part, or nothing if it came before the last key."""
    window.open(PAGE)
    window.type(KEYS[:-8])
    mark = tap.count()
    with window.watched() as watch:
        window.type(KEYS[-8:], delay=KEY_MS)
        window.wait_for_ghost()
    key = watch.keys[-1]["ms"]
    shown = [frame["ms"] for frame in watch.frames if frame["ghost"]]
    place = {"line": ROW, "character": len(TYPED.split("\n")[-1])}
    requests = [request for request in tap.requests(mark) if request["params"]["position"] == place]
    if shown[0] < key or not requests:
        return []
    request = requests[0]
    answers = [
        message["ms"]
        for message in tap.messages(mark)
        if message["speaker"] == "server" and message.get("id") == request["id"] and "result" in message
    ]
    seen = burst(tap, mark, [one["ms"] for one in watch.keys[-8:]], evaluations)
    if not seen:
        return []
    parts = [request["ms"] - key, answers[0] - request["ms"], shown[0] - answers[0], shown[0] - key]
    return parts + seen


def main(rounds: int = 30) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evaluations = folder / "evaluations.jsonl"
        other = os.environ.get("STARCODER_LSP_OTHER")
        words = ["env", f"PYTHONPATH={other}"] if other else []
        words += [sys.executable, str(Path(__file__).with_name("evaluating.py")), str(evaluations)]
        os.environ["STARCODER_LSP_COMMAND"] = shlex.join(words)
        tap = Tap(folder)
        server = CodeServer(
            folder / "vscode",
            build_extension(),
            settings={"starcoder.confidence": 0, "starcoder.prefillWhileTyping": "always"},
            machine={"starcoder.server.path": str(tap.executable)},
        )
        browser = Browser(folder / "browser")
        try:
            window = Window(browser, server)
            window.load(server.file("first.py"))
            window.wait_until_ready()
            one_round(window, tap, evaluations)  # the first one warms everything up
            measured = [row for row in (one_round(window, tap, evaluations) for _ in range(rounds)) if row]
        finally:
            browser.close()
            server.close()
    columns = list(zip(*measured, strict=True))
    print(f"| {len(measured)} suggestions by nano | median | slowest tenth | |\n|---|---|---|---|")  # noqa: T201
    for (part, explanation), column in zip((PARTS | BURST).items(), columns, strict=True):
        slow = statistics.quantiles(column, n=10)[-1]
        print(f"| {part} | {statistics.median(column):.0f} ms | {slow:.0f} ms | {explanation} |")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
