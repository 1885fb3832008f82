"""Asks a server what it is: which dialect, which model, how long its context is. Some small requests, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from starcoder_lsp.engine.http.events import Call
from starcoder_lsp.engine.http.faults import not_yet, refusal
from starcoder_lsp.engine.http.shape import count, items, mapping, text
from starcoder_lsp.engine.http.vllm import block_size
from starcoder_lsp.errors import EngineRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from starcoder_lsp.addresses import Dialect
    from starcoder_lsp.engine.http.transport import Reply, Transport

log = logging.getLogger(__name__)

DEFAULT_CONTEXT: Final = 4096
"""Tokens, where a server does not say: the least that servers of completions are set up with."""
_NAMED: Final = 5
_WANTS_A_KEY: Final = (401, 403)


@frozen(kw_only=True)
class Server:
    """What a server says of itself."""

    dialect: Dialect
    model: str = ""
    """Its name for the model; empty where it has only one and wants none."""
    context: int = DEFAULT_CONTEXT
    """Tokens of prompt and suggestion together."""
    slots: int = 1
    block: int = 1
    version: str = ""
    models: tuple[str, ...] = field(default=(), repr=False)


def detect(transport: Transport) -> Server:
    """Return what is at an address.

    Raises:
        EngineUnavailable: nothing answers there, or it loads its model.
        EngineRefused: it wants a key, or is nothing that is known, or its model must be named.
    """
    asked, replies = transport.address, _Replies(transport)
    kinds: tuple[Dialect, ...] = (asked.dialect,) if asked.dialect else ("llama-server", "ollama", "tgi", "vllm")
    server = next((found for kind in kinds if (found := _LOOKS[kind](replies))), None) or _openai(replies)
    if server is None and asked.dialect:
        server = Server(dialect=asked.dialect)  # some servers tell nothing of themselves, and answer all the same
    if server is None:
        replies.raise_refusal()
        kinds_named = ", ".join(_LOOKS)
        raise EngineRefused(
            f'{asked.shown} does not say what it is. Name its "dialect" in the option "engines": {kinds_named}.'
        )
    if asked.dialect:
        server = evolve(server, dialect=asked.dialect)
    model = asked.model or server.model
    if not model and server.dialect in ("vllm", "openai", "ollama"):
        known = ", ".join(server.models[:_NAMED]) + (" …" if len(server.models) > _NAMED else "")
        raise EngineRefused(
            f"{asked.shown} has {len(server.models) or 'no'} models{f': {known}' if known else ''}. Name one in "
            '"model" of the option "engines".'
        )
    return evolve(server, model=model)


class _Replies:
    """Answers to GET requests, each asked once."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._known: dict[str, Reply] = {}

    def get(self, path: str) -> dict[str, Any]:
        return self._reply(path).object()

    def text(self, path: str) -> str:
        reply = self._reply(path)
        return reply.body.decode("utf-8", "replace") if reply.status == 200 else ""  # noqa: PLR2004 - OK, in HTTP

    def _reply(self, path: str) -> Reply:
        if path not in self._known:
            reply = self._known[path] = self._transport.fetch(Call(path))
            # A llama-server that loads names its model already where an Ollama does.
            if error := not_yet(self._transport.address.shown, reply.status, reply.body):
                raise error
        return self._known[path]

    def raise_refusal(self) -> None:
        for reply in self._known.values():
            if reply.status in _WANTS_A_KEY:
                raise refusal(self._transport.address.shown, reply.status, reply.body)


def _llama_server(replies: _Replies) -> Server | None:
    props = replies.get("/props")
    settings = mapping(props.get("default_generation_settings"))
    if not settings or "total_slots" not in props:
        return None
    return Server(
        dialect="llama-server",
        model=text(props.get("model_path")).replace("\\", "/").rsplit("/", 1)[-1],
        context=count(settings.get("n_ctx")) or DEFAULT_CONTEXT,
        slots=count(props.get("total_slots")) or 1,
        version=text(props.get("build_info")),
    )


def _ollama(replies: _Replies) -> Server | None:
    tags = replies.get("/api/tags")
    if not isinstance(tags.get("models"), list):
        return None
    models = tuple(text(mapping(one).get("name")) for one in items(tags["models"]))
    version = text(replies.get("/api/version").get("version"))
    return Server(dialect="ollama", model=_only(models), models=models, version=version)


def _tgi(replies: _Replies) -> Server | None:
    info = replies.get("/info")
    most = count(info.get("max_total_tokens"))
    if not most or not text(info.get("model_id")):
        return None
    return Server(dialect="tgi", model=text(info["model_id"]), context=most, version=text(info.get("version")))


def _vllm(replies: _Replies) -> Server | None:
    server = _openai(replies)
    owners = {text(mapping(one).get("owned_by")) for one in items(replies.get("/v1/models").get("data"))}
    if server is None or "vllm" not in owners:
        return None
    version = text(replies.get("/version").get("version"))
    return evolve(server, dialect="vllm", version=version, block=block_size(replies.text("/metrics")))


def _openai(replies: _Replies) -> Server | None:
    data = [mapping(one) for one in items(replies.get("/v1/models").get("data"))]
    models = tuple(text(one.get("id")) for one in data)
    if not any(models):
        return None
    told = [
        count(one.get(name)) for one in data for name in ("max_model_len", "context_length", "max_context_length")
    ] + [count(mapping(one.get("meta")).get("n_ctx")) for one in data]
    context = next((one for one in told if one), DEFAULT_CONTEXT)
    return Server(dialect="openai", model=_only(models), models=models, context=context)


def _only(models: tuple[str, ...]) -> str:
    return models[0] if len(models) == 1 else ""


_LOOKS: Final[dict[Dialect, Callable[[_Replies], Server | None]]] = {
    "llama-server": _llama_server,
    "ollama": _ollama,
    "tgi": _tgi,
    "vllm": _vllm,
    "openai": _openai,
    "huggingface": lambda _replies: None,
}
