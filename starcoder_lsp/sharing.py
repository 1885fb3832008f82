"""Whether a model is loaded in the process that all windows share, which process that is, and the way there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, fields

from starcoder_lsp import __version__
from starcoder_lsp.config import Settings
from starcoder_lsp.engine.shared.client import SharedEngine
from starcoder_lsp.engine.shared.joining import Joiner, NotShared
from starcoder_lsp.engine.shared.place import Place, Unsafe, folder, is_alive
from starcoder_lsp.models.catalogue import resolve_adapter
from starcoder_lsp.models.gguf import part_paths

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.engine.base import CancelToken
    from starcoder_lsp.models.gguf import GGUFHeader

log = logging.getLogger(__name__)

_WORTH: Final = 256 * 2**20
"""Bytes of a model's file from which `auto` shares: the process itself takes some 60 MB."""
_OF_THE_WINDOW: Final = ("engines", "secrets", "shared")
"""Options that load a model, and are none of the process's business."""


def wants_to_share(settings: Settings, header: GGUFHeader) -> bool:
    """Return whether the settings ask for the shared process, for this model.

    A recurrent model is not shared: where its slots can be cut is known only beside it.
    """
    if header.is_recurrent:
        return False
    if settings.shared == "auto":
        return sys.platform != "win32" and header.file_bytes >= _WORTH
    return bool(settings.shared)


def place_of(settings: Settings, header: GGUFHeader) -> Place:
    """Return where the process for a model and these settings is found.

    Raises:
        Unsafe, OSError: there is no folder for it.
    """
    files = [*part_paths(header.path), *(resolve_adapter(one.path) for one in settings.lora)]
    facts = [__version__, process_options(settings, header.path), [_identity(path) for path in files]]
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return Place(folder(), key)


def process_options(settings: Settings, path: Path) -> dict[str, Any]:
    """Return the options that the process works by: those that load a model."""
    options: dict[str, Any] = {}
    for one in fields(Settings):
        name = one.metadata["name"]
        if one.metadata.get("loads") and name not in _OF_THE_WINDOW:
            options[name] = getattr(settings, one.name)
    options["model"] = str(path)
    options["lora"] = [asdict(one) for one in settings.lora]
    options["gpuLayers"] = "auto" if settings.gpu_layers is None else settings.gpu_layers
    return options


def described(settings: Settings, header: GGUFHeader) -> str:
    """Return which process serves windows with these settings, for people. Raises Unsafe, OSError."""
    if not wants_to_share(settings, header):
        return 'each window loads this model itself (option "shared")'
    card = place_of(settings, header).read()
    if card is None or not is_alive(card.process):
        return "the first window starts a process that all share; none runs now"
    return f"process {card.process} serves all windows with these settings"


def join(settings: Settings, header: GGUFHeader, cancel: CancelToken) -> tuple[SharedEngine, float, float] | None:
    """Return the engine in the shared process, and its speeds of prefill and decode in tokens a second.

    None where none can be had; the log says why.

    Raises:
        EngineFailed: the process could not load the model.
        Cancelled: `cancel` was set.
    """
    try:
        place = place_of(settings, header)
        options = json.dumps(process_options(settings, header.path))
        joiner = Joiner(place, ["--options", options, "--for", place.key])
        joined = joiner.join(cancel)
    except (NotShared, Unsafe, OSError) as error:
        log.warning("%s This window loads the model itself.", error)
        return None
    welcome = joined.welcome
    log.info("The engine process %d serves this window: %s", welcome.process, welcome.detail)
    return SharedEngine.over(joiner, joined), welcome.prefill, welcome.decode


def _identity(path: Path) -> list[object]:
    """Return what tells a file from another at its name."""
    status = path.stat()
    return [os.path.realpath(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]
