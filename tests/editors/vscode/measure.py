"""How long a suggestion takes in VS Code, from the key to the screen, and whose time that is.

    python -m tests.editors.vscode.measure [ROUNDS]

Prints the table of docs/editors/vscode.md. For numbers that mean something the machine must be quiet.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.editors.vscode.driver import Browser, CodeServer, Tap, Window, build_extension
from tests.editors.vscode.test_vscode import KEYS, PAGE, ROW, TYPED

PARTS = {
    "VS Code waits and asks": "to the request's arrival; its own debounce, 50 ms, is a part of it",
    "the server": "its wait for the next key included",
    "VS Code draws": "from the answer to the frame",
    "in all": "from the key to the frame",
}


def one_round(window: Window, tap: Tap) -> list[float]:
    """Type until a suggestion comes; the milliseconds of each part, or nothing if it came before the last key."""
    window.open(PAGE)
    window.type(KEYS[:-8])
    mark = tap.count()
    with window.watched() as watch:
        window.type(KEYS[-8:], delay=25)  # faster than VS Code asks
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
    return [request["ms"] - key, answers[0] - request["ms"], shown[0] - answers[0], shown[0] - key]


def main(rounds: int = 30) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tap = Tap(folder)
        server = CodeServer(
            folder / "vscode",
            build_extension(),
            settings={"starcoder.minConfidence": -100},
            machine={"starcoder.server.path": str(tap.executable)},
        )
        browser = Browser(folder / "browser")
        try:
            window = Window(browser, server)
            window.load(server.file("first.py"))
            window.wait_until_ready()
            one_round(window, tap)  # the first one warms everything up
            measured = [row for row in (one_round(window, tap) for _ in range(rounds)) if row]
        finally:
            browser.close()
            server.close()
    columns = list(zip(*measured, strict=True))
    print(f"| {len(measured)} suggestions by nano | median | slowest tenth | |\n|---|---|---|---|")  # noqa: T201
    for (part, explanation), column in zip(PARTS.items(), columns, strict=True):
        slow = statistics.quantiles(column, n=10)[-1]
        print(f"| {part} | {statistics.median(column):.0f} ms | {slow:.0f} ms | {explanation} |")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
