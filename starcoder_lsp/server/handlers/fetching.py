"""The commands that find a model and bring it here: only what a person asked for, by name, is fetched.

A fetch has a thread of its own: the model that is loaded goes on suggesting meanwhile. Where the model is to be used
then, fetch and load have one progress, and whatever ends one of them, a cancel or another choice, ends the whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from starcoder_lsp.errors import Cancelled, ConfigError
from starcoder_lsp.models.memory import human, plan_memory
from starcoder_lsp.server.listener import progress_of
from starcoder_lsp.server.traits import Background, Suspending, off_the_loop

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.hub.remote import RemoteFile
    from starcoder_lsp.hub.source import Source
    from starcoder_lsp.models.licences import Licence
    from starcoder_lsp.server.app import App
    from starcoder_lsp.server.traits import Handler

_CONTEXT = 8192
_REPORT_S = 0.2
_PHASES = {
    "waiting": "Waiting for another download of",
    "fetching": "Fetching",
    "checking": "Checking",
    "copying": "Copying",
}


def _licence(licence: Licence) -> dict[str, object]:
    from starcoder_lsp.hub.accepted import is_accepted  # noqa: PLC0415 - not at the start

    return {
        "name": licence.name,
        "url": licence.url,
        "conditions": licence.conditions,
        "accepted": is_accepted(licence),
    }


def _catalogue(_taken: None) -> list[dict[str, object]]:
    from starcoder_lsp.hub.recommend import sized  # noqa: PLC0415 - not at the start
    from starcoder_lsp.models.catalogue import models_folder  # noqa: PLC0415 - as above
    from starcoder_lsp.models.known import KNOWN  # noqa: PLC0415

    rows: list[dict[str, object]] = []
    for model in KNOWN:
        file = model.files[0]
        plan = plan_memory(
            sized(model, file), context=min(_CONTEXT, model.context_length), slots=2, batch=16, available=0
        )
        rows.append(
            {
                "name": model.name,
                "title": model.title,
                "bytes": file.bytes,
                "memory": plan.needed,
                "fetched": (models_folder() / f"{model.name}-{file.quantisation}.gguf").is_file(),
                "licence": _licence(model.licence),
                "warning": model.warning,
            }
        )
    return rows


def _recommendation(_taken: None) -> dict[str, object]:
    from starcoder_lsp.hub.machine import look  # noqa: PLC0415 - loads a native library
    from starcoder_lsp.hub.recommend import recommend, sentence  # noqa: PLC0415 - as above

    found = recommend(look())
    return {"sentence": sentence(found), "model": found.best and found.best.name}


class Arguments(list[object]):
    """A command's arguments. Under `token` its client wants to hear how far it is; None: it makes no difference."""

    token: int | str | None = None


class _Job:
    """A fetch: tells the loop how far it is, and ends soon after it is cancelled."""

    def __init__(self, app: App, source: Source, token: int | str | None) -> None:
        from starcoder_lsp.hub.source import file_name  # noqa: PLC0415 - not at the start

        self._loop = asyncio.get_running_loop()
        self._app = app
        self._why = ""
        """Why it ends: "… was cancelled"."""
        self._loading = False
        self._name = file_name(source)
        self._told = ("", 0.0)
        self._progress = progress_of(app.server, self.cancel, token)

    def cancel(self, why: str = "the download was cancelled; what came is kept") -> None:
        """End it: the fetch, or the load that followed."""
        self._why = self._why or why
        if self._loading:
            self._app.session.go_back()

    def report(self, phase: str, done: int, total: int | None) -> None:
        """Take how far it is, on the fetch's thread; raises Cancelled."""
        if self._why:
            raise Cancelled(self._why)
        now = time.monotonic()
        if phase == self._told[0] and now - self._told[1] < _REPORT_S:
            return
        self._told = (phase, now)
        of = f" of {human(total)}" if total else ""
        text = f"{_PHASES[phase]} {self._name}" + (f": {human(done)}{of}" if done else "")
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._show, text, 100 * done // total if total else None)

    def _show(self, text: str, percent: int | None) -> None:
        if self._progress is not None:
            self._progress.report(text, percent)

    async def load(self, name: str) -> bool:
        """Use the model that came; return whether it is in use. A sentence why not is shown by the session."""
        if self._why:
            raise Cancelled(self._why)
        if self._progress is not None:
            self._app.listener.show_in(self._progress)
        self._app.switch_model(name)
        self._loading = True
        return await self._app.session.outcome() is None

    def end(self, error: str | None) -> None:
        self._loading = False
        self._app.listener.let_go(self._progress, error)


