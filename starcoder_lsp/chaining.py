"""From the setting `engines` to a completer: the local model, or a chain of servers with or without it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starcoder_lsp.addresses import LOCAL
from starcoder_lsp.completer.chain import Chain
from starcoder_lsp.completer.link import Link, Try
from starcoder_lsp.connecting import connect
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.errors import Cancelled, EngineRefused, EngineUnavailable, ModelError
from starcoder_lsp.loading import load

if TYPE_CHECKING:
    from starcoder_lsp.addresses import EngineAddress
    from starcoder_lsp.completer import About, Completer, TokenCompleter
    from starcoder_lsp.config import Settings
    from starcoder_lsp.loading import Report

log = logging.getLogger(__name__)

_FIRST_CONTACT_S = 1.0
"""How long the first status waits for servers, to say whether they answer."""


def load_completer(
    settings: Settings,
    report: Report = lambda _message, _percent: None,
    cancel: CancelToken | None = None,
) -> Completer:
    """Return what answers by these settings.

    With the local model in the chain, a server that cannot be used is passed over, and `About.notice` says why. Without
    it, one that is away is asked again later, too.

    Raises:
        EngineRefused: no server of the chain can be used as it is named, and there is no local model.
        ModelError, EngineError, Cancelled: see `load`.
    """
    cancel = cancel or CancelToken()
    addresses = [place for place in settings.engines if place != LOCAL]
    if not addresses:
        return load(settings, report, cancel, share=True)
    report("Connecting to " + ", ".join(address.shown for address in addresses), None)
    links = [_link(address, settings) for address in addresses]
    contacts: list[Try[About]] = [link.submit(Try(lambda completer, _cancel: completer.about)) for link in links]
    try:
        local = load(settings, report, cancel, share=True) if LOCAL in settings.engines else None
        errors = [_contact(one, None if local is None else _FIRST_CONTACT_S, cancel) for one in contacts]
        if local is None:
            _raise_if_all_refuse(errors)
    except BaseException:
        for link in links:
            link.close()
        raise
    return Chain(links, local)


def load_first(settings: Settings) -> TokenCompleter:
    """Return the first engine of the chain that can be used, alone: for commands that ask once.

    Raises what is wrong with the last one, where none can.
    """
    for number, place in enumerate(settings.engines, 1):
        if place == LOCAL:
            return load(settings)
        try:
            return connect(place, settings)
        except (EngineUnavailable, EngineRefused, ModelError) as error:
            if number == len(settings.engines):
                raise
            log.warning("%s Going on to the next engine.", error)
    raise AssertionError("the setting names one engine at least")


def _contact(one: Try[About], seconds: float | None, cancel: CancelToken) -> BaseException | None:
    """Wait for a first answer, `seconds` at most; return what failed, None if nothing did or it is not known yet."""
    with cancel.calling(one.give_up), one.news:
        one.news.wait_for(lambda: one.future.done() or cancel.cancelled, seconds)
    if cancel.cancelled:
        raise Cancelled("another model was chosen")
    return one.future.exception() if one.future.done() else None


def _raise_if_all_refuse(errors: list[BaseException | None]) -> None:
    """Raise what is wrong with the first server where asking again would change nothing with any of them."""
    final = [error for error in errors if isinstance(error, (EngineRefused, ModelError))]
    if len(final) == len(errors):
        raise final[0]


def _link(address: EngineAddress, settings: Settings) -> Link:
    return Link(address.shown, lambda: connect(address, settings))
