"""Requests to one address, with httpx on an event loop of their own: a cancel reaches whatever is being waited for.

HTTP/1.1, and HTTP/2 where TLS agrees on it; connections are kept. Redirections are not followed: text goes to the
address that the user wrote and nowhere else. What belongs to this machine goes through no proxy.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import ssl
import threading
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

import anyio
import httpx
import truststore
from attrs import frozen

from starcoder_lsp import __version__
from starcoder_lsp.engine.http.events import NotUnderstood
from starcoder_lsp.engine.http.faults import refusal
from starcoder_lsp.engine.http.lines import read_object
from starcoder_lsp.errors import EngineError, EngineRefused, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from concurrent.futures import Future

    from starcoder_lsp.addresses import EngineAddress, Secret
    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.engine.http.events import Call

T = TypeVar("T")
AnotherT = TypeVar("AnotherT", bound="Transport")

log = logging.getLogger(__name__)

for _name in ("httpx", "httpcore", "h2", "hpack"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # at debug level hpack logs every header, and with them keys

_CONNECT_S: Final = 3.0
_MOST_ANSWER: Final = 64 * 2**20
"""Bytes of one answer: more than any completion is long."""
_MOST_REFUSAL: Final = 65_536
_FREE_S: Final = 2.0
"""How long a request waits for one of the connections: none is in use for so long at its end."""
_CLOSE_S: Final = 2.0
_REST_S: Final = 0.5
"""How long the last bytes of an answer may take."""
_END: Final = object()
_BROKEN: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
"""How a connection ends that the other side closed."""


class ConnectionBroke(EngineUnavailable):
    """The other side closed the connection. `begun`: in the middle of an answer; else it was tried twice."""

    def __init__(self, message: str, *, begun: bool) -> None:
        """`message` names the server."""
        super().__init__(message)
        self.begun = begun


@frozen
class Reply:
    """A whole answer."""

    status: int
    body: bytes

    def object(self) -> dict[str, Any]:
        """Return it as a JSON object; an empty one if it is none, or no success."""
        try:
            return read_object(self.body) if self.status < 300 else {}  # noqa: PLR2004 - success, in HTTP
        except NotUnderstood:
            return {}


class _Stop:
    """Ends what runs under it on the loop's thread.

    By a cancel scope: httpx lets go of its connections behind shields against those, and not against the cancel of a
    task, which now and then leaves a connection that is neither used nor free. After eight of them nothing is sent.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, wanted: bool) -> None:
        self._loop = loop
        self._scope: anyio.CancelScope | None = None
        self._wanted = wanted

    def __call__(self, delay: float = 0.0) -> None:
        """End it, from any thread, after `delay` seconds."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._loop.call_later, delay, self._end)

    def _end(self) -> None:
        self._wanted = True
        if self._scope is not None:
            self._scope.cancel()

    async def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run what it ends; nothing of it where it was called before."""
        if not self._wanted:
            with anyio.CancelScope() as self._scope:
                await work()


class Stream:
    """The bytes of an answer as they come; it ends at once when its cancel token is set."""

    def __init__(self, future: Future[None], queue: SimpleQueue[Any], cancel: CancelToken, stop: _Stop) -> None:
        """`future` is of what fills the queue, on the loop's thread."""
        self._future = future
        self._queue = queue
        self._stop = stop
        self._cancelled = False
        self._hook = ExitStack()
        future.add_done_callback(lambda _done: queue.put(_END))
        self._hook.enter_context(cancel.calling(self._cancel))

    def __iter__(self) -> Iterator[bytes]:
        """Yield what comes. Raises what `Transport.stream` says."""
        while (chunk := self._queue.get()) is not _END:
            yield chunk
        if not self._cancelled and not self._future.cancelled():
            self._future.result()

    def _cancel(self) -> None:
        self._cancelled = True
        self._queue.put(_END)
        self._stop()

    def close(self, *, rest: bool = False) -> None:
        """End it. With `rest`, the answer is over but for its last bytes: they may come, so that the connection stays.

        Otherwise the stream is closed, and the server hears that nobody wants more.
        """
        self._hook.close()
        if not self._future.done():
            self._stop(_REST_S if rest else 0.0)


