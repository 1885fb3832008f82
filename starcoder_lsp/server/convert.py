"""From the session's offers to LSP's items."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from starcoder_lsp.documents import Edit, Snapshot
from starcoder_lsp.session import Selected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starcoder_lsp.documents import Encoding
    from starcoder_lsp.session import Offer, Status

ACCEPT = "starcoder.accept"
_WORD = re.compile(r"\w+\Z")
_LABEL = 60


def offset_at(snapshot: Snapshot, position: types.Position, encoding: Encoding) -> int:
    """Return the offset of a position; see `Snapshot.offset` for those out of range."""
    return snapshot.offset(position.line, position.character, encoding)


def edits_of(
    snapshot: Snapshot, changes: Iterable[types.TextDocumentContentChangeEvent], encoding: Encoding
) -> tuple[str, list[Edit]]:
    """Return the text after changes, and what they edit, in their order: a range is replaced, or the whole text is.

    Each edit is about the text that the one before it left. A range whose end lies before its start is empty.
    """
    text, edits = snapshot.text, []
    for number, change in enumerate(changes):
        if number:
            snapshot = Snapshot.of(snapshot.uri, snapshot.version, snapshot.language, text)
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            edit = Edit(0, len(text), change.text)
        else:
            start = offset_at(snapshot, change.range.start, encoding)
            end = offset_at(snapshot, change.range.end, encoding)
            edit = Edit(start, max(start, end), change.text)
        text = edit.apply(text)
        edits.append(edit)
    return text, edits


def selected_in(snapshot: Snapshot, context: types.InlineCompletionContext, encoding: Encoding) -> Selected | None:
    """Return what the client's completion list has selected, where it is open."""
    info = context.selected_completion_info
    if info is None:
        return None
    start, end = (offset_at(snapshot, position, encoding) for position in (info.range.start, info.range.end))
    return Selected(start, max(start, end), info.text)


def inline_list(offer: Offer | None, encoding: Encoding) -> types.InlineCompletionList:
    """Return the answer to `textDocument/inlineCompletion`: no item, or one with its range and its alternatives."""
    if offer is None:
        return types.InlineCompletionList(items=[])
    span = types.Range(
        start=_position(offer.snapshot, offer.start, encoding), end=_position(offer.snapshot, offer.end, encoding)
    )
    items = [
        types.InlineCompletionItem(insert_text=one.insert, range=span, command=_accept(one))
        for one in (offer, *offer.others)
    ]
    return types.InlineCompletionList(items=items)


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
        "shown": status.shown,
        "hidden": status.hidden,
        "reason": status.reason,
    }


def _accept(offer: Offer) -> types.Command:
    return types.Command(title="Accept", command=ACCEPT, arguments=[offer.id])


def _position(snapshot: Snapshot, offset: int, encoding: Encoding) -> types.Position:
    line, character = snapshot.position(offset, encoding)
    return types.Position(line=line, character=character)
