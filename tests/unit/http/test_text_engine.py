"""Servers that take text: what they are sent, what of their answers passes, what is left out when they refuse it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.addresses import EngineAddress
from starcoder_lsp.completer import Ask, TokenCompleter
from starcoder_lsp.completion.families import FAMILIES
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.config import Settings
from starcoder_lsp.connecting import connect as connect_to
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.errors import EngineRefused, EngineUnavailable
from starcoder_lsp.tokens.as_text import TextTokenizer, family_named, harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.http_server import Connection, Server

BEFORE = "def total(values):\n    return "
AFTER = "\n\n\ndef rest():\n    pass\n"
MODELS = {"/v1/models": {"object": "list", "data": [{"id": "starcoder2-3b", "object": "model"}]}}


def ask(before: str = BEFORE, after: str = AFTER) -> Ask:
    return Ask(("", "file:///a.py"), Place(before + after, len(before), "src/a.py"), max_tokens=20)


def openai_stream(*texts: str, score: float | None = -0.5) -> list[bytes]:
    logprobs = None if score is None else {"token_logprobs": [score]}
    choices = [{"index": 0, "text": text, "logprobs": logprobs, "finish_reason": None} for text in texts]
    choices.append({"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"})
    return [b"data: " + json.dumps({"choices": [one]}).encode() + b"\n\n" for one in choices] + [b"data: [DONE]\n\n"]


class Fake:
    """Answers GET requests from a table, and POST requests with a stream. `loads`: with a status 503, all others."""

    def __init__(
        self, known: dict[str, Any], *stream: bytes, refuses: tuple[str, int] | None = None, loads: bytes = b""
    ) -> None:
        self.known, self.stream, self.refuses, self.loads = known, stream, refuses, loads

    async def __call__(self, connection: Connection) -> None:
        request = connection.request
        if request.method == "GET":
            found = self.known.get(request.path)
            if found is None and self.loads:
                await connection.answer(503, self.loads)
            else:
                await connection.answer(404 if found is None else 200, found or {})
        elif self.refuses is not None and self.refuses[0] in request.body:
            await connection.answer(self.refuses[1], {"error": {"message": f"{self.refuses[0]} is not supported"}})
        else:
            await connection.stream(self.stream)


@pytest.fixture
def connect(serve: Callable[..., Server]) -> Iterator[Callable[..., tuple[TokenCompleter, Server]]]:
    """Connect to a fake server, as settings would; closed after the test."""
    opened: list[TokenCompleter] = []

    def start(fake: Fake, **more: Any) -> tuple[TokenCompleter, Server]:
        server = serve(fake)
        opened.append(connect_to(EngineAddress(url=server.url, timeout_s=60.0, **more), Settings()))
        return opened[-1], server

    yield start
    for completer in opened:
        completer.close()


def asked(server: Server) -> list[dict[str, Any]]:
    return [request.body for request in server.requests if request.method == "POST"]


def test_a_model_whose_family_its_name_tells(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    completer, server = connect(Fake(MODELS, *openai_stream("sum(", "values)", "\n")))
    answer = completer.suggest(ask(), CancelToken())
    assert answer.text == "sum(values)"
    assert answer.joint == pytest.approx(math.exp(-1.0))
    (body,) = asked(server)
    assert body["prompt"] == (
        f"<file_sep><fim_prefix><fim_suffix>{AFTER.rstrip(chr(10))}\n<fim_middle>src/a.py\n{BEFORE}"
    )
    assert body["model"] == "starcoder2-3b"
    assert body["stop"][:2] == ["<file_sep>", "<|endoftext|>"]
    assert "suffix" not in body
    assert completer.about.engine == f"OpenAI-compatible at {server.url}"
    assert "text, asked as starcoder2" in completer.about.detail


def test_a_model_that_nobody_knows_gets_two_fields(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    known = {"/v1/models": {"data": [{"id": "house-model", "max_model_len": 2000}]}}
    completer, server = connect(Fake(known, *openai_stream("sum(values)", score=None)))
    answer = completer.suggest(ask(), CancelToken())
    assert answer.text == "sum(values)"
    assert completer.about.context_window == 1800
    (body,) = asked(server)
    assert (body["prompt"], body["suffix"]) == (BEFORE, AFTER)
    assert "stop" not in body


def test_a_server_that_refuses_log_probabilities_is_asked_without(
    connect: Callable[..., tuple[TokenCompleter, Server]],
) -> None:
    completer, server = connect(Fake(MODELS, *openai_stream("sum(values)", score=None), refuses=("logprobs", 500)))
    for _ in range(2):
        assert completer.suggest(ask(), CancelToken()).text == "sum(values)"
    assert ["logprobs" in body for body in asked(server)] == [True, False, False]


@pytest.mark.parametrize(("status", "kind"), [(401, EngineRefused), (429, EngineUnavailable), (503, EngineUnavailable)])
def test_other_refusals_are_not_about_what_was_asked(
    status: int, kind: type[Exception], connect: Callable[..., tuple[TokenCompleter, Server]]
) -> None:
    completer, server = connect(Fake(MODELS, refuses=("logprobs", status)))
    with pytest.raises(kind):
        completer.suggest(ask(), CancelToken())
    assert len(asked(server)) == 1


def test_ollama(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    known = {"/api/tags": {"models": [{"name": "starcoder2:3b"}]}, "/api/version": {"version": "0.13.0"}}
    lines = [b'{"response":"sum(values)","done":false}\n', b'{"response":"","done":true,"done_reason":"stop"}\n']
    completer, server = connect(Fake(known, *lines))
    assert completer.suggest(ask(), CancelToken()).text == "sum(values)"
    (body,) = asked(server)
    assert body["raw"] is True
    assert body["prompt"].startswith("<file_sep><fim_prefix><fim_suffix>")
    assert body["options"]["num_predict"] == 20
    assert "Ollama 0.13.0" in completer.about.detail


def test_ollama_with_its_own_template(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    known = {"/api/tags": {"models": [{"name": "codestral:22b"}]}}
    completer, server = connect(Fake(known, b'{"response":"sum(values)","done":true}\n'))
    assert completer.suggest(ask(), CancelToken()).text == "sum(values)"
    (body,) = asked(server)
    assert (body["prompt"], body["suffix"], "raw" in body) == (BEFORE, AFTER, False)


def test_tgi(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    known = {"/info": {"model_id": "bigcode/starcoder2-3b", "max_total_tokens": 4000, "version": "3.3.5"}}
    stream = [
        b'data:{"token":{"text":"sum(values)","logprob":-0.1,"special":false}}\n\n',
        b'data:{"token":{"text":"<|endoftext|>","special":true},"generated_text":"x","details":{"generated_tokens":5}}\n\n',
    ]
    completer, server = connect(Fake(known, *stream))
    answer = completer.suggest(ask(), CancelToken())
    assert (answer.text, answer.generated) == ("sum(values)", 5)
    assert answer.joint == pytest.approx(math.exp(-0.1))
    assert server.requests[-1].path == "/generate_stream"
    assert asked(server)[0]["parameters"]["max_new_tokens"] == 20


def test_a_hugging_face_endpoint(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    stream = [b'data:{"token":{"text":"sum(values)","special":false},"generated_text":"sum(values)"}\n\n']
    completer, server = connect(Fake({}, *stream), dialect="huggingface", template="starcoder")
    assert completer.suggest(ask(), CancelToken()).text == "sum(values)"
    assert server.requests[-1].path == "/"
    assert asked(server)[0]["stream"] is True


@pytest.mark.parametrize("dialect", [None, "llama-server"])
def test_a_llama_server_that_loads_is_no_ollama(
    dialect: str | None, connect: Callable[..., tuple[TokenCompleter, Server]]
) -> None:
    """It names its model already, at several paths."""
    known = {**MODELS, "/api/tags": {"models": [{"name": "starcoder2-3b"}]}}
    with pytest.raises(EngineUnavailable, match=r'HTTP 503.*"Loading model"'):
        connect(
            Fake(known, loads=b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'),
            dialect=dialect,
        )


def test_a_balancer_that_knows_only_some_paths_stands_in_nobodys_way(
    connect: Callable[..., tuple[TokenCompleter, Server]],
) -> None:
    completer, _ = connect(Fake(MODELS, *openai_stream("sum(values)"), loads=b"<html>No server is available</html>"))
    assert completer.suggest(ask(), CancelToken()).text == "sum(values)"


@pytest.mark.parametrize(
    ("known", "more", "says"),
    [
        ({}, {}, r"does not say what it is.*dialect"),
        ({"/v1/models": {"data": [{"id": "a"}, {"id": "b"}]}}, {}, r"2 models: a, b\. Name one"),
        ({"/api/tags": {"models": []}}, {}, r"no models\. Name one"),
        (MODELS, {"template": "nonsense"}, "no template 'nonsense'"),
        ({"/info": {"model_id": "x", "max_total_tokens": 9}}, {}, 'Name its family in "template"'),
    ],
)
def test_what_a_user_must_say(
    known: dict[str, Any], more: dict[str, Any], says: str, connect: Callable[..., tuple[TokenCompleter, Server]]
) -> None:
    with pytest.raises(EngineRefused, match=says):
        connect(Fake(known), **more)


def test_a_control_token_that_comes_as_text_ends_the_suggestion(
    connect: Callable[..., tuple[TokenCompleter, Server]],
) -> None:
    completer, _ = connect(Fake(MODELS, *openai_stream("sum(values)", "<file", "_sep>src/b.py", "\nimport os")))
    answer = completer.suggest(ask(), CancelToken())
    assert answer.text == "sum(values)"


def test_half_a_character_ends_the_suggestion(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    completer, _ = connect(Fake(MODELS, *openai_stream("'", "gr\ufffd", "\ufffd\u00df'")))
    assert "\ufffd" not in completer.suggest(ask(), CancelToken()).raw


def test_what_only_looks_like_a_control_token_passes(connect: Callable[..., tuple[TokenCompleter, Server]]) -> None:
    completer, _ = connect(Fake(MODELS, *openai_stream("a <f", "oo <", "file_")))
    assert completer.suggest(ask(), CancelToken()).raw == "a <foo <file_"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_text_of_a_user_is_a_control_token(family: Any) -> None:
    tokenizer = TextTokenizer(family)
    hostile = "".join(f"x = '{spelling}'\n" for spelling in (*tokenizer.spellings, "<|im_start|>", "<file_sep>"))
    tokens = tokenizer.fim_tokens
    ends = [] if tokens.middle is None else [tokens.middle]
    ids = [tokens.prefix, *tokenizer.encode(hostile), *ends]
    written = tokenizer.written_out(ids)
    for spelling in tokenizer.spellings:
        spelled = spelling.replace("▁", " ").strip()
        assert written.count(spelled) == (spelling in (family.prefix, family.middle)), spelling
    assert "<|im_start|>" not in written


def test_ids_of_text_are_the_text() -> None:
    tokenizer = TextTokenizer(FAMILIES[0])
    text = "def größe():\n\t🎉 = '日本'\x00\n"
    assert tokenizer.decode_bytes(tokenizer.encode(text)).decode() == text
    assert not any(tokenizer.is_control(token) for token in tokenizer.encode(text + "\U0010ffff" * 3))
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("bigcode/starcoder2-7b", "starcoder2"),
        ("starcoder2:3b-q4_0", "starcoder2"),
        ("bigcode/starcoderbase-1b", "starcoder"),
        ("Qwen/Qwen2.5-Coder-7B", "qwen-coder"),
        ("codellama:7b-code", "codellama"),
        ("deepseek-ai/deepseek-coder-6.7b-base", "deepseek-coder"),
        ("ibm-granite/granite-3b-code-base", "granite"),
        ("google/codegemma-2b", "codegemma"),
        ("suffix", "suffix"),
        ("gpt-3.5-turbo-instruct", None),
    ],
)
def test_families_by_name(name: str, family: str | None) -> None:
    found = family_named(name)
    assert (found.name if found else None) == family
