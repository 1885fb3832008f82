"""Keeps stdout for the protocol: native libraries and stray prints cannot write into it."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO


def take_stdout() -> BinaryIO:
    """Return a binary stream to the real stdout, and point file descriptor 1 and `sys.stdout` at stderr.

    Must run before a native library is loaded: one that remembers descriptor 1 would keep writing to it.
    """
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(private, "wb")  # buffered: an unbuffered write may write a part only; pygls flushes each message
