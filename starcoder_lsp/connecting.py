"""From an address to a completer at work: key, dialect, vocabulary, first measurement. The counterpart of `loading`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starcoder_lsp.completer.speed import Speed, measure
from starcoder_lsp.completer.token_completer import TokenCompleter
from starcoder_lsp.engine.base import EngineInfo
from starcoder_lsp.engine.http.detect import Server, detect
from starcoder_lsp.engine.http.faults import not_yet
from starcoder_lsp.engine.http.keys import find_key
from starcoder_lsp.engine.http.llama_server import LlamaServer
from starcoder_lsp.engine.http.ollama import Ollama
from starcoder_lsp.engine.http.openai import OpenAI
from starcoder_lsp.engine.http.text_engine import TextEngine
from starcoder_lsp.engine.http.tgi import TGI
from starcoder_lsp.engine.http.token_engine import TokenEngine
from starcoder_lsp.engine.http.transport import Transport
from starcoder_lsp.engine.http.vllm import VLLM
from starcoder_lsp.errors import EngineRefused, ModelError
from starcoder_lsp.loading import WARM_UP, best_layout, read_model
from starcoder_lsp.models.catalogue import available, resolve
from starcoder_lsp.models.measured import read_curve
from starcoder_lsp.tokens.as_text import SUFFIX_FIELD, TextTokenizer, family_named
from starcoder_lsp.tokens.lines import LineEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starcoder_lsp.addresses import EngineAddress
    from starcoder_lsp.config import Settings
    from starcoder_lsp.engine.http.text_engine import TextDialect
    from starcoder_lsp.engine.http.token_engine import TokenDialect
    from starcoder_lsp.loading import Model

log = logging.getLogger(__name__)

_PROBE = 'def f(xs):\n    return {"key": xs[0] * 12.5}  # naïve ≠ 日本\n\t<b>x_1</b>;\r\n'
"""A text that vocabularies cut differently."""
_SHARED_SLOTS = 2
_VLLM_SLOTS = 3
"""Prompts that are remembered as sent: two of full windows, one of a few lines."""
_TEXT_SPEED = Speed(prefill=2000.0, decode=40.0)
_TEXT_SPEED_HERE = Speed(prefill=600.0, decode=20.0)
"""What decides the window of a text server, which does not say what it evaluates: 4,200 tokens, and 1,260 where it is
this very machine that evaluates them."""


def connect(address: EngineAddress, settings: Settings) -> TokenCompleter:
    """Return a completer over the server at an address.

    Where the server takes ids and its model's vocabulary is found here, ids are what it gets; else text.

    Raises:
        EngineUnavailable: it does not answer, or loads its model.
        EngineRefused: it cannot be used as it is named; the message says what to change.
        ModelError: the file named as its `vocabulary` cannot be used.
    """
    transport = Transport(address, find_key(address, settings.secrets))
    try:
        server = detect(transport)
        completer = _with_ids(transport, server, settings) or _with_text(transport, server)
    except BaseException:
        transport.close()
        raise
    about = completer.about
    log.info("Text goes to %s (%s), for %s. %s", address.shown, about.engine, about.name, about.detail)
    return completer


def _with_ids(transport: Transport, server: Server, settings: Settings) -> TokenCompleter | None:
    """Return a completer that sends ids; None where the server takes none or its vocabulary is not here."""
    address = transport.address
    if server.dialect not in ("llama-server", "vllm") or address.template is not None:
        return None
    for model in _vocabularies(address, settings):
        dialect: TokenDialect
        if server.dialect == "vllm":
            dialect, slots = VLLM(server.model, model.tokens.stops, server.block), _VLLM_SLOTS
        else:
            own = address.slots if address.slots is not None else server.slots * address.on_this_machine
            slots = min(own or _SHARED_SLOTS, server.slots)
            dialect = LlamaServer(own_slots=own > 0)
        if _same_vocabulary(transport, dialect, model):
            return _token_completer(transport, server, dialect, model, slots)
    if address.vocabulary is not None:
        raise EngineRefused(
            f"The vocabulary of {address.vocabulary} is not that of {server.model or 'the model'} at {address.shown}. "
            'Name a GGUF file of the same model in "vocabulary" of the option "engines".'
        )
    return None


def _vocabularies(address: EngineAddress, settings: Settings) -> Iterator[Model]:
    """Yield the models whose vocabulary may be the server's: the one that is named, else all that are here."""
    if address.vocabulary is not None:
        yield read_model(resolve(address.vocabulary), vocabulary_only=True)
        return
    seen = set()
    for name in (settings.model, *(str(model.path) for model in available())):
        try:
            path = resolve(name)
            if path not in seen:
                seen.add(path)
                yield read_model(path, vocabulary_only=True)
        except ModelError as error:  # noqa: PERF203 - one file that is no model must not hide the others
            log.debug("%s has no vocabulary to compare: %s", name, error)


