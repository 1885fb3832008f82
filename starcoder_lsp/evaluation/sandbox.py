"""Runs a generated program with its test in a process of its own, with limits on time, memory, files and output.

A program passes if its last line was reached: a random mark that only the runner knows is written then. Leaving early
(`sys.exit(0)`, `os._exit(0)`) writes none. When it has ended or its time is up, its process group is killed; where the
system lets us make namespaces, it has its own processes and no network, and what it started ends with it.

This keeps accidents in: endless loops, memory, files left behind, children. It is no jail for hostile code.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import cache

_SECONDS = 5
_MEMORY = 1 << 30

_RUNNER = """
import os, sys
try:
    import resource
    limits = (("RLIMIT_CPU", {seconds}), ("RLIMIT_AS", {memory}), ("RLIMIT_FSIZE", 1 << 20), ("RLIMIT_CORE", 0))
    for name, limit in limits:
        resource.setrlimit(getattr(resource, name), (limit, limit))
except ImportError:
    pass

def run():
    mark, program = sys.stdin.buffer.readline().rstrip(), sys.stdin.buffer.read()
    out = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    sys.stdin = None
    exec(compile(program, "<program>", "exec"), {{"__name__": "__main__"}})
    os.write(out, mark)
    os._exit(0)

run()
"""  # a string, so that the limits are set in the child without a fork hook, which threads make unsafe


def passes(program: str, seconds: int = _SECONDS, memory: int = _MEMORY) -> bool:
    """Return whether `program` runs to its end without an error within `seconds` and `memory` bytes."""
    runner = _RUNNER.format(seconds=seconds, memory=memory)
    mark = secrets.token_hex(16).encode()
    with tempfile.TemporaryDirectory(prefix="starcoder-lsp-eval-") as folder, tempfile.TemporaryFile() as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, isolated
            [*_namespace(), sys.executable, "-I", "-c", runner],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            process.communicate(mark + b"\n" + program.encode("utf-8", "replace"), timeout=seconds * 2)
        except subprocess.TimeoutExpired:
            return False
        finally:
            _kill(process)
        out.seek(0)
        return process.returncode == 0 and out.read() == mark


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and all of its group, which outlives it where it started others."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@cache
def _namespace() -> tuple[str, ...]:
    """What runs a command without network and with processes of its own; nothing where that is not to be had."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
    try:
        works = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False).returncode == 0  # noqa: S603 - looked up above
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return command if works else ()
