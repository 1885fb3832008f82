"""The neighbours last chosen for each file, kept beside the states of the engine: a restart chooses the same again.

What stands in front of a prompt must be the same to the last token, or what is kept of the prompt is of no use. A
choice depends on where the cursor was; so the one that was made is kept, and serves as one of this process would: while
the files still have its lines, and it is worth most of what a new one is.

A file a document, named after a digest of its path, for this user only, with the lines that were chosen. Any of them
may be removed at any time; one that makes no sense is.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, frozen

from starcoder_lsp.engine.states.folder import CHOICES
from starcoder_lsp.repository.query import Selection, Snippet

if TYPE_CHECKING:
    from starcoder_lsp.engine.states.folder import StatesFolder

log = logging.getLogger(__name__)


@frozen
class Chosen:
    """A choice: for which place of its document, and with which budget."""

    selection: Selection
    offset: int
    line: int
    budget: int


def remembered(folder: StatesFolder, file: str) -> Chosen | None:
    """Return what was chosen for a file; None where nothing is known, or it cannot be read."""
    path = _path(folder, file)
    try:
        return _chosen(json.loads(path.read_text("utf-8")))
    except OSError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        log.info("The kept choice %s is removed: it makes no sense (%s).", path, error)
        with suppress(OSError):
            path.unlink()
        return None


def remember(folder: StatesFolder, file: str, chosen: Chosen) -> None:
    """Keep what was chosen for a file; where the disk does not let us, nothing is kept."""
    data = {
        "offset": chosen.offset,
        "line": chosen.line,
        "budget": chosen.budget,
        "snippets": [asdict(one) for one in chosen.selection.snippets],
    }
    path = _path(folder, file)
    try:
        folder.prepare()
        folder.of_model(CHOICES)
        descriptor, made = tempfile.mkstemp(dir=path.parent)  # 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as out:
                json.dump(data, out)
            Path(made).replace(path)
        except BaseException:
            Path(made).unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        log.info("What was chosen for a file is not kept on disk: %s", error)


def _path(folder: StatesFolder, file: str) -> Path:
    return folder.path / CHOICES / f"{hashlib.sha256(os.fsencode(file)).hexdigest()[:32]}.json"


def _chosen(data: dict[str, Any]) -> Chosen:
    """Raise ValueError, TypeError or KeyError for what is no choice."""
    snippets = [
        Snippet(
            str(one["path"]),
            int(one["start_line"]),
            int(one["end_line"]),
            str(one["text"]),
            int(one["tokens"]),
            float(one["score"]),
            str(one["why"]),
        )
        for one in data["snippets"]
    ]
    return Chosen(Selection(tuple(snippets)), int(data["offset"]), int(data["line"]), int(data["budget"]))
