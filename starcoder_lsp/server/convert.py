"""From the session's offers to LSP's items."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from starcoder_lsp.session import Selected

if TYPE_CHECKING:
    from starcoder_lsp.documents import Encoding, Snapshot
    from starcoder_lsp.session import Offer, Status

ACCEPT = "starcoder.accept"
_WORD = re.compile(r"\w+\Z")
_LABEL = 60


def offset_at(snapshot: Snapshot, position: types.Position, encoding: Encoding) -> int:
    """Return the offset of a position; see `Snapshot.offset` for those out of range."""
    return snapshot.offset(position.line, position.character, encoding)


def selected_in(snapshot: Snapshot, context: types.InlineCompletionContext, encoding: Encoding) -> Selected | None:
    """Return what the client's completion list has selected, where it is open."""
    info = context.selected_completion_info
    if info is None:
        return None
    start, end = (offset_at(snapshot, position, encoding) for position in (info.range.start, info.range.end))
    return Selected(start, max(start, end), info.text)


def inline_list(offer: Offer | None, encoding: Encoding) -> types.InlineCompletionList:
    """Return the answer to `textDocument/inlineCompletion`: no item, or one with its range."""
    if offer is None:
        return types.InlineCompletionList(items=[])
    span = types.Range(
        start=_position(offer.snapshot, offer.start, encoding), end=_position(offer.snapshot, offer.end, encoding)
    )
    item = types.InlineCompletionItem(insert_text=offer.insert, range=span, command=_accept(offer))
    return types.InlineCompletionList(items=[item])


def completion_list(offer: Offer | None, encoding: Encoding, *, markdown: bool) -> types.CompletionList:
    """Return the answer to `textDocument/completion`: one item at most, which replaces the word begun at the cursor.

    The item's text and filter text begin with that word, so that a client that matches them against it keeps the item.
    `markdown`: whether the client renders it.
    """
    if offer is None:
        return types.CompletionList(is_incomplete=True, items=[])
    snapshot, offset = offer.snapshot, offer.start
    begun = _WORD.search(snapshot.text, max(0, offset - 200), offset)
    word = begun.group() if begun else ""
    text = word + offer.insert
    first, *more = text.splitlines() or [text]
    label = first.strip() or next((line.strip() for line in more if line.strip()), text)
    edit = types.TextEdit(
        range=types.Range(
            start=_position(snapshot, offset - len(word), encoding), end=_position(snapshot, offset, encoding)
        ),
        new_text=text,
    )
    item = types.CompletionItem(
        label=label[:_LABEL] + ("…" if more or len(label) > _LABEL else ""),
        kind=types.CompletionItemKind.Text,
        detail=f"starcoder-lsp: {offer.model}",
        documentation=types.MarkupContent(types.MarkupKind.Markdown, f"```{snapshot.language}\n{text}\n```")
        if markdown
        else text,
        filter_text=text,
        sort_text="\x21",
        preselect=True,
        insert_text_format=types.InsertTextFormat.PlainText,
        text_edit=edit,
        command=_accept(offer),
    )
    return types.CompletionList(is_incomplete=True, items=[item])


def status_params(status: Status) -> dict[str, object]:
    """Return the parameters of `starcoder/status`."""
    return {
        "state": status.state,
        "model": status.model,
        "engine": status.engine,
        "message": status.message,
        "progress": status.progress,
        "latencyMs": status.latency_ms,
        "pausedUris": list(status.paused_uris),
    }


def _accept(offer: Offer) -> types.Command:
    return types.Command(title="Accept", command=ACCEPT, arguments=[offer.id])


def _position(snapshot: Snapshot, offset: int, encoding: Encoding) -> types.Position:
    line, character = snapshot.position(offset, encoding)
    return types.Position(line=line, character=character)
