"""Runs a generated program with its test in a process of its own, with limits on time, memory, files and output.

This keeps accidents in: endless loops, memory, files left behind. It is no jail for hostile code.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

_SECONDS = 5
_MEMORY = 1 << 30

_RUNNER = """
import sys
try:
    import resource
    limits = (("RLIMIT_CPU", {seconds}), ("RLIMIT_AS", {memory}), ("RLIMIT_FSIZE", 1 << 20), ("RLIMIT_CORE", 0))
    for name, limit in limits:
        resource.setrlimit(getattr(resource, name), (limit, limit))
except ImportError:
    pass
program = sys.stdin.read()
sys.stdin = None
exec(compile(program, "<program>", "exec"), {{"__name__": "__main__"}})
"""  # a string, so that the limits are set in the child without a fork hook, which threads make unsafe


def passes(program: str, seconds: int = _SECONDS, memory: int = _MEMORY) -> bool:
    """Return whether `program` runs to its end without an error within `seconds` and `memory` bytes."""
    runner = _RUNNER.format(seconds=seconds, memory=memory)
    with tempfile.TemporaryDirectory(prefix="starcoder-lsp-eval-") as folder:
        try:
            outcome = subprocess.run(  # noqa: S603 - our own interpreter, isolated
                [sys.executable, "-I", "-c", runner],
                input=program.encode("utf-8", "replace"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={},
                timeout=seconds * 2,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return outcome.returncode == 0
