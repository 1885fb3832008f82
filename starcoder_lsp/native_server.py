"""A `llama-server` that is installed on this machine, measured with a model of ours.

The wheel of xllamacpp is built for AVX2. A llama.cpp that was built on the machine uses all of its processor, and read
71 prompt tokens a second where the wheel's read 38 (StarCoder2-3B's shape, Q4_K_M, two cores with AVX-512).
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from typing import IO, TYPE_CHECKING, Final

from attrs import evolve

from starcoder_lsp.addresses import EngineAddress, KeySource, Secret
from starcoder_lsp.connecting import connect
from starcoder_lsp.errors import EngineFailed, EngineUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.config import Settings

PORT: Final = 8012
"""What the advice says to listen on."""
_CONTEXT: Final = 2048
_LOAD_S: Final = 120.0
_END_S: Final = 5.0


def find() -> str | None:
    """Return the program on the PATH."""
    return shutil.which("llama-server")


def advice(model: Path) -> str:
    """Return how it is used: a command, and an option."""
    return (
        f"run `llama-server --model {shlex.quote(str(model))} --host 127.0.0.1 --port {PORT}` and set the option "
        f'"engines": ["http://127.0.0.1:{PORT}", "local"]'
    )


def prefill_speed(program: str, model: Path, settings: Settings) -> float:
    """Start it on loopback with a key of its own, and end it; return how many prompt tokens a second it read.

    Decoding is bound by memory, and the few tokens of a measurement come in one packet: that speed would say nothing.

    Raises:
        EngineFailed: it ended, or did not listen within two minutes; with its last words.
        EngineRefused: it is not what its name says.
    """
    key = secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    layers = [] if settings.gpu_layers is None else ["--n-gpu-layers", str(settings.gpu_layers)]
    threads = ["--threads", str(settings.threads)] if settings.threads else []
    command = [program, "--model", str(model), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--ctx-size", str(_CONTEXT), "--parallel", "1", *layers, *threads]
    address = EngineAddress(
        url=f"http://127.0.0.1:{port}",
        dialect="llama-server",
        vocabulary=str(model),
        slots=1,
        key=KeySource("secret", (program,)),
    )
    asking = evolve(settings, secrets={program: Secret(key)})
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - a program of the user's, by its path
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LLAMA_API_KEY": key},
        )
        try:
            return _measured(process, address, asking, output)
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _measured(process: subprocess.Popen[bytes], address: EngineAddress, settings: Settings, output: IO[bytes]) -> float:
    end = time.monotonic() + _LOAD_S
    while process.poll() is None and time.monotonic() < end:
        try:
            completer = connect(address, settings)
        except EngineUnavailable:  # it loads
            time.sleep(0.2)
            continue
        try:
            return completer.speed.prefill
        finally:
            completer.close()
    how = "did not listen in time" if process.returncode is None else f"ended with code {process.returncode}"
    output.seek(0)
    words = output.read().decode("utf-8", "replace").strip().splitlines()
    raise EngineFailed(f"It {how}: {words[-1]}" if words else f"It {how} and said nothing.")
