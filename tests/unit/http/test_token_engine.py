"""The engine over servers that take ids: what it does when they break off, dribble, lie, hang, and start again."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.addresses import EngineAddress
from starcoder_lsp.engine.base import CancelToken, EngineInfo, Token
from starcoder_lsp.engine.http.beginning import Beginnings
from starcoder_lsp.engine.http.llama_server import LlamaServer
from starcoder_lsp.engine.http.token_engine import TokenEngine
from starcoder_lsp.engine.http.transport import Transport
from starcoder_lsp.engine.http.vllm import VLLM
from starcoder_lsp.errors import EngineClosed, EngineRefused, EngineUnavailable
from tests.support.generation import generate, ids_of, prefill
from tests.support.http_server import HEAD, PATIENCE, Connection, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starcoder_lsp.engine.http.token_engine import TokenDialect

PIECES = [b"<end>", b"a", b"b", b"ab", b"abc", b"c", b" ", b"\xc3", b"\xa9", b"re", b"return"]
END = frozenset({0})


@pytest.fixture
def connect(serve: Callable[..., Server]) -> Iterator[Callable[..., tuple[TokenEngine, Server]]]:
    """Connect an engine to a server that behaves as told; both are closed after the test."""
    engines: list[TokenEngine] = []

    def start(
        behave: Any, dialect: TokenDialect | None = None, timeout_s: float = PATIENCE
    ) -> tuple[TokenEngine, Server]:
        server = serve(behave)
        transport = Transport(EngineAddress(url=server.url, timeout_s=timeout_s))
        info = EngineInfo("test", context_window=64, slots=2)
        engines.append(TokenEngine(transport, dialect or LlamaServer(), info, PIECES, END))
        return engines[-1], server

    yield start
    for engine in engines:
        engine.close()


def token(number: int, token_id: int, **more: object) -> bytes:
    """One event of llama-server's."""
    piece = PIECES[token_id].decode("latin-1") if token_id < len(PIECES) else "?"
    event = {
        "content": piece,
        "tokens": [token_id],
        "stop": False,
        "completion_probabilities": [{"id": token_id, "bytes": list(piece.encode("latin-1")), "logprob": -0.5}],
        "timings": {"cache_n": 0, "prompt_n": 3, "predicted_n": number},
        **more,
    }
    return b"data: " + json.dumps(event).encode() + b"\n\n"


END_EVENT = b'data: {"content":"","tokens":[],"stop":true,"stop_type":"limit"}\n\n'


async def three(connection: Connection) -> None:
    await connection.stream([token(1, 1), token(2, 2), token(3, 5), END_EVENT])


