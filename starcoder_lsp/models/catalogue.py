"""Finding a model by name: the one that ships, files in the user's model folder, or a path."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen
from platformdirs import user_data_path

from starcoder_lsp.errors import ModelNotFound

SHIPPED = "nano"
_SUFFIXES = (".gguf", ".ggml", ".bin")


@frozen
class ModelFile:
    """A model that could be loaded."""

    name: str
    path: Path
    bytes: int


def models_folder() -> Path:
    """Return the folder where users put models: `STARCODER_LSP_MODELS`, or `models` in the platform's data folder."""
    override = os.environ.get("STARCODER_LSP_MODELS")
    return Path(override) if override else user_data_path("starcoder-lsp", appauthor=False) / "models"


def shipped_model() -> Path:
    """Return the path of the model inside the package."""
    return Path(__file__).parent / "nano.gguf"


def available() -> list[ModelFile]:
    """Return the shipped model and those in the user's folder, by name."""
    found = [shipped_model()] if shipped_model().is_file() else []
    folder = models_folder()
    if folder.is_dir():
        found += sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file())
    return [ModelFile(path.stem, path, path.stat().st_size) for path in found]


def resolve(name: str) -> Path:
    """Return the file that a setting or `--model` names: a path, or the name of an available model.

    Raises:
        ModelNotFound: there is none; the message lists what there is.
    """
    if name == SHIPPED:
        return shipped_model()
    for model in available():
        if name in (model.name, model.path.name):
            return model.path
    path = Path(name).expanduser()
    if path.exists() or path.suffix or os.sep in name:
        return path  # reading its header says what is wrong with it
    raise ModelNotFound(path)
