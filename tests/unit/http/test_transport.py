"""Connections: retries, time-outs, cancelling, TLS, proxies, keys that show nowhere."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import httpcore
import pytest
import trustme

from starcoder_lsp.addresses import EngineAddress, KeySource, Secret
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.http.events import Call
from starcoder_lsp.engine.http.keys import find_key
from starcoder_lsp.errors import EngineRefused, EngineUnavailable
from tests.support.http_server import HEAD, PATIENCE, Connection, Server
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starcoder_lsp.engine.http.transport import Transport


KEY = "sk-not-for-anybodys-eyes-0123456789"
CODE = "def the_secret_sauce(of_the_user): return 42"


def whole(transport: Transport, body: object = None) -> bytes:
    stream = transport.stream(Call("/x", {"prompt": body or "x"}), CancelToken())
    try:
        return b"".join(stream)
    finally:
        stream.close()


async def hello(connection: Connection) -> None:
    await connection.stream([b"hel", b"lo"])


def test_an_answer_comes_as_it_is_sent(serve: Callable[..., Server], open_transport: Callable[..., Transport]) -> None:
    server = serve(hello)
    transport = open_transport(server.url, Secret(KEY))
    assert whole(transport) == b"hello"
    assert whole(transport) == b"hello"
    assert server.connections == 1, "the connection was not kept"
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"] * 2
    assert server.requests[0].body == {"prompt": "x"}


def test_a_balancer_can_tell_connections_of_one_editor_from_anothers(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    server = serve(hello)
    one, other = open_transport(server.url), open_transport(server.url)
    for transport in (one, one, other):
        whole(transport)
    first, again, third = [request.headers["x-session-id"] for request in server.requests]
    assert first == again != third


def test_a_connection_that_was_closed_meanwhile_is_opened_again(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def close_behind(connection: Connection) -> None:
        await connection.stream([b"hello"])
        connection.writer.close()

    server = serve(close_behind)
    transport = open_transport(server.url)
    assert [whole(transport) for _ in range(3)] == [b"hello"] * 3


@pytest.mark.slow
@pytest.mark.parametrize("how", ["left in the middle", "cancelled"])
def test_streams_that_end_early_leave_no_connection_behind(
    how: str, serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    dice = random.Random(0)  # noqa: S311 - moments, not secrets

    async def dribble(connection: Connection) -> None:
        with suppress(ConnectionError):
            await connection.send(HEAD)
            for _ in range(6):
                await asyncio.sleep(dice.random() * 0.002)
                await connection.chunk(b"x")
            await connection.send(b"0\r\n\r\n")

    transport = open_transport(serve(dribble).url)
    for _ in range(400):
        cancel = CancelToken()
        stream = transport.stream(Call("/x", {}), cancel)
        timer = threading.Timer(dice.random() * 0.012, cancel.cancel)
        if how == "cancelled":
            timer.start()
        for portions, _data in enumerate(stream):
            if how != "cancelled" and portions == dice.randrange(6):
                break
        stream.close(rest=dice.random() < 0.5)
        timer.cancel()
    assert whole(transport) == b"x" * 6
    pool = transport._client._transport._pool  # type: ignore[union-attr]
    until(lambda: all(one.is_idle() for one in pool.connections))  # one that was left behind never is
    assert len(pool.connections) <= 4, "as many as are kept"


@pytest.mark.slow
def test_connections_that_are_never_free_again_are_left_behind(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    url = serve(hello).url
    transport = open_transport(url)
    client = transport._open_client()
    pool = client._transport._pool  # type: ignore[attr-defined]
    pool._connections += [pool.create_connection(httpcore.URL(url).origin) for _ in range(8)]
    assert whole(transport) == b"hello"
    assert transport._client is not client


def test_a_connection_that_breaks_before_anything_came_is_tried_once_more(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def reset_first(connection: Connection) -> None:
        if len(server.requests) == 1:
            connection.reset()
        else:
            await hello(connection)

    server = serve(reset_first)
    assert whole(open_transport(server.url)) == b"hello"
    assert len(server.requests) == 2


def test_a_connection_that_always_breaks_is_given_up(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def reset(connection: Connection) -> None:
        connection.reset()

    server = serve(reset)
    with pytest.raises(EngineUnavailable, match="broke off"):
        whole(open_transport(server.url))
    assert len(server.requests) == 2


def test_what_was_begun_is_not_asked_again(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def reset_later(connection: Connection) -> None:
        await connection.send(HEAD)
        await connection.chunk(b"hel")
        await asyncio.sleep(0.05)
        connection.reset()

    server = serve(reset_later)
    with pytest.raises(EngineUnavailable, match="broke off"):
        whole(open_transport(server.url))
    assert len(server.requests) == 1


def test_an_answer_shorter_than_it_says_is_broken_off(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def lie(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
        connection.writer.close()

    with pytest.raises(EngineUnavailable, match="broke off"):
        whole(open_transport(serve(lie).url))


def test_a_chunk_with_a_wrong_length_is_no_answer(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def lie(connection: Connection) -> None:
        await connection.send(HEAD + b"3\r\nlonger than three\r\n0\r\n\r\n")

    with pytest.raises(EngineUnavailable, match="broke off"):
        whole(open_transport(serve(lie).url))


def test_silence_is_given_up(serve: Callable[..., Server], open_transport: Callable[..., Transport]) -> None:
    async def hang(connection: Connection) -> None:
        await connection.gone()

    server = serve(hang)
    with pytest.raises(EngineUnavailable, match="said nothing for 1 seconds"):
        whole(open_transport(server.url, timeout=1.0))
    until(lambda: server.requests)
    assert len(server.requests) == 1


def test_nobody_there(open_transport: Callable[..., Transport], serve: Callable[..., Server]) -> None:
    server = serve(hello)
    server.stop()
    with pytest.raises(EngineUnavailable, match="cannot be reached"):
        whole(open_transport(server.url))


@pytest.mark.parametrize("moment", ["before the headers", "in the middle"])
def test_a_cancel_closes_the_connection(
    moment: str, serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    reached, left = threading.Event(), threading.Event()

    async def wait(connection: Connection) -> None:
        if moment == "in the middle":
            await connection.send(HEAD)
            await connection.chunk(b"hel")
        reached.set()
        await connection.gone()
        left.set()

    transport, cancel = open_transport(serve(wait).url), CancelToken()

    def cancel_when_reached() -> None:
        reached.wait(PATIENCE)
        cancel.cancel()

    canceller = threading.Thread(target=cancel_when_reached)
    canceller.start()
    stream = transport.stream(Call("/x", {}), cancel)
    assert b"".join(stream) in (b"", b"hel")
    stream.close()
    canceller.join(PATIENCE)
    assert left.wait(PATIENCE), "the server was not told"


def test_leaving_a_stream_closes_the_connection(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    left = threading.Event()

    async def endless(connection: Connection) -> None:
        await connection.send(HEAD)
        try:
            while True:
                await connection.chunk(b"more")
                await asyncio.sleep(0.01)
        except ConnectionError:
            left.set()

    stream = open_transport(serve(endless).url).stream(Call("/x", {}), CancelToken())
    assert next(iter(stream)).startswith(b"more")
    stream.close()
    assert left.wait(PATIENCE)


def test_a_cancelled_call_is_not_made(serve: Callable[..., Server], open_transport: Callable[..., Transport]) -> None:
    server, cancel = serve(hello), CancelToken()
    cancel.cancel()
    transport = open_transport(server.url)
    stream = transport.stream(Call("/x", {}), cancel)
    assert b"".join(stream) == b""
    stream.close()
    transport.fetch(Call("/y"))
    assert [request.path for request in server.requests] == ["/y"]


@pytest.mark.parametrize(("status", "wait"), [(429, 7.0), (503, 7.0)])
def test_a_busy_server_says_for_how_long(
    status: int, wait: float, serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def busy(connection: Connection) -> None:
        await connection.answer(status, {"error": {"message": "too many requests"}}, {"Retry-After": "7"})

    server = serve(busy)
    with pytest.raises(EngineUnavailable, match="is busy") as raised:
        whole(open_transport(server.url))
    assert (raised.value.status, raised.value.retry_s) == (status, wait)
    assert len(server.requests) == 1, "it was asked again at once"


def test_a_redirection_is_not_followed(serve: Callable[..., Server], open_transport: Callable[..., Transport]) -> None:
    elsewhere = serve(hello)

    async def moved(connection: Connection) -> None:
        await connection.answer(307, {}, {"Location": elsewhere.url})

    with pytest.raises(EngineRefused, match="points to another address"):
        whole(open_transport(serve(moved).url))
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", [400, 401, 404, 413, 429, 500])
def test_neither_key_nor_code_is_in_an_error_or_a_log(
    status: int,
    serve: Callable[..., Server],
    open_transport: Callable[..., Transport],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A server that repeats all that it was sent."""
    caplog.set_level(logging.DEBUG)

    async def repeat(connection: Connection) -> None:
        said = f"bad request {connection.request.headers['authorization']} {connection.request.body}"
        await connection.answer(status, {"error": {"message": said}})

    server = serve(repeat)
    transport = open_transport(server.url, Secret(KEY))
    with pytest.raises((EngineRefused, EngineUnavailable)) as raised:
        whole(transport, CODE)
    seen = f"{raised.value} {raised.value!r} {transport.address}"
    assert KEY not in seen
    assert CODE not in seen
    assert KEY not in caplog.text
    above_debug = " ".join(record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG)
    assert CODE not in above_debug


