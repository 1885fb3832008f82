"""The commands of docs/protocol.md: name, arguments, what they do to a session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from starcoder_lsp.engine.ggml_container import is_ggml
from starcoder_lsp.engine.ggml_header import read_ggml_header
from starcoder_lsp.engine.gguf import read_header
from starcoder_lsp.errors import ConfigError, ModelNotFound
from starcoder_lsp.models.catalogue import available, resolve
from starcoder_lsp.server.convert import ACCEPT, status_params

if TYPE_CHECKING:
    from starcoder_lsp.session import Session

Command = Callable[["Session", Sequence[object]], object]


def _text(arguments: Sequence[object], index: int, what: str) -> str:
    if len(arguments) <= index or not isinstance(arguments[index], str):
        raise ConfigError(f"Argument {index + 1} must be {what} (a string).")
    return str(arguments[index])


def _accept(session: Session, arguments: Sequence[object]) -> None:
    session.accepted(_text(arguments, 0, "the suggestion's id"))


def _accept_partial(session: Session, arguments: Sequence[object]) -> None:
    identity = _text(arguments, 0, "the suggestion's id")
    length = arguments[1] if len(arguments) > 1 else None
    if isinstance(length, bool) or not isinstance(length, (int, float)) or length < 0:
        raise ConfigError("Argument 2 must be the accepted length in UTF-16 code units (a number).")
    session.reported("acceptPartial", identity)


def _reported(event: str) -> Command:
    def command(session: Session, arguments: Sequence[object]) -> None:
        session.reported(event, _text(arguments, 0, "the suggestion's id"))

    return command


def _pause(*, on: bool) -> Command:
    def command(session: Session, arguments: Sequence[object]) -> bool:
        uri = _text(arguments, 0, "a document's uri") if arguments and arguments[0] is not None else None
        session.pause(uri, on=on)
        return True

    return command


def _models(session: Session, _arguments: Sequence[object]) -> list[dict[str, object]]:
    try:
        current = resolve(session.settings.model)
    except ModelNotFound:
        current = None
    models = [
        {"name": model.name, "path": str(model.path), "bytes": model.bytes, "current": model.path == current}
        for model in available()
    ]
    if current is not None and not any(model["current"] for model in models) and current.is_file():
        size = current.stat().st_size
        models.append({"name": current.stem, "path": str(current), "bytes": size, "current": True})
    return models


def _switch_model(session: Session, arguments: Sequence[object]) -> bool:
    name = _text(arguments, 0, "a model's name or path")
    path = resolve(name)  # raises a sentence for the user, and so does a header that cannot be used:
    (read_ggml_header if is_ggml(path) else read_header)(path)  # the model that is loaded stays, then
    session.configure(evolve(session.settings, model=name))
    return True


def _status(session: Session, _arguments: Sequence[object]) -> dict[str, object]:
    return status_params(session.status)


def _stats(session: Session, _arguments: Sequence[object]) -> dict[str, object]:
    return session.stats()


COMMANDS: dict[str, Command] = {
    ACCEPT: _accept,
    "starcoder.acceptPartial": _accept_partial,
    "starcoder.reject": _reported("reject"),
    "starcoder.show": _reported("show"),
    "starcoder.pause": _pause(on=True),
    "starcoder.resume": _pause(on=False),
    "starcoder.models": _models,
    "starcoder.switchModel": _switch_model,
    "starcoder.status": _status,
    "starcoder.stats": _stats,
}
