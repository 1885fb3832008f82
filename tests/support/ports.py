"""TCP ports that stay free until a server that the test starts takes them."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import pytest

_LEFT = iter(range(20_000 + os.getpid() % 5_000, 30_000))


def free_port() -> int:
    """Return a port that nobody was given before, below those that the system gives to connections.

    Whoever looks for a server at one of those may be given it, and so be connected with itself.
    """
    for port in _LEFT:
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free")