class Transport:
    """One address' connections. `fetch` and `stream` may be called from any thread, `close` once."""

    def __init__(self, address: EngineAddress, key: Secret | None = None) -> None:
        """Open nothing yet.

        Raises:
            EngineRefused: the file of certificate authorities cannot be used.
        """
        self.address = address
        self._key = key
        # So that a balancer can send us to the server that holds what we sent before. It says nothing of who we are.
        self._headers = {"User-Agent": f"starcoder-lsp/{__version__}", "X-Session-Id": secrets.token_hex(8)}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key.reveal()}"
        self._verify = _trusted(address)
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_unless_cancelled)
        self._closed = False
        self._client: httpx.AsyncClient | None = None
        self._worn: list[httpx.AsyncClient] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"http {address.shown}", daemon=True)
        self._thread.start()

    def again(self, kind: type[AnotherT]) -> AnotherT:
        """Return further connections to the same address, with the same key."""
        return kind(self.address, self._key)

    def fetch(self, call: Call, seconds: float = 10.0) -> Reply:
        """Return a whole answer, whatever its status.

        Raises:
            EngineUnavailable: there is none within `seconds`.
        """
        return self._submit(self._whole(call, seconds)).result()

    def stream(self, call: Call, cancel: CancelToken) -> Stream:
        """Return an answer's body as it comes.

        Where the connection breaks before anything came, the request is sent once more: a server may have closed a
        connection that was kept, or been started again.

        Raises (while it is read):
            EngineUnavailable: it cannot be reached, broke off, said nothing for too long, or is busy.
            EngineRefused: it answers with another failure.
        """
        queue: SimpleQueue[Any] = SimpleQueue()
        stop = _Stop(self._loop, wanted=cancel.cancelled)
        return Stream(self._submit(stop.run(lambda: self._pump(call, queue))), queue, cancel, stop)

    def close(self) -> None:
        """Close all connections. Idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_CLOSE_S)
        except (TimeoutError, CancelledError, httpx.HTTPError, OSError):
            log.debug("The connections to %s did not close in time.", self.address.shown)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()

    # ---- on the loop's thread --------------------------------------------------------------------------------------

    async def _whole(self, call: Call, seconds: float) -> Reply:
        async def ask() -> Reply:
            body = b""
            async with self._request(call) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    self._check_size(len(body))
                return Reply(response.status_code, body)

        for last in (False, True):
            try:
                with anyio.fail_after(seconds):
                    return await ask()
            except httpx.PoolTimeout as error:  # noqa: PERF203 - two rounds
                self._renew(error, last=last)
            except (httpx.HTTPError, OSError, TimeoutError) as error:
                if last or not isinstance(error, _BROKEN):
                    raise self._unavailable(error) from error
        raise AssertionError("the second round returns or raises")

    async def _pump(self, call: Call, queue: SimpleQueue[Any]) -> None:
        for last in (False, True):
            size = 0
            try:
                async with self._request(call) as response:
                    if response.status_code >= 300:  # noqa: PLR2004 - no success, in HTTP
                        raise await self._refused(call, response)
                    async for chunk in response.aiter_bytes():
                        size += len(chunk)
                        self._check_size(size)
                        queue.put(chunk)
                    return
            except httpx.PoolTimeout as error:
                self._renew(error, last=last)
            except (httpx.HTTPError, OSError) as error:
                if last or size or not isinstance(error, _BROKEN):
                    raise self._unavailable(error, begun=size > 0) from error

    def _request(self, call: Call) -> Any:  # noqa: ANN401 - a context manager of httpx
        url = self.address.url + call.path
        if call.body is None:
            return self._open_client().stream("GET", url)
        headers = {"Content-Type": "application/json"}
        return self._open_client().stream("POST", url, content=json.dumps(call.body).encode(), headers=headers)

    def _open_client(self) -> httpx.AsyncClient:
        if self._client is None:
            address = self.address
            own = address.on_this_machine
            self._client = httpx.AsyncClient(
                headers=self._headers,
                http2=True,
                verify=self._verify,
                trust_env=not own and address.proxy is None,
                proxy=None if own else address.proxy or None,
                transport=httpx.AsyncHTTPTransport(uds=address.socket) if address.socket else None,
                timeout=httpx.Timeout(address.timeout_s, connect=min(_CONNECT_S, address.timeout_s), pool=_FREE_S),
                limits=httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=60.0),
                follow_redirects=False,
            )
        return self._client

    def _renew(self, error: httpx.PoolTimeout, *, last: bool) -> None:
        """Leave all connections behind: one that is ended in the turn in which it is given out is never free again."""
        if last or self._client is None:
            raise self._unavailable(error) from error
        log.debug("The connections to %s are worn out.", self.address.shown)
        self._worn.append(self._client)  # what still comes over them may come
        self._client = None

    async def _refused(self, call: Call, response: httpx.Response) -> EngineError:
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MOST_REFUSAL:
                break
        self._log_debug(response.status_code, body)
        return refusal(
            self.address.shown,
            response.status_code,
            body,
            retry_after=response.headers.get("Retry-After"),
            sent=json.dumps(call.body, ensure_ascii=False) if call.body else "",
            key=self._key,
        )

    def _log_debug(self, status: int, body: bytes) -> None:
        words = body[:2000].decode("utf-8", "replace")
        if self._key is not None:
            words = words.replace(self._key.reveal(), "…")
        log.debug("%s answered %d: %s", self.address.shown, status, words)

    def _unavailable(self, error: BaseException, *, begun: bool = False) -> EngineError:
        """Return what went wrong on the way, for people. An error of httpx never shows headers or bodies."""
        where, seconds = self.address.shown, self.address.timeout_s
        if isinstance(error, httpx.ConnectTimeout):
            return EngineUnavailable(f"{where} cannot be reached: no connection within {_CONNECT_S:.0f} seconds.")
        if isinstance(error, (httpx.TimeoutException, TimeoutError)):
            return EngineUnavailable(f"{where} said nothing for {seconds:g} seconds.")
        if isinstance(error, httpx.ConnectError):
            if "CERTIFICATE_VERIFY_FAILED" in str(error) or "certificate" in str(error).lower():
                return EngineRefused(
                    f'The certificate of {where} is not trusted: {error}. Name its authority in "ca" of the option '
                    '"engines".'
                )
            return EngineUnavailable(f"{where} cannot be reached: {error}.")
        return ConnectionBroke(f"{where} broke off: {(str(error) or type(error).__name__).rstrip('.')}.", begun=begun)

    def _check_size(self, size: int) -> None:
        if size > _MOST_ANSWER:
            raise EngineRefused(f"{self.address.shown} sends more than an answer can be ({_MOST_ANSWER:,} bytes).")

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks(self._loop) if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for client in (*self._worn, self._client):
            if client is not None:
                await client.aclose()
        await self._loop.shutdown_asyncgens()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        if self._closed:
            coroutine.close()
            raise EngineUnavailable(f"The connection to {self.address.shown} is closed.")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


def _unless_cancelled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report what went wrong in a callback, but for a race of anyio's: bytes that come in the very turn of a cancel.

    Its Unix sockets set the result of the future that waits for them, which is cancelled by then.
    """
    if isinstance(context.get("exception"), asyncio.InvalidStateError):
        log.debug("Bytes came as their stream was cancelled.", exc_info=context["exception"])
    else:
        loop.default_exception_handler(context)


def _trusted(address: EngineAddress) -> ssl.SSLContext:
    """Return whom to trust: the system's authorities, or those of a file."""
    if address.ca is None:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=str(Path(address.ca).expanduser()))
    except (OSError, ssl.SSLError) as error:
        raise EngineRefused(f"The certificate authorities in {address.ca} cannot be read: {error}.") from error
