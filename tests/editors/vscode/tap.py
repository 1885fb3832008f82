"""Stands between an editor and the server: passes every byte on, and writes down what was said, by whom, and when.

usage: tap.py LOG COMMAND...

What a test writes into the FIFO `LOG.say`, one JSON message a line, the editor hears as if the server had said it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO


def read_message(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """The next message as it came, and its body; None at the end."""
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        header += line
    length = next(
        int(line.split(b":")[1]) for line in header.splitlines() if line.lower().startswith(b"content-length")
    )
    body = stream.read(length)
    return header + body, body


def main(log: str, *command: str) -> int:
    """Run the server, and tell of everything in one JSON line each."""
    lock = threading.Lock()
    speaking = threading.Lock()
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin
    assert server.stdout

    def note(**entry: object) -> None:
        with lock, Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"ms": time.time() * 1000, "pid": server.pid, **entry}) + "\n")

    def follow(source: IO[bytes], target: IO[bytes], speaker: str) -> None:
        while message := read_message(source):
            raw, body = message
            note(speaker=speaker, **json.loads(body))
            try:
                with speaking:
                    target.write(raw)
                    target.flush()
            except BrokenPipeError:
                break

    def say(message: bytes) -> None:
        with speaking:
            sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(message) + message)
            sys.stdout.buffer.flush()

    def prompt() -> None:
        while True:
            with Path(f"{log}.say").open("rb") as lines:
                for line in lines:
                    say(line.strip())

    def listen(target: IO[bytes]) -> None:
        follow(sys.stdin.buffer, target, "editor")
        target.close()

    note(speaker="tap", method="started")
    threading.Thread(target=listen, args=[server.stdin], daemon=True).start()
    threading.Thread(target=prompt, daemon=True).start()
    follow(server.stdout, sys.stdout.buffer, "server")
    status = server.wait()
    note(speaker="tap", method="ended", status=status)
    return status


if __name__ == "__main__":
    # the thread that waits for the editor holds stdin: leave without asking it
    status = main(*sys.argv[1:])
    os._exit(status if status >= 0 else 1)
