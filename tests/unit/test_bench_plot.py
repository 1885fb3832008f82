from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.plot_keystrokes import tokens, waits


@pytest.mark.parametrize("draw", [tokens, waits])
def test_a_picture_is_well_formed(draw: object) -> None:
    side = {"by_key": [0, 1, 300], "waits_ms": [0.2, 40.0]}
    result = {"model": "m", "by_trace": {"01-a": {"ours": side, "infill": side, "ratio": {}}, "02-b": {"ours": side}}}
    assert callable(draw)
    assert ET.fromstring(draw(result)).tag.endswith("svg")  # noqa: S314 - our own text
