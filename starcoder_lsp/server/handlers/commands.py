"""The commands of docs/protocol.md: name, arguments, what they do to a session."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.errors import ConfigError, ModelNotFound, Superseded
from starcoder_lsp.models.catalogue import available, resolve
from starcoder_lsp.server.convert import ACCEPT, status_params
from starcoder_lsp.server.handlers import fetching
from starcoder_lsp.server.handlers.fetching import Arguments
from starcoder_lsp.server.traits import Background, Immediate
from starcoder_lsp.usage.store import database, read
from starcoder_lsp.usage.summary import in_short, since_days, summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lsprotocol import types

    from starcoder_lsp.server.app import App
    from starcoder_lsp.server.traits import Handler


class Execute:
    """`workspace/executeCommand`: runs the handler of the command that is named."""

    def begin(self, app: App, params: types.ExecuteCommandParams) -> object:
        """Begin that handler, with the command's arguments. Raises ConfigError where there is none."""
        handler = COMMANDS.get(params.command)
        if handler is None:
            raise ConfigError(f"There is no command {params.command!r:.100}; docs/protocol.md lists them.")
        app.start_once()
        arguments = Arguments(params.arguments or ())
        arguments.token = params.work_done_token
        return handler.begin(app, arguments)


def _text(arguments: Sequence[object], index: int, what: str) -> str:
    if len(arguments) <= index or not isinstance(arguments[index], str):
        raise ConfigError(f"Argument {index + 1} must be {what} (a string).")
    return str(arguments[index])


# ---- what became of a suggestion -----------------------------------------------------------------------------------


def _accept(app: App, arguments: Sequence[object]) -> None:
    app.session.accepted(_text(arguments, 0, "the suggestion's id"))


def _accept_partial(app: App, arguments: Sequence[object]) -> None:
    identity = _text(arguments, 0, "the suggestion's id")
    length = arguments[1] if len(arguments) > 1 else None
    if isinstance(length, bool) or not isinstance(length, (int, float)) or not 0 <= length < math.inf:
        raise ConfigError("Argument 2 must be the accepted length in UTF-16 code units (a number).")
    part = arguments[2] if len(arguments) > 2 else None  # noqa: PLR2004 - the third argument
    if part not in (None, "word", "line"):
        raise ConfigError('Argument 3 must be what was accepted: "word" or "line".')
    app.session.accepted_part(identity, int(length), part)


def _show(app: App, arguments: Sequence[object]) -> None:
    app.session.shown(_text(arguments, 0, "the suggestion's id"))


def _reject(app: App, arguments: Sequence[object]) -> None:
    app.session.rejected(_text(arguments, 0, "the suggestion's id"))


# ---- pausing -------------------------------------------------------------------------------------------------------


def _pause(*, on: bool) -> Handler:
    def command(app: App, arguments: Sequence[object]) -> bool:
        uri = _text(arguments, 0, "a document's uri") if arguments and arguments[0] is not None else None
        if uri is not None and app.session.snapshot(uri) is None:
            return False  # what is not open needs no pause, and would be remembered for ever
        app.session.pause(uri, on=on)
        return True

    return Immediate(command)


# ---- why this suggestion -------------------------------------------------------------------------------------------


def _context(app: App, arguments: Sequence[object]) -> dict[str, object]:
    uri = _text(arguments, 0, "a document's uri") if arguments and arguments[0] is not None else None
    return app.session.context(uri)


# ---- models: files and folders are read on another thread ------------------------------------------------------------


def _models_at(setting: str) -> list[dict[str, object]]:
    try:
        current = resolve(setting)
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


@frozen
class _Switch:
    """A model that was chosen, and the how manieth choice it was."""

    name: str
    number: int


def _chosen(app: App, arguments: Sequence[object]) -> _Switch:
    name = _text(arguments, 0, "a model's name or path")
    app.choices += 1
    return _Switch(name, app.choices)


def _check(switch: _Switch) -> None:
    """Raise a sentence for the user where there is no such file, or its header cannot be used."""
    from starcoder_lsp.models.read import read_any_header  # noqa: PLC0415 - numpy and gguf: not at the start

    read_any_header(resolve(switch.name))


def _switch(app: App, switch: _Switch, _checked: None) -> bool:
    if switch.number != app.choices:
        raise Superseded("another model was chosen since")
    app.switch_model(switch.name)
    return True


# ---- what helped: the file is read on another thread -----------------------------------------------------------------


@frozen
class _Days:
    days: int
    enabled: bool


def _days(app: App, arguments: Sequence[object]) -> _Days:
    days = arguments[0] if arguments else 7
    if isinstance(days, bool) or not isinstance(days, (int, float)) or not 1 <= days <= 10_000:  # noqa: PLR2004 - said in the message
        raise ConfigError("Argument 1 must be a number of days, from 1 to 10000.")
    return _Days(int(days), app.session.settings.usage_enabled)


def _usage(asked: _Days) -> dict[str, object]:
    figures = summarise(read(database(), since_days(asked.days, time.time()))).total
    return {
        "enabled": asked.enabled,
        "days": asked.days,
        "shown": figures.shown,
        "accepted": figures.accepted,
        "characters": figures.characters,
        "summary": in_short(figures, asked.days) + ("" if asked.enabled else " Counting is off (usage.enabled)."),
    }


COMMANDS: Mapping[str, Handler] = {
    ACCEPT: Immediate(_accept),
    "starcoder.acceptPartial": Immediate(_accept_partial),
    "starcoder.reject": Immediate(_reject),
    "starcoder.show": Immediate(_show),
    "starcoder.pause": _pause(on=True),
    "starcoder.resume": _pause(on=False),
    "starcoder.models": Background(
        lambda app, _arguments: app.session.settings.model, _models_at, lambda _app, _setting, models: models
    ),
    "starcoder.switchModel": Background(_chosen, _check, _switch),
    "starcoder.context": Immediate(_context),
    **fetching.COMMANDS,
    "starcoder.status": Immediate(lambda app, _arguments: status_params(app.session.status)),
    "starcoder.usage": Background(_days, _usage, lambda _app, _asked, figures: figures),
    "starcoder.stats": Immediate(lambda app, _arguments: app.session.stats()),
}