def test_what_is_sent(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    engine, server = connect(three)
    tokens, generation = generate(engine, [1, 2, 3], 3, slot=1, begin="a")
    assert ids_of(tokens) == [1, 2, 5]
    assert (generation.generated, generation.finish) == (3, "length")
    assert list(engine.cached(1)) == [1, 2, 3, 1, 2]
    body = server.requests[0].body
    assert (server.requests[0].path, body["prompt"], body["id_slot"]) == ("/completion", [1, 2, 3], 1)
    assert (body["n_predict"], body["cache_prompt"], body["temperature"]) == (3, True, 0.0)
    assert body["grammar"].startswith('root ::= "\\U00000061"')


def test_a_shared_server_chooses_the_slot(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    engine, server = connect(three, LlamaServer(own_slots=False))
    generate(engine, [1, 2, 3], 3, slot=1)
    assert server.requests[0].body["id_slot"] == -1


def test_bytes_that_dribble(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    data = token(1, 1) + token(2, 2) + END_EVENT

    async def dribble(connection: Connection) -> None:
        await connection.stream(data[at : at + 1] for at in range(len(data)))

    assert ids_of(generate(connect(dribble)[0], [1, 2, 3], 3)[0]) == [1, 2]


class Hurried:
    """Takes the place of `time`: 40 seconds pass from look to look."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 40.0
        return self._now


def test_bytes_that_dribble_and_never_make_an_event(
    connect: Callable[..., tuple[TokenEngine, Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dribble(connection: Connection) -> None:
        await connection.send(HEAD)
        while True:
            await connection.chunk(b":")
            await asyncio.sleep(0.02)

    engine, _ = connect(dribble)
    monkeypatch.setattr("starcoder_lsp.engine.http.reading.time", Hurried())
    with pytest.raises(EngineUnavailable, match="nothing whole"):
        generate(engine, [1, 2, 3])


@pytest.mark.parametrize(
    "stream",
    [
        [b"data: no json\n\n"],
        [token(1, 99)],
        [token(1, 1, tokens=[-1])],
        [token(1, 1, completion_probabilities=[{}, {}])],
        [token(1, 1), END_EVENT[:30]],
        [],
        [b"data: [DONE]\n\n"],
        [b"<html>an error page of some proxy</html>\n"],
    ],
)
def test_what_is_no_answer(stream: list[bytes], connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    async def lie(connection: Connection) -> None:
        await connection.stream(stream)

    engine, server = connect(lie)
    with pytest.raises(EngineUnavailable, match=r"no answer|broke off"):
        generate(engine, [1, 2, 3])
    begun = bool(stream) and stream[0] == token(1, 1)
    assert len(server.requests) == (1 if begun else 2), "only what showed nothing is asked once more"


def test_more_tokens_than_were_asked_for(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    async def talk(connection: Connection) -> None:
        await connection.stream([token(number, 1) for number in range(1, 9)])

    engine, _ = connect(talk)
    seen: list[Token] = []

    def see(one: Token) -> bool:
        seen.append(one)
        return False

    with pytest.raises(EngineUnavailable, match="more tokens"):
        generate(engine, [1, 2, 3], 4, on_token=see)
    assert len(seen) == 4


def test_half_a_character_is_handed_out_as_the_bytes_it_is(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    def said(*ids: int) -> bytes:
        logprobs = {"tokens": [f"token_id:{one}" for one in ids], "token_logprobs": [-0.5] * len(ids)}
        return b"data: " + json.dumps({"choices": [{"text": "\ufffd", "logprobs": logprobs}]}).encode() + b"\n\n"

    async def halves(connection: Connection) -> None:
        await connection.stream([said(7), said(8, 1), b'data: {"choices":[{"finish_reason":"length"}]}\n\n'])

    engine, _ = connect(halves, VLLM("m", END))
    assert b"".join(one.piece for one in generate(engine, [1, 2, 3], 3)[0]) == "éa".encode()


def test_a_failure_that_is_told_in_the_middle(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    async def fail(connection: Connection) -> None:
        await connection.stream([token(1, 1), b'data: {"error":{"code":500,"message":"out of memory"}}\n\n'])

    with pytest.raises(EngineUnavailable, match="out of memory"):
        generate(connect(fail)[0], [1, 2, 3])


def test_a_restart_while_the_prompt_is_evaluated_is_not_noticed(
    connect: Callable[..., tuple[TokenEngine, Server]],
) -> None:
    progress = b'data: {"prompt_progress":{"cache":0,"processed":2},"timings":{"prompt_n":2}}\n\n'

    async def restart(connection: Connection) -> None:
        if len(server.requests) == 1:
            await connection.send(HEAD)
            await connection.chunk(progress)
            await asyncio.sleep(0.05)
            connection.reset()
        else:
            await three(connection)

    engine, server = connect(restart)
    assert ids_of(generate(engine, [1, 2, 3], 3)[0]) == [1, 2, 5]
    assert len(server.requests) == 2


def test_a_restart_behind_the_first_token_ends_it(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    async def restart(connection: Connection) -> None:
        if len(server.requests) == 1:
            await connection.send(HEAD)
            await connection.chunk(token(1, 1))
            await asyncio.sleep(0.05)
            connection.reset()
        else:
            await three(connection)

    engine, server = connect(restart)
    with pytest.raises(EngineUnavailable, match="broke off"):
        generate(engine, [1, 2, 3], 3)
    assert len(server.requests) == 1
    assert ids_of(generate(engine, [1, 2, 3], 3)[0]) == [1, 2, 5], "it did not go on afterwards"


def test_a_cancel_reaches_a_server_that_hangs(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    reached, left = threading.Event(), threading.Event()

    async def hang(connection: Connection) -> None:
        reached.set()
        await connection.gone()
        left.set()

    engine, _ = connect(hang)
    cancel = CancelToken()

    def cancel_when_reached() -> None:
        reached.wait(PATIENCE)
        cancel.cancel()

    canceller = threading.Thread(target=cancel_when_reached)
    canceller.start()
    tokens, generation = generate(engine, [1, 2, 3], cancel=cancel)
    canceller.join(PATIENCE)
    assert (tokens, generation.finish) == ([], "cancelled")
    assert left.wait(PATIENCE)


def test_an_answer_that_is_over_keeps_its_connection(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    engine, server = connect(three)
    for _ in range(20):
        generate(engine, [1, 2, 3], 3)
    # A call that comes before the last bytes of the answer in front of it opens one more, which is kept too.
    assert server.connections <= 4


def test_a_closed_engine(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    engine, _ = connect(three)
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed):
        generate(engine, [1])


def test_a_refusal(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    async def refuse(connection: Connection) -> None:
        await connection.answer(401, {"error": {"message": "Invalid API Key"}})

    with pytest.raises(EngineRefused, match=r"wants a key.*Invalid API Key"):
        generate(connect(refuse)[0], [1])


# ---- vLLM: blocks, and generations that must begin with a text ------------------------------------------------------


def model(follows: dict[bytes, list[int]], likeliest: int = 0) -> Callable[[Connection], Any]:
    """A server with vLLM's answers: behind a text, the tokens that follow, the likeliest first."""

    async def behave(connection: Connection) -> None:
        body = connection.request.body
        text = b"".join(PIECES[one] for one in body["prompt"])
        portions: list[bytes] = []
        reason = "length"
        for _ in range(body["max_tokens"]):
            allowed = body.get("allowed_token_ids") or range(len(PIECES))
            chosen = next(one for one in follows.get(text, [0]) if one in allowed)
            ranked = enumerate(follows.get(text, [])[:likeliest])
            top = {f"token_id:{one}": -0.25 - 2 * rank for rank, one in ranked}
            logprobs = {"tokens": [f"token_id:{chosen}"], "token_logprobs": [-0.25], "top_logprobs": [top]}
            portions.append(b"data: " + json.dumps({"choices": [{"logprobs": logprobs}]}).encode() + b"\n\n")
            text += PIECES[chosen]
            if chosen in body["stop_token_ids"]:
                reason = "stop"
                break
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(portions)}
        portions.append(b"data: " + json.dumps({"choices": [{"finish_reason": reason}]}).encode() + b"\n\n")
        portions.append(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\ndata: [DONE]\n\n")
        await connection.stream(portions)

    return behave


@pytest.mark.parametrize(
    ("begin", "written", "requests"),
    [
        ("", [2, 5], 1),
        ("b", [2, 5], 1),  # what it would have written anyway costs nothing
        ("re", [9, 1], 3),  # strays at once, one token is asked for, then it goes on
        ("rec", [9, 5, 1], 3),
        ("c", [5, 1, 2], 3),
    ],
)
def test_a_generation_begins_as_it_must(
    begin: str, written: list[int], requests: int, connect: Callable[..., tuple[TokenEngine, Server]]
) -> None:
    everything = [2, 9, 10, 5, 1, 0]
    follows = {
        b"a": everything,
        b"ab": [5, 0],
        b"are": [1, 5, 0] if begin != "rec" else [5, 0],
        b"arec": [1, 0],
        b"ac": [1, 0],
        b"aca": [2, 0],
    }
    engine, server = connect(model(follows), VLLM("m", END))
    tokens, generation = generate(engine, [1], 8, begin=begin)
    assert ids_of(tokens) == written
    assert len(server.requests) == requests
    assert generation.finish == "stop"
    assert generation.generated == len(written) + 1  # the end token too
    assert all(one.logprob <= 0 for one in tokens)
    assert [one.logprob for one in tokens[len(begin) :]] == [-0.25] * len(tokens[len(begin) :])


def test_while_a_word_is_typed_its_prompt_is_evaluated_once_a_key(
    connect: Callable[..., tuple[TokenEngine, Server]],
) -> None:
    engine, server = connect(model({b"a": [2, 10, 5, 0], b"areturn": [1, 0]}, likeliest=20), VLLM("m", END))
    for begin in ("r", "re", "ret"):
        tokens, generation = generate(engine, [1], 8, begin=begin)
        assert ids_of(tokens) == [10, 1]
        assert generation.generated == 3  # the end token too
    prompts = [one.body["prompt"] for one in server.requests]
    assert prompts == [[1], [1, 10], [1, 10], [1, 10]], "what is likely behind the word was asked for again"


def test_a_model_that_would_rather_end_is_made_to_begin(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    engine, _ = connect(model({b"a": [0, 5], b"ac": [0]}), VLLM("m", END))
    tokens, generation = generate(engine, [1], 8, begin="c")
    assert ids_of(tokens) == [5]
    assert generation.finish == "stop"


def test_a_beginning_stops_at_the_limit(connect: Callable[..., tuple[TokenEngine, Server]]) -> None:
    engine, _ = connect(model({b"a": [2, 9], b"are": [2, 5]}), VLLM("m", END))
    tokens, generation = generate(engine, [1], 1, begin="rec")
    assert ids_of(tokens) == [9]
    assert (generation.generated, generation.finish) == (1, "length")


def test_a_prompt_is_sent_ahead_only_where_it_fills_a_block(
    connect: Callable[..., tuple[TokenEngine, Server]],
) -> None:
    engine, server = connect(model({}), VLLM("m", END, block=4))
    assert prefill(engine, [1] * 3).completed
    assert len(server.requests) == 0
    assert prefill(engine, [1] * 5).evaluated == 5
    assert prefill(engine, [1] * 7).evaluated == 0
    assert len(server.requests) == 1
    evaluation = prefill(engine, [1] * 9)
    assert (evaluation.cached, evaluation.evaluated, len(server.requests)) == (4, 5, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"a", {1, 3, 4}), (b"ab", {1, 3, 4}), (b"abx", {1, 3}), (b"ret", {9, 10}), (b"x", set()), (b"\xc3\xa9", {7})],
)
def test_the_tokens_that_keep_to_a_text(text: bytes, expected: set[int]) -> None:
    assert set(Beginnings(PIECES, END).fitting(text)) == expected
