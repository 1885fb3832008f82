"""Which licences a person accepted on this machine: a small file beside the models."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starcoder_lsp.models.catalogue import models_folder

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.models.licences import Licence


def _file() -> Path:
    return models_folder() / ".licences.json"


def is_accepted(licence: Licence) -> bool:
    """Return whether nothing has to be asked: the licence is a free one, or was accepted before."""
    return licence.is_free or licence.id in _read()


def accept(licence: Licence) -> None:
    """Note that it was accepted now."""
    said = {**_read(), licence.id: {"name": licence.name, "url": licence.url, "accepted": time.strftime("%Y-%m-%d")}}
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(said, indent=2) + "\n", "utf-8")
    fresh.replace(path)


def _read() -> dict[str, Any]:
    with suppress(OSError, ValueError):
        said = json.loads(_file().read_text("utf-8"))
        if isinstance(said, dict):
            return said
    return {}
