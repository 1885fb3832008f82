"""Servers that behave as told, and transports to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.addresses import EngineAddress, Secret, read_engines
from starcoder_lsp.engine.http.transport import Transport
from tests.support.http_server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.http_server import Behaviour


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server that behaves as told; it is stopped after the test."""
    servers: list[Server] = []

    def start(behave: Behaviour, **options: object) -> Server:
        servers.append(Server(behave, **options).start())  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def open_transport() -> Iterator[Callable[..., Transport]]:
    """Open a transport to a URL; it is closed after the test."""
    opened: list[Transport] = []

    def start(url: str, key: Secret | None = None, **more: object) -> Transport:
        address = read_engines([{"url": url, **more}])[0]
        assert isinstance(address, EngineAddress)
        opened.append(Transport(address, key))
        return opened[-1]

    yield start
    for transport in opened:
        transport.close()
