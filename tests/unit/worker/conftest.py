"""The fixtures of a worker's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.worker import Worker
from tests.support.fakes import PATIENCE
from tests.support.worker_jobs import BrokenError, Resource, result_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def worker() -> Iterator[Worker[Resource]]:
    made: Worker[Resource] = Worker("test-engine", breaks=(BrokenError,))
    yield made
    made.close(PATIENCE)


@pytest.fixture
def ready(worker: Worker[Resource]) -> Worker[Resource]:
    result_of(worker.open(Resource, Resource.close))
    return worker