def test_the_servers_own_words_are_passed_on_where_they_repeat_nothing(
    serve: Callable[..., Server], open_transport: Callable[..., Transport]
) -> None:
    async def unknown(connection: Connection) -> None:
        await connection.answer(404, {"error": "model 'starcoder9' not found"})

    with pytest.raises(EngineRefused, match=r"HTTP 404.*model 'starcoder9' not found"):
        whole(open_transport(serve(unknown).url))


# ---- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_a_certificate_of_an_own_authority(
    serve: Callable[..., Server],
    open_transport: Callable[..., Transport],
    authority: trustme.CA,
    tls: ssl.SSLContext,
    tmp_path: Path,
) -> None:
    server = serve(hello, tls=tls)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    assert whole(open_transport(server.url, ca=str(path))) == b"hello"


def test_a_certificate_of_an_unknown_authority(
    serve: Callable[..., Server], open_transport: Callable[..., Transport], tls: ssl.SSLContext
) -> None:
    server = serve(hello, tls=tls)
    with pytest.raises(EngineRefused, match=r'is not trusted.*"ca"'):
        whole(open_transport(server.url))
    assert server.requests == []


def test_authorities_that_cannot_be_read(open_transport: Callable[..., Transport], tmp_path: Path) -> None:
    with pytest.raises(EngineRefused, match="cannot be read"):
        open_transport("https://localhost", ca=str(tmp_path / "none.pem"))


