"""Every dialect's parser on recorded streams: what they mean, wherever the bytes are cut."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.http.events import End, Event, Fault, NotUnderstood, Parser, Piece, Progress, Usage
from starcoder_lsp.engine.http.llama_server import LlamaServerParser
from starcoder_lsp.engine.http.ollama import OllamaParser
from starcoder_lsp.engine.http.openai import OpenAIParser
from starcoder_lsp.engine.http.tgi import TGIParser
from starcoder_lsp.engine.http.vllm import VLLMParser

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

RECORDINGS = Path(__file__).parents[2] / "recordings"
PARSERS: dict[str, Callable[[], Parser]] = {
    "llama-server.sse": LlamaServerParser,
    "llama-server-prefill.sse": LlamaServerParser,
    "llama-server-characters.sse": LlamaServerParser,
    "llama-server-openai.sse": OpenAIParser,
    "vllm.sse": VLLMParser,
    "vllm-nano.sse": VLLMParser,
    "vllm-error.sse": VLLMParser,
    "openai.sse": OpenAIParser,
    "lm-studio.sse": OpenAIParser,
    "nim.sse": OpenAIParser,
    "mlx-lm.sse": OpenAIParser,
    "ollama.ndjson": OllamaParser,
    "ollama-error.ndjson": OllamaParser,
    "tgi.sse": TGIParser,
    "tgi-error.sse": TGIParser,
}


def recorded(name: str) -> bytes:
    return (RECORDINGS / name).read_bytes()


def parsed(name: str, *portions: bytes) -> list[Event]:
    parser = PARSERS[name]()
    return [event for portion in portions for event in parser.feed(portion)]


def pieces(name: str) -> list[Piece]:
    return [event for event in parsed(name, recorded(name)) if isinstance(event, Piece)]


@pytest.mark.parametrize("name", PARSERS)
def test_the_same_events_wherever_the_bytes_are_cut(name: str) -> None:
    data = recorded(name)
    whole = parsed(name, data)
    assert whole
    assert parsed(name, *(data[at : at + 1] for at in range(len(data)))) == whole
    for at in range(0, len(data), max(1, len(data) // 500)):
        assert parsed(name, data[:at], data[at:]) == whole


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_other_line_ends_mean_the_same(name: str, line_end: bytes) -> None:
    data = recorded(name)
    changed = data.replace(b"\n", line_end)
    assert parsed(name, changed, b"\n") == parsed(name, data)
    assert parsed(name, *(changed[at : at + 1] for at in range(len(changed))), b"\n") == parsed(name, data)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "rubbish",
    [
        b"data: {\n\n",
        b"data: 5\n\n{\n",
        b"[]\ndata: []\n\n",
        b'\ndata: "x\xff"\n\n"x"\n',
        b"data: " + b"[" * 5000 + b"\n\n{[\n",
    ],
)
def test_what_is_no_answer_is_said_to_be_none(name: str, rubbish: bytes) -> None:
    with pytest.raises(NotUnderstood):
        parsed(name, rubbish)


@pytest.mark.parametrize("name", PARSERS)
def test_a_line_without_an_end_is_given_up(name: str) -> None:
    with pytest.raises(NotUnderstood, match="a line of more than"):
        parsed(name, *[b"data: " + b"x" * 1_000_000] * 8)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("odd", [b"null", b"[]", b'"text"', b"7", b"{}", b"-1.5", b"[null]", b"[{}]", b"true"])
def test_values_of_another_kind_do_no_harm(name: str, odd: bytes) -> None:
    """Each value of each field is replaced by something else: the events are others, or it is not understood."""
    data = recorded(name)[:2500]
    for at in (at for at in range(len(data)) if data[at : at + 2] == b'":'):
        end = min(found if (found := data.find(mark, at)) >= 0 else len(data) for mark in (b",", b"}", b"\n"))
        with suppress(NotUnderstood):
            parsed(name, data[: at + 2] + odd + data[end:])


def test_what_llama_server_says() -> None:
    events = parsed("llama-server.sse", recorded("llama-server.sse"))
    written = [event for event in events if isinstance(event, Piece)]
    assert len(written) == 6
    assert all(piece.id is not None and piece.logprob is not None and piece.skipped == 0 for piece in written)
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[0].processed, progress[-1].processed) == (0, 51)
    assert events[-1] == End("length")


def test_llama_server_counts_the_tokens_of_a_character_that_it_held_back() -> None:
    written = pieces("llama-server-characters.sse")
    assert b"".join(piece.data or b"" for piece in written).decode().startswith("é→🎉 日本 = 1\n")
    assert [piece.skipped for piece in written[:6]] == [0, 2, 3, 0, 2, 2]
    assert sum(1 + piece.skipped for piece in written) == 24


def test_a_prefill_of_llama_server() -> None:
    events = parsed("llama-server-prefill.sse", recorded("llama-server-prefill.sse"))
    assert Progress(cached=51, evaluated=17, processed=68) in events


def test_what_vllm_says() -> None:
    assert parsed("vllm.sse", recorded("vllm.sse")) == [
        Piece(337, None, -0.25, 0, ((337, -0.25),)),
        Piece(245, None, -0.5, 0, ((245, -0.5),)),
        Piece(71, None, -1.5, 0, ((71, -1.5),)),
        Piece(0, None, -0.125, 0, ((0, -0.125),)),
        End("stop"),
        Usage(prompt=300, cached=256, generated=4),
    ]


@pytest.mark.parametrize("name", ["openai.sse", "nim.sse"])
def test_what_an_openai_compatible_server_says(name: str) -> None:
    written = pieces(name)
    assert b"".join(piece.data or b"" for piece in written).strip() == b"sum(values)"
    assert [piece.logprob for piece in written] == [-0.5, -1.5]


def test_llama_server_gives_log_probabilities_with_texts_too() -> None:
    written = pieces("llama-server-openai.sse")
    assert len(written) == 5
    assert all(piece.logprob is not None and piece.logprob < 0 for piece in written)


@pytest.mark.parametrize(("name", "scores"), [("lm-studio.sse", [None, None]), ("mlx-lm.sse", [-0.5, None])])
def test_servers_that_say_little(name: str, scores: list[float | None]) -> None:
    written = pieces(name)
    assert [piece.data for piece in written] == [b" sum", b"(values)"]
    assert [piece.logprob for piece in written] == scores


def test_what_ollama_says() -> None:
    assert parsed("ollama.ndjson", recorded("ollama.ndjson")) == [
        Piece(None, b" sum", None),
        Piece(None, "(values)  # größer".encode(), -1.0),
        Usage(prompt=21, generated=4),
        End("stop"),
    ]


def test_what_tgi_says() -> None:
    assert parsed("tgi.sse", recorded("tgi.sse")) == [
        Piece(None, b" sum", -0.5),
        Piece(None, b"(values)", -0.25),
        Usage(prompt=21, generated=3),
        End("stop"),
    ]


@pytest.mark.parametrize(
    ("name", "words"), [("vllm-error.sse", "EngineCore"), ("ollama-error.ndjson", "EOF"), ("tgi-error.sse", "memory")]
)
def test_a_failure_in_the_middle(name: str, words: str) -> None:
    *_, last = parsed(name, recorded(name))
    assert isinstance(last, Fault)
    assert words in last.message


@pytest.mark.parametrize("name", ["vllm.sse", "openai.sse"])
@pytest.mark.parametrize("reason", [b"abort", b"error"])
def test_an_answer_that_the_server_gives_up_is_no_whole_one(name: str, reason: bytes) -> None:
    whole, given_up = b'"finish_reason": "stop"', b'"finish_reason": "%s"' % reason
    assert whole in recorded(name)
    faults = [one for one in parsed(name, recorded(name).replace(whole, given_up)) if isinstance(one, Fault)]
    assert [one.message for one in faults] == [f"the answer was given up ({reason.decode()})"]
