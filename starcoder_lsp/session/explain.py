"""Why this suggestion: what was read for it, for people and for the editors' commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import asdict

if TYPE_CHECKING:
    from starcoder_lsp.repository.service import Repository
    from starcoder_lsp.session.document import Document


def explained(document: Document | None, repository: Repository | None, scan_ms: float) -> dict[str, object]:
    """Return the answer of `starcoder.context` (docs/protocol.md)."""
    message = _nothing(document, repository)
    chosen = document.chosen if document else None
    status = repository.status if repository else None
    answer = document.answer if document else None
    selection = chosen.selection if chosen else None
    return {
        "root": str(document.root) if document and chosen else None,
        "budget": chosen.budget if chosen else 0,
        "tokens": selection.tokens if selection else 0,
        "rank_ms": round(selection.rank_ms, 2) if selection else 0.0,
        "index": {
            "files": status.files if status else 0,
            "symbols": status.symbols if status else 0,
            "ms": round(scan_ms, 1),
        },
        "snippets": [asdict(one) for one in selection.snippets] if selection else [],
        "left_out": [asdict(one) for one in selection.left_out] if selection else [],
        "in_prompt": bool(
            answer and document and document.neighbours.key and answer.context_key == document.neighbours.key
        ),
        "confidence": round(answer.joint, 4) if answer else None,
        "evaluated": answer.evaluated if answer else None,
        "generated": answer.generated if answer else None,
        "message": message,
    }


def _nothing(document: Document | None, repository: Repository | None) -> str | None:
    """Say why there are no neighbours; None where there are."""
    if document is None:
        return "No document is in use: type or ask for a suggestion first."
    if repository is None:
        return "Other files are not read: context.enabled is off, or no folder is open."
    if document.root is None:
        return "This file lies outside of the folders that are open: it has no neighbours."
    if document.chosen is None:
        return "The folder is still being read." if repository.status.scanning else "Nothing was chosen yet."
    if not document.chosen.selection.snippets:
        return "No other file says anything that is not in this one."
    return None
