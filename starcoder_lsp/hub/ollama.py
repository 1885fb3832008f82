"""Models that Ollama has on this disk: its blobs are GGUF files, named by their SHA-256.

A manifest is JSON: `layers` with `mediaType` and `digest` (https://github.com/ollama/ollama, docs and `server/`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.errors import SourceNotThere

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODEL = "application/vnd.ollama.image.model"
_REGISTRY, _OWNER, _TAG = "registry.ollama.ai", "library", "latest"
_PARTS = 4
"""Of a manifest's path: registry, owner, name, tag."""


@frozen
class OllamaFile:
    """A model that is there."""

    name: str
    path: Path
    sha256: str
    bytes: int


def folders() -> list[Path]:
    """Return where Ollama keeps models: OLLAMA_MODELS, the user's folder, and the service's."""
    named = os.environ.get("OLLAMA_MODELS")
    if named:
        return [Path(named)]
    return [Path.home() / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]


def find(name: str) -> OllamaFile:
    """Return the model `name`, `name:tag` or `owner/name:tag`. Raises SourceNotThere, naming those that there are."""
    model, _, tag = name.partition(":")
    owner, _, short = model.rpartition("/")
    wanted = (owner or _OWNER, short, tag or _TAG)
    there = list(available())
    for one in there:
        if _identity(one.name) == wanted:
            return one
    listed = ", ".join(sorted(one.name for one in there)) or "none"
    raise SourceNotThere(f"Ollama has no model {name!r} on this disk; it has: {listed}. Fetch it with `ollama pull`.")


def available() -> Iterator[OllamaFile]:
    """Return all models of Ollama's that are whole and can be read."""
    for folder in folders():
        try:
            manifests = sorted(path for path in (folder / "manifests").rglob("*") if path.is_file())
        except OSError:
            continue
        for manifest in manifests:
            found = _read(folder, manifest)
            if found is not None:
                yield found


def _read(folder: Path, manifest: Path) -> OllamaFile | None:
    parts = manifest.relative_to(folder / "manifests").parts
    if len(parts) != _PARTS:
        return None
    try:
        layers = json.loads(manifest.read_text("utf-8"))["layers"]
        digest = next(layer["digest"] for layer in layers if layer["mediaType"] == _MODEL)
        blob = folder / "blobs" / digest.replace(":", "-")
        size = blob.stat().st_size
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
    registry, owner, name, tag = parts
    shown = f"{name}:{tag}" if (registry, owner) == (_REGISTRY, _OWNER) else f"{owner}/{name}:{tag}"
    return OllamaFile(shown, blob, digest.removeprefix("sha256:"), size)


def _identity(shown: str) -> tuple[str, str, str]:
    model, _, tag = shown.partition(":")
    owner, _, short = model.rpartition("/")
    return owner or _OWNER, short, tag
