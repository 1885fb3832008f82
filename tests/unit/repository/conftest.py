"""What all tests here share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workspaces import reading_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def _reading_at_once() -> Iterator[None]:
    with reading_at_once():
        yield