def _same_vocabulary(transport: Transport, dialect: TokenDialect, model: Model) -> bool:
    """Whether the server cuts a text into the same ids, and knows the same token for what stands in front."""
    prefix = model.tokens.family.prefix
    if model.tokenizer.id_of(prefix) is None:
        prefix = model.tokenizer.piece(model.tokens.prefix).decode("utf-8", "replace")
    for text, special, ids in (
        (_PROBE, False, model.tokenizer.encode(_PROBE)),
        (prefix, True, [model.tokens.prefix]),
    ):
        reply = transport.fetch(dialect.encode(text, special=special))
        if error := not_yet(transport.address.shown, reply.status, reply.body):
            raise error
        if dialect.encoded(reply.object()) != ids:
            return False
    return True


def _token_completer(
    transport: Transport, server: Server, dialect: TokenDialect, model: Model, slots: int
) -> TokenCompleter:
    info = EngineInfo(
        engine=f"{dialect.name} at {transport.address.shown}",
        context_window=server.context,
        slots=slots,
        detail=f"{dialect.name} {server.version}".rstrip() + f"; ids, with the vocabulary of {model.name}",
    )
    pieces = [model.tokenizer.piece(token) for token in range(model.tokenizer.vocab_size)]
    engine = TokenEngine(transport, dialect, info, pieces, model.tokens.stops)
    encoder = LineEncoder(model.tokenizer)
    return TokenCompleter(
        engine,
        model.tokenizer,
        encoder,
        model.tokens,
        server.model or model.name,
        curve=read_curve(model.header),
        layout=best_layout(model.header),
        speed=measure(engine, encoder.encode(WARM_UP)),
    )


def _with_text(transport: Transport, server: Server) -> TokenCompleter:
    address = transport.address
    if address.template is not None:
        family = family_named(address.template)
        if family is None:
            raise EngineRefused(f"There is no template {address.template!r:.60}; docs/engines.md lists them.")
    else:
        family = family_named(server.model) or SUFFIX_FIELD
    if family is SUFFIX_FIELD and server.dialect not in ("openai", "ollama"):
        raise EngineRefused(
            f"How {server.model or 'the model'} at {address.shown} is asked to fill a gap is not known. "
            'Name its family in "template" of the option "engines" (docs/engines.md lists them), or a GGUF file '
            'with the same tokens in "vocabulary".'
        )
    dialect: TextDialect
    if server.dialect == "ollama":
        dialect = Ollama(server.model, server.context)
    elif server.dialect in ("tgi", "huggingface"):
        dialect = TGI(endpoint=server.dialect == "huggingface")
    else:  # vLLM and llama-server speak it too
        dialect = OpenAI(server.model)
    tokenizer = TextTokenizer(family)
    info = EngineInfo(
        engine=f"{dialect.name} at {address.shown}",
        context_window=server.context * 9 // 10,  # our count of its tokens is an estimate
        slots=1,
        detail=f"{dialect.name} {server.version}".rstrip() + f"; text, asked as {family.name}",
    )
    here = _TEXT_SPEED_HERE if address.on_this_machine else _TEXT_SPEED
    return TokenCompleter(
        TextEngine(transport, dialect, info, tokenizer),
        tokenizer,
        LineEncoder(tokenizer),
        tokenizer.fim_tokens,
        server.model or family.name,
        speed=Speed(here.prefill, here.decode),
    )
