"""Serving a client on two streams until it leaves, and the end of the process.

The process is ended hard, after the session was closed: a daemon thread may sit in a native call, or in a read of
stdin, for a while yet. What ends it, whatever the server is doing at that moment: `exit`, the end of stdin, a stdout
that nobody reads, SIGTERM, SIGINT, SIGHUP, and a header after which no message can be found any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from lsprotocol import types
from pygls.io_ import StdoutWriter

from starcoder_lsp.engine import private_folder
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.server.app import App
from starcoder_lsp.server.framing import Framing, FramingLost, NoLength
from starcoder_lsp.session import Session
from starcoder_lsp.usage.store import database
from starcoder_lsp.usage.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.config import Settings
    from starcoder_lsp.server.protocol import Protocol

log = logging.getLogger(__name__)

_PIECE = 1 << 16


def serve_stdio(settings: Settings, output: BinaryIO) -> NoReturn:
    """Serve one client on stdin and `output`, then end the process."""
    descriptor = sys.stdin.fileno()
    _serve(settings, lambda size: os.read(descriptor, size), output)


def serve_tcp(settings: Settings, host: str, port: int) -> NoReturn:
    """Serve the first client that connects to a TCP port, for debugging; others are refused. Then end the process.

    Raises:
        ConfigError: the port cannot be listened at.
    """
    host = host.removeprefix("[").removesuffix("]")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ConfigError(f"--tcp: {host}:{port} cannot be listened at: {error}. Choose another port.") from error
    log.warning("Listening on %s:%d without authentication: for debugging only.", host, port)
    with listener:
        connection, _address = listener.accept()
    _serve(settings, connection.recv, connection.makefile("wb"))


def _serve(settings: Settings, read: Callable[[int], bytes], output: BinaryIO) -> NoReturn:
    app = App(settings, partial(Session, counts=Writer(database())))
    end = partial(_end, app)
    app.server.end = end  # type: ignore[method-assign]  # the one who runs it ends it
    app.server.protocol.set_writer(StdoutWriter(output))
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):  # nohup
            signal.signal(number, lambda *_: end(0))
    try:
        asyncio.run(_listen(app, read, output))
    except Exception:
        log.exception("The server failed.")
    end(1)


async def _listen(app: App, read: Callable[[int], bytes], output: BinaryIO) -> None:
    """Take messages until the stream ends."""
    loop = asyncio.get_running_loop()
    _watch(app, output)
    ended = loop.create_future()
    framing, protocol = Framing(), app.server.protocol

    def pump() -> None:
        """Read on a thread of its own, a piece at a time: the next when the loop has taken the last."""
        with contextlib.suppress(OSError, RuntimeError):  # a connection that broke; a loop that is closed
            while data := read(_PIECE):
                if not asyncio.run_coroutine_threadsafe(_take(framing, protocol, data), loop).result():
                    break
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ended.set_result, None)

    threading.Thread(target=pump, name="reader", daemon=True).start()
    await ended


async def _take(framing: Framing, protocol: Protocol, data: bytes) -> bool:
    """Take a piece of the stream; False where no message can be found in it any more."""
    framing.feed(data)
    try:
        while not await _all_taken(framing, protocol):
            pass
    except FramingLost as error:
        message = f"The connection cannot be read any further: {error}. The server ends; start it again."
        log.error("%s", message)  # noqa: TRY400 - what the client did needs no traceback
        protocol.refuse(None, types.ErrorCodes.ParseError, message)
        return False
    return True


async def _all_taken(framing: Framing, protocol: Protocol) -> bool:
    """Take the messages that are there; False if there may be more behind a header that was refused."""
    try:
        for body in framing.bodies():
            protocol.take_body(body)
            await asyncio.sleep(0)  # a request's first step comes before the message behind it
    except NoLength as error:
        log.warning("A message was refused: %s.", error)
        protocol.refuse(None, types.ErrorCodes.ParseError, f"{error}.")
        return False
    return True


def _watch(app: App, output: BinaryIO) -> None:
    """End when nobody can read `output` any more, also while there is nothing to write. POSIX only."""
    if not hasattr(select, "poll"):
        return
    loop, descriptor = asyncio.get_running_loop(), output.fileno()
    poll = select.poll()
    poll.register(descriptor, 0)  # errors and hang-ups are always reported

    def look() -> None:
        if any(event & (select.POLLERR | select.POLLHUP) for _descriptor, event in poll.poll(0)):
            app.server.client_gone()
        loop.remove_reader(descriptor)  # a socket that is closed in the other direction only

    with contextlib.suppress(OSError, NotImplementedError):  # a regular file cannot be watched
        loop.add_reader(descriptor, look)


def _end(app: App, status: int) -> NoReturn:
    app.close()
    private_folder.remove_own()  # the engine's thread may be in a native call, and free nothing
    with contextlib.suppress(OSError, ValueError):  # a stderr that nobody reads
        sys.stderr.flush()
    os._exit(status)
