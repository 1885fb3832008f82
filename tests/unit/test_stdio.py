"""Stdout belongs to the protocol."""

from __future__ import annotations

import subprocess
import sys
import textwrap

CODE = """
import ctypes, os, subprocess, sys
from starcoder_lsp.stdio import take_stdout
print("before")
output = take_stdout()
print("a stray print")
os.write(1, b"a native write\\n")
ctypes.CDLL(None).puts(b"a C library")
ctypes.CDLL(None).fflush(None)
subprocess.run([sys.executable, "-c", "print('a child')"], check=True)
output.write(b"protocol" * %d)
output.flush()
"""


def run(times: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CODE % times)], capture_output=True, check=True, timeout=120
    )


def test_only_the_stream_that_was_taken_reaches_stdout() -> None:
    done = run(1)
    assert done.stdout == b"before\nprotocol"
    for stray in (b"a stray print", b"a native write", b"a C library", b"a child"):
        assert stray in done.stderr


def test_more_than_a_pipe_holds_is_written_whole() -> None:
    assert run(500_000).stdout == b"before\n" + b"protocol" * 500_000
