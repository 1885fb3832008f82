"""Suggestions: `textDocument/inlineCompletion`, and `textDocument/completion` for clients without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve
from lsprotocol import types

from starcoder_lsp.completion.refine import adapt, line_end_of
from starcoder_lsp.server.convert import completion_list, inline_list, offset_at, selected_in
from starcoder_lsp.session import LATE_S

if TYPE_CHECKING:
    from starcoder_lsp.server.app import App
    from starcoder_lsp.session import Offer


async def inline_completion(app: App, params: types.InlineCompletionParams) -> types.InlineCompletionList | None:
    """Answer with ghost text."""
    manual = params.context.trigger_kind == types.InlineCompletionTriggerKind.Invoked
    snapshot = app.session.snapshot(params.text_document.uri)
    if snapshot is None:
        return None
    offset = offset_at(snapshot, params.position, app.encoding)
    selected = selected_in(snapshot, params.context, app.encoding)
    offer = await app.session.suggest(snapshot.uri, offset, manual=manual, selected=selected)
    return inline_list(_with_line_ends(app, offer), app.encoding)


async def completion(app: App, params: types.CompletionParams) -> types.CompletionList | None:
    """Answer with an item for the client's list: incomplete, so that the client asks again."""
    snapshot = app.session.snapshot(params.text_document.uri)
    if snapshot is None:
        return None
    offset = offset_at(snapshot, params.position, app.encoding)
    offer = await app.session.suggest(snapshot.uri, offset, patience=LATE_S)
    return completion_list(_with_line_ends(app, offer), app.encoding, markdown=app.markdown)


def _with_line_ends(app: App, offer: Offer | None) -> Offer | None:
    """Return the offer with the file's own line ends, unless the client makes them itself."""
    if offer is None or app.plain_newlines:
        return offer
    line_end = line_end_of(offer.snapshot.text)
    others = tuple(evolve(one, insert=adapt(one.insert, line_end=line_end)) for one in offer.others)
    return evolve(offer, insert=adapt(offer.insert, line_end=line_end), others=others)
