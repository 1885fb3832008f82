"""Finding a model by name: the one that ships, files in the user's model folder, or a whole path.

A name never means a path: an editor starts the server in the workspace, and a repository could bring a file of that
name. So a path is what is absolute or begins with `~`; only a command line has a folder of its own (`from_shell`).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from platformdirs import user_data_path

from starcoder_lsp.errors import ModelNotFound
from starcoder_lsp.models.known import known_model

if TYPE_CHECKING:
    from starcoder_lsp.models.known import KnownModel

SHIPPED = "nano"
_SUFFIXES = (".gguf", ".ggml", ".bin")


@frozen
class ModelFile:
    """A model that could be loaded."""

    name: str
    path: Path
    bytes: int


def models_folder() -> Path:
    """Return the folder where users put models: `STARCODER_LSP_MODELS`, or `models` in the platform's data folder.

    A relative `STARCODER_LSP_MODELS` starts at the home folder, not where the server happens to be started.
    """
    override = os.environ.get("STARCODER_LSP_MODELS")
    return Path.home() / override if override else user_data_path("starcoder-lsp", appauthor=False) / "models"


def shipped_model() -> Path:
    """Return the path of the model inside the package."""
    return Path(__file__).parent / "nano.gguf"


def available() -> list[ModelFile]:
    """Return the shipped model and those in the user's folder, by name. A folder that cannot be read has none."""
    found = [shipped_model()]
    with suppress(OSError):
        found += sorted(path for path in models_folder().iterdir() if path.suffix.lower() in _SUFFIXES)
    models: list[ModelFile] = []
    for path in found:
        with suppress(OSError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                models.append(ModelFile(path.stem, path, status.st_size))
    return models


def resolve(name: str) -> Path:
    """Return the file that a setting names: the name of an available model, or a path, absolute or from `~`.

    Raises:
        ModelNotFound: there is no model of that name, or the path is relative.
    """
    if name == SHIPPED:
        return shipped_model()
    for model in available():
        if name in (model.name, model.path.name):
            return model.path
    path = _expanded(name)
    if path.is_absolute():
        return path  # reading its header says what is wrong with it
    known = known_model(name.partition(":")[0])
    if known is not None:
        return _pulled(known, name)
    raise ModelNotFound(path, relative=_is_relative_path(name))


def _pulled(known: KnownModel, name: str) -> Path:
    """Return the file of a model of the catalogue, in the quantisation named, or else in the first that is there."""
    quantisation = name.partition(":")[2].upper()
    for file in known.files:
        path = models_folder() / f"{known.name}-{file.quantisation}.gguf"
        if quantisation in {"", file.quantisation} and path.is_file():
            return path
    raise ModelNotFound(Path(name), pull=name)


def resolve_adapter(name: str) -> Path:
    """Return the file of a LoRA adapter: a path, absolute or from `~`. Raises ModelNotFound for another."""
    path = _expanded(name)
    if not path.is_absolute():
        raise ModelNotFound(path, relative=True)
    return path


def from_shell(name: str) -> str:
    """Return what `--model` on a command line means: a relative path is one from the shell's folder.

    `./x.gguf`, `folder/x` and the name of a file with a model's suffix there become absolute; other names stay.
    """
    path = _expanded(name)
    if _is_relative_path(name) or (path.suffix.lower() in _SUFFIXES and path.is_file()):
        return str(Path.cwd() / path)
    return name


def _is_relative_path(name: str) -> bool:
    separators = (os.sep, os.altsep or os.sep)
    return any(separator in name for separator in separators) and not _expanded(name).is_absolute()


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError as error:  # `~nosuchuser`
        raise ModelNotFound(Path(name)) from error
