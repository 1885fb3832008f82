"""Messages to bytes and back, however the bytes are cut; and what is no message."""

from __future__ import annotations

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starcoder_lsp.engine.shared.messages import (
    Ask,
    BadMessage,
    Cancel,
    Challenge,
    Decoder,
    Done,
    Failed,
    Greeting,
    Holds,
    Log,
    Message,
    Other,
    Refused,
    Sign,
    Urge,
    Welcome,
    Wrote,
    encode,
)

EVERY: list[Message] = [
    Challenge(bytes(range(256))),
    Greeting(b"\xff\x00", b"n"),
    Welcome(b"p", 7, "llama.cpp", 4096, 4, "détail", 12.5, 3.0),
    Refused("It does not fit."),
    Ask(1, 0, 2, 96, "re\n\u2028", others=True, ids=[0, 1, -1, 2**31 - 1, -(2**31)]),
    Ask(2, 2, 0),
    Cancel(1),
    Urge(1, 0),
    Holds(0, mine=True, keep=5, ids=[5, 6]),
    Sign(1),
    Wrote(1, 0, 99, b"\xe2\x96", -0.25, (Other(5, b"x", -1.5),)),
    Done(1, 5, 6, 7.5, completed=True, generated=8, decode_ms=9.25, finish="length"),
    Failed(1, "BadTokens", "no"),
    Log(30, "a line"),
]


def decoded(data: bytes, *, cut: int = 1 << 20) -> list[Message]:
    decoder = Decoder()
    found: list[Message] = []
    for start in range(0, len(data), cut):
        decoder.feed(data[start : start + cut])
        found += decoder.messages()
    return found


@pytest.mark.parametrize("message", EVERY, ids=lambda message: type(message).__name__)
def test_each_comes_back_as_it_was(message: Message) -> None:
    assert decoded(encode(message)) == [message]


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 64])
def test_the_cuts_do_not_matter(cut: int) -> None:
    assert decoded(b"".join(map(encode, EVERY)), cut=cut) == EVERY


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_ids_travel_as_they_are(ids: list[int]) -> None:
    [found] = decoded(encode(Ask(1, 0, 0, ids=ids)))
    assert isinstance(found, Ask)
    assert found.ids == ids


def test_an_id_that_is_too_large_is_not_sent() -> None:
    with pytest.raises(OverflowError):
        encode(Ask(1, 0, 0, ids=[2**31]))


def frame(head: object, packed: bytes = b"") -> bytes:
    data = json.dumps(head).encode()
    return struct.pack(">II", len(data), len(packed)) + data + packed


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frame(["Nothing", 1]),
        frame(["Cancel"]),
        frame(["Cancel", 1, 2]),
        frame(["Cancel", "one"]),
        frame(["Cancel", None]),
        frame({"Cancel": 1}),
        frame(None),
        frame([]),
        frame(["Done", 1, 0, 0, 0.0, True, 0, 0.0, "perhaps"]),
        frame(["Ask", 1, 0, 0, 0, "", False], b"\x00\x00\x00"),
        struct.pack(">II", 3, 0) + b"\xff{]",
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        decoded(data)


@given(st.binary())
def test_any_bytes_are_messages_or_refused_or_waited_for(data: bytes) -> None:
    with contextlib.suppress(BadMessage):
        decoded(data)


def test_no_prompt_is_in_what_a_message_prints() -> None:
    assert "12345" not in repr(Ask(1, 0, 0, ids=[12345])) + repr(Holds(0, mine=True, keep=0, ids=[12345]))
