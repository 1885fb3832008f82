"""What was measured of a model, kept beside it: its curve (see `completion.curve`).

It is looked for in `MODEL.confidence.json` beside the file, then in the user's data folder (for models in folders that
cannot be written), then in the file itself (`starcoder_lsp.confidence`), where ours is.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from platformdirs import user_data_path

from starcoder_lsp.completion.curve import DEFAULT, Curve, checked
from starcoder_lsp.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.models.gguf import GGUFHeader

log = logging.getLogger(__name__)

KEY = "starcoder_lsp.confidence"
"""Metadata of a GGUF file: `Curve.numbers` as JSON, in a string."""
OLD_KEYS = frozenset({"starcoder_lsp.min_confidence"})
"""What files had before: a mean log-probability, which says nothing of a joint one."""
_MOST_BYTES = 100_000


def places(header: GGUFHeader) -> tuple[Path, Path]:
    """Return where a model's curve may be kept: beside it, and in the user's data folder.

    There, its size tells it from other models of its name.
    """
    name = f"{header.path.stem}-{header.file_bytes}.confidence.json"
    return header.path.with_name(f"{header.path.name}.confidence.json"), _folder() / name


def _folder() -> Path:
    return user_data_path("starcoder-lsp", appauthor=False) / "measured"


def read_curve(header: GGUFHeader) -> Curve:
    """Return what was measured of a model, else the general curve. A file that makes no sense is logged and ignored."""
    for path in places(header):
        curve = _read(path, header.file_bytes)
        if curve is not None:
            return curve
    stated = header.metadata.get(KEY)
    if isinstance(stated, str):
        with suppress(ValueError):
            curve = checked(json.loads(stated))
            if curve is not None:
                return curve
        log.warning("%s of %s makes no sense and is ignored.", KEY, header.path)
    return DEFAULT


def _read(path: Path, file_bytes: int) -> Curve | None:
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        found = json.loads(path.read_text("utf-8"))
        curve = checked(found["curve"]) if found["model_bytes"] == file_bytes else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be read (%s) and is ignored: measure again with `starcoder-lsp calibrate`.", path, error)
        return None
    if curve is None:
        log.warning("%s is not about the model beside it and is ignored.", path)
    return curve


def write_curve(header: GGUFHeader, curve: Curve) -> Path:
    """Keep what was measured of a model; return where. Raises ConfigError where neither place can be written."""
    content = json.dumps({"model_bytes": header.file_bytes, "curve": curve.numbers()}, indent=1) + "\n"
    beside, elsewhere = places(header)
    try:
        beside.write_text(content, encoding="utf-8")
    except OSError:
        log.info("%s cannot be written.", beside)
    else:
        return beside
    try:
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        elsewhere.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"Neither {beside} nor {elsewhere} can be written ({error.strerror}).") from error
    return elsewhere
