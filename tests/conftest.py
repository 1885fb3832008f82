"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from benchmarks.random_model import write_random_model
from starcoder_lsp.models.catalogue import shipped_model
from tests.support.vllm_server import VLLMProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


# Time stands in no assert. In CI hypothesis takes a profile of its own: no deadline, the same examples each time.
settings.register_profile(
    "default", settings.get_profile("default"), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """A shell has its background jobs ignore SIGINT, and what they start with them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _counts_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers that tests start must not count among what helped the person who runs them, nor find what theirs read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))  # what one test read, no other finds kept
        yield


@pytest.fixture(scope="session")
def nano() -> Path:
    """The model that ships."""
    return shipped_model()


@pytest.fixture(scope="session")
def vllm(nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLMProcess]:
    """A vLLM that serves the model that ships, for the whole session: it takes a minute to start."""
    server = VLLMProcess(nano, tmp_path_factory.mktemp("vllm"))
    try:
        yield server.start()
    finally:
        server.close()


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
