"""A test in a real editor has a second try: the run's summary names each, with what failed at first."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a busy machine a browser or an editor loses a key or redraws late, which is no defect of ours.

    At most three in a run (pyproject.toml). Tests of our own code have one try: what fails there once in a hundred
    runs is a defect.
    """
    for item in items:
        if item.get_closest_marker("editors") is not None:
            item.add_marker(pytest.mark.flaky(reruns=1))