# ---- proxies ---------------------------------------------------------------------------------------------------------


def test_what_stays_on_this_machine_goes_through_no_proxy(
    serve: Callable[..., Server], open_transport: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(hello)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert whole(open_transport(serve(hello).url)) == b"hello"
    assert proxy.requests == []


def test_another_machine_is_reached_through_the_environments_proxy(
    serve: Callable[..., Server], open_transport: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(hello)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert whole(open_transport("http://gpu.example:8000")) == b"hello"
    assert proxy.requests[0].path == "http://gpu.example:8000/x"


def test_a_proxy_of_its_own(serve: Callable[..., Server], open_transport: Callable[..., Transport]) -> None:
    proxy = serve(hello)
    assert whole(open_transport("http://gpu.example:8000", proxy=proxy.url)) == b"hello"
    assert proxy.requests[0].path == "http://gpu.example:8000/x"


# ---- keys ------------------------------------------------------------------------------------------------------------


def address(kind: str, *words: str) -> EngineAddress:
    return EngineAddress(url="http://gpu.example", key=KeySource(kind, words))  # type: ignore[arg-type]


def test_where_a_key_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GPU_KEY", KEY)
    (tmp_path / "key").write_text(f"{KEY}\nand a remark\n")
    assert find_key(address("env", "GPU_KEY"), {}) == Secret(KEY)
    assert find_key(address("file", str(tmp_path / "key")), {}) == Secret(KEY)
    assert find_key(address("command", "printf", "%s\\n", KEY), {}) == Secret(KEY)
    assert find_key(address("secret", "gpu"), {"gpu": Secret(KEY)}) == Secret(KEY)
    assert find_key(EngineAddress(url="http://gpu.example"), {"gpu": Secret(KEY)}) is None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("env", ("NO_SUCH_VARIABLE",)),
        ("file", ("/no/such/file",)),
        ("file", ("relative",)),
        ("command", ("false",)),
        ("command", ("/no/such/program",)),
        ("command", ("printf", "a\tb")),
        ("command", ("printf", "nul\0")),
        ("secret", ("gpu",)),
    ],
)
def test_a_key_that_is_not_there(kind: str, words: tuple[str, ...]) -> None:
    with pytest.raises(EngineRefused):
        find_key(address(kind, *words), {})


def test_what_a_program_wrote_is_in_no_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY.encode() + b"\xff\n")
    for source in (address("file", str(tmp_path / "key")), address("command", "sh", "-c", f"echo {KEY}; exit 3")):
        with pytest.raises(EngineRefused) as raised:
            find_key(source, {})
        assert KEY not in str(raised.value)


def test_a_secret_shows_nothing() -> None:
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]} {Settings(secrets={'gpu': secret})}"


def test_a_closed_transport_says_so(serve: Callable[..., Server], open_transport: Callable[..., Transport]) -> None:
    transport = open_transport(serve(hello).url)
    transport.close()
    transport.close()
    started = time.monotonic()
    with pytest.raises(EngineUnavailable, match="closed"):
        whole(transport)
    assert time.monotonic() - started < PATIENCE