async def _pull(app: App, arguments: Sequence[object]) -> object:
    from starcoder_lsp.hub.source import HubFile, WebFile, parse_source  # noqa: PLC0415 - not at the start

    if not arguments or not isinstance(arguments[0], str):
        raise ConfigError("Argument 1 must be what to fetch (a string).")
    options = _options(arguments)
    source = parse_source(arguments[0])
    file = None
    if isinstance(source, (HubFile, WebFile)) and not await off_the_loop(lambda: _is_here(source)):
        file = await off_the_loop(lambda: _look_up(source))
        asks = _to_accept(file, accepted=options["acceptLicence"])
        if asks is not None:
            return {"licence": asks, "source": str(source), "bytes": file.bytes}
    job = _Job(app, source, getattr(arguments, "token", None))
    try:
        if options["switch"]:
            app.choices += 1
            app.session.fetching(partial(job.cancel, "another model was chosen; what came is kept"))
        path = await off_the_loop(lambda: _fetch(job, source, file, accepted=options["acceptLicence"]))
        loaded = await job.load(path.stem) if options["switch"] else False
    except BaseException as error:
        job.cancel()
        job.end(str(error) or type(error).__name__)
        raise
    job.end(None)
    return {"name": path.stem, "path": str(path), "loaded": loaded}


def _options(arguments: Sequence[object]) -> dict[str, bool]:
    given = arguments[1] if len(arguments) > 1 else None
    plain = given if isinstance(given, Mapping) else given._asdict() if hasattr(given, "_asdict") else {}
    return {name: plain.get(name) is True for name in ("acceptLicence", "switch")}


def _is_here(source: Source) -> bool:
    from starcoder_lsp.hub.source import file_name  # noqa: PLC0415 - not at the start
    from starcoder_lsp.models.catalogue import models_folder  # noqa: PLC0415 - as above

    return (models_folder() / file_name(source)).exists()


def _look_up(source: Source) -> RemoteFile:
    from starcoder_lsp.hub import remote  # noqa: PLC0415 - not at the start
    from starcoder_lsp.hub.source import HubFile, WebFile  # noqa: PLC0415 - as above

    assert isinstance(source, (HubFile, WebFile))  # noqa: S101 - others are here
    return remote.look_up(source)


def _to_accept(file: RemoteFile, *, accepted: bool) -> dict[str, object] | None:
    """Return the licence that its reader has to accept first; None where nothing has to be asked."""
    if file.licence is None or accepted:
        return None
    said = _licence(file.licence)
    return None if said["accepted"] else said


def _fetch(job: _Job, source: Source, file: RemoteFile | None, *, accepted: bool) -> Path:
    from starcoder_lsp.hub.pull import pull  # noqa: PLC0415 - not at the start

    return pull(source, report=job.report, file=file, accept_licence=accepted)


COMMANDS: Mapping[str, Handler] = {
    "starcoder.catalogue": Background(lambda _app, _arguments: None, _catalogue, lambda _app, _taken, rows: rows),
    "starcoder.recommend": Background(lambda _app, _arguments: None, _recommendation, lambda _app, _taken, said: said),
    "starcoder.pullModel": Suspending(_pull),
}
