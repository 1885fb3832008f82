"""Fixtures that several kinds of tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.random_model import write_random_model
from starcoder_lsp.models.catalogue import shipped_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def nano() -> Path:
    """The model that ships."""
    return shipped_model()


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the path of a tiny random-weight model of an architecture."""
    folder = tmp_path_factory.mktemp("random-models")

    def make(architecture: str) -> Path:
        path = folder / f"{architecture}-tiny.gguf"
        if not path.exists():
            write_random_model(path, arch=architecture, shape="tiny", quantisation="Q8_0")
        return path

    return make
