"""How much later a suggestion is where a server stands in front of the local model, while that server misbehaves.

    python -m benchmarks.chain_latency

In one run, by turns at the same places: the local model alone, a second one alone (what chance does), and the chain of
llama.cpp's server and the local model. The server is well, then killed, then started again behind a proxy that holds
each request back for 10 s, then well again. Milliseconds later than the local model alone; negative: earlier.
"""

from __future__ import annotations

import argparse
import contextlib
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from attrs import define, field

from starcoder_lsp.addresses import EngineAddress, KeySource, Secret
from starcoder_lsp.chaining import load_completer
from starcoder_lsp.completer import Ask, Completer
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.config import Settings
from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.models.catalogue import resolve
from starcoder_lsp.models.read import read_any_header

_BEFORE = "".join(f"def f_{number}(values):\n    return sum(values) + {number}\n\n\n" for number in range(40))
_SLOW_S = 10.0
_WORDS = ("total", "average", "largest", "smallest", "first", "last", "length", "product")


def serve(path: str, key: str) -> None:
    """Be llama.cpp's server on a socket, until killed."""

    def configure(params: Any) -> None:  # noqa: ANN401 - untyped library
        params.hostnames = [path]
        params.api_keys = [key]

    header = read_any_header(resolve("nano"))
    engine = llama_cpp.load(
        header, end_ids=frozenset(), context_window=4096, slots=2, threads=1, gpu_layers=0, configure=configure
    )
    print("ready", flush=True)
    threading.Event().wait()
    engine.close()


@define(eq=False)
class Server:
    """The process, and a proxy in front of it that may hold requests back."""

    folder: Path
    key: str = field(factory=lambda: secrets.token_hex(8))
    slow_s: float = 0.0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def behind(self) -> Path:
        """Where the server listens."""
        return self.folder / "server.sock"

    @property
    def front(self) -> Path:
        """Where it is asked."""
        return self.folder / "front.sock"

    def start(self) -> None:
        """Start the server; return once it listens."""
        self.behind.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks.chain_latency", "--serve", str(self.behind), self.key]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        self._process.stdout.readline()

    def kill(self) -> None:
        """End it, hard."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def proxy(self) -> None:
        """Pass bytes on, for ever."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.front))
        listener.listen()
        while True:
            stream, _address = listener.accept()
            threading.Thread(target=self._pass_on, args=[stream], daemon=True).start()

    def _pass_on(self, front: socket.socket) -> None:
        behind = socket.socket(socket.AF_UNIX)
        with front, behind, contextlib.suppress(OSError):
            behind.connect(str(self.behind))
            threading.Thread(target=_copy, args=[behind, front], daemon=True).start()
            while data := front.recv(1 << 16):
                if self.slow_s:
                    time.sleep(self.slow_s)
                behind.sendall(data)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)


def ask(number: int, *, replaceable: bool) -> Ask:
    """Return a question that was not asked before."""
    text = f"{_BEFORE}def {_WORDS[number % len(_WORDS)]}_{number}(values):\n    return "
    return Ask(("", "file:///bench/chain.py"), Place(text, len(text)), max_tokens=24, replaceable=replaceable)


def timed(completer: Completer, question: Ask) -> tuple[float, str]:
    """Return after how many ms there is an answer, and whose."""
    started = time.perf_counter()
    answer = completer.suggest(question, CancelToken())
    return (time.perf_counter() - started) * 1e3, answer.model


def phase(name: str, completers: dict[str, Completer], first: int, count: int, *, replaceable: bool) -> None:
    """Ask by turns, and print how much later than alone."""
    later: dict[str, list[float]] = {"another alone": [], "chain": []}
    speakers: dict[str, int] = {}
    for number in range(first, first + count):
        question = ask(number, replaceable=replaceable)
        times = {}
        for who, completer in completers.items():
            times[who], model = timed(completer, question)
            if who == "chain":
                speakers[model or "local"] = speakers.get(model or "local", 0) + 1
            time.sleep(0.05)  # what was cancelled comes to its end
        for who, found in later.items():
            found.append(times[who] - times["alone"])
    told = "; ".join(
        f"{who} median {statistics.median(found):+.0f}, p95 {statistics.quantiles(found, n=20)[-1]:+.0f}, "
        f"most {max(found):+.0f} ms"
        for who, found in later.items()
    )
    over = sum(one > 50 for one in later["chain"])  # noqa: PLR2004 - the figure asked for
    chance = sum(one > 50 for one in later["another alone"])  # noqa: PLR2004 - as above
    print(
        f"{name}: {told}; later by more than 50 ms: {over} of {count} (by chance alone {chance}); answers: {speakers}"
    )


def measure(count: int, *, replaceable: bool) -> None:
    """Go through the server's life once."""
    with tempfile.TemporaryDirectory(prefix="c") as folder:
        server = Server(Path(folder))
        threading.Thread(target=server.proxy, daemon=True).start()
        server.start()
        address = EngineAddress(url="http://localhost", socket=str(server.front), key=KeySource("secret", ("bench",)))
        local = Settings(gpu_layers=0, shared=False)
        chained = Settings(
            gpu_layers=0, shared=False, engines=(address, "local"), secrets={"bench": Secret(server.key)}
        )
        completers = {
            "alone": load_completer(local), "another alone": load_completer(local), "chain": load_completer(chained)
        }  # fmt: skip
        try:
            for completer in completers.values():
                completer.suggest(ask(9999, replaceable=replaceable), CancelToken())
            print("a client that can replace text:" if replaceable else "a client that cannot:")
            phase("  well", completers, 0, count, replaceable=replaceable)
            server.kill()
            phase("  killed", completers, 1000, count, replaceable=replaceable)
            server.slow_s = _SLOW_S
            server.start()
            phase("  slowed to 10 s", completers, 2000, count, replaceable=replaceable)
            server.slow_s = 0.0
            time.sleep(_SLOW_S + 2)
            phase("  back again", completers, 3000, count, replaceable=replaceable)
        finally:
            for completer in completers.values():
                completer.close()
            server.kill()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40, help="suggestions in each phase")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    for replaceable in (True, False):
        measure(options.count, replaceable=replaceable)


if __name__ == "__main__":
    main()
