"""From bytes to bodies: what stands in headers, in pieces of any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starcoder_lsp.server.framing import MOST_BYTES, Framing, FramingLost, NoLength


def bodies(*pieces: bytes) -> list[bytes]:
    """Feed pieces one after the other; what cannot be used is skipped."""
    framing = Framing()
    found: list[bytes] = []
    for piece in pieces:
        framing.feed(piece)
        while True:
            try:
                found += framing.bodies()
            except NoLength:
                continue
            break
    return found


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 2\r\n\r\n",
        b"content-length: 2\r\n\r\n",
        b"CONTENT-LENGTH:2\r\n\r\n",
        b"Content-Length:   2  \t\r\n\r\n",
        b"Content-Length: 2\n\n",
        b"Content-Length: 2\r\n\n",
        b"Content-Length: 002\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nX-Other: :\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"\r\n\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_headers_that_http_allows(header: bytes) -> None:
    assert bodies(header + b"{}" + header + b"[]") == [b"{}", b"[]"]


@pytest.mark.parametrize("length", [b"many", b"-5", b"1.5", b"+2", b"1_0", b"\xff", b"", b"\xd9\xa3"])
def test_a_header_without_a_length_is_told_and_reading_goes_on(length: bytes) -> None:
    framing = Framing()
    framing.feed(b"Content-Length: " + length + b"\r\n\r\nContent-Length: 2\r\n\r\n{}")
    with pytest.raises(NoLength, match="Content-Length"):
        list(framing.bodies())
    assert list(framing.bodies()) == [b"{}"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"Content-Length: 1000000000000\r\n", "1000000000000 bytes"),
        (b"Content-Length: 10000000000000000000\r\n", "10000000000000000000 bytes"),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", "5,000 digits"),
        (b"Content-Length: %d\r\n" % (MOST_BYTES + 1), "are the most"),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n", "two different lengths"),
        (b'{"jsonrpc": "2.0"}Content-Length: 2\r\n', "something else"),
        (b"GET / HTTP/1.1\r\n", "something else"),
        (b"x" * 10_000, "8,192 bytes"),
    ],
)
def test_where_no_message_can_be_found_any_more(data: bytes, why: str) -> None:
    framing = Framing()
    framing.feed(b"Content-Length: 2\r\n\r\n{}" + data)
    found = framing.bodies()
    assert next(found) == b"{}"
    with pytest.raises(FramingLost, match=why):
        next(found)


def test_what_is_announced_takes_no_memory_before_it_is_there() -> None:
    framing = Framing()
    framing.feed(b"Content-Length: %d\r\n\r\n{" % MOST_BYTES)
    assert list(framing.bodies()) == []


@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_pieces_of_any_size_give_the_same_bodies(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert bodies(*pieces) == messages
