"""How long a suggestion takes in VS Code, from the key to the screen, and whose time that is.

    python -m tests.editors.vscode.measure [ROUNDS]

Prints the table of docs/editors/vscode.md. For numbers that mean something the machine must be quiet.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.editors.lab import poll
from tests.editors.vscode.driver import Browser, CodeServer, Tap, Window, build_extension
from tests.editors.vscode.test_vscode import KEYS, PAGE

PARTS = {
    "VS Code waits and asks": "from the key to the request's arrival at the server; 50 ms of it are VS Code's own debounce",
    "the server": "its wait for the next key included",
    "VS Code draws": "from the answer to the frame",
    "in all": "from the key to the frame",
}


def one_round(window: Window, tap: Tap) -> list[float]:
    """Type until a suggestion comes; the milliseconds of each part."""
    window.open(PAGE)
    window.type(KEYS[:-1])
    poll("the server is at rest", lambda: tap.requests() and not tap.pending())
    window.press("Escape")
    window.wait_for_no_ghost()
    mark = tap.count()
    with window.watched() as watch:
        window.type(KEYS[-1])
        window.wait_for_ghost()
    key = watch.keys[-1]["ms"]
    drawn = next(frame["ms"] for frame in watch.frames if frame["ghost"] and frame["ms"] > key)
    request = tap.requests(mark)[0]
    answer = next(
        message["ms"]
        for message in tap.messages(mark)
        if message["speaker"] == "server" and message.get("id") == request["id"] and "result" in message
    )
    return [request["ms"] - key, answer - request["ms"], drawn - answer, drawn - key]


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
            columns = list(zip(*(one_round(window, tap) for _ in range(rounds)), strict=True))
        finally:
            browser.close()
            server.close()
    print(f"| {rounds} suggestions by nano | median | slowest tenth | |\n|---|---|---|---|")  # noqa: T201
    for (part, explanation), column in zip(PARTS.items(), columns, strict=True):
        slow = statistics.quantiles(column, n=10)[-1]
        print(f"| {part} | {statistics.median(column):.0f} ms | {slow:.0f} ms | {explanation} |")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
