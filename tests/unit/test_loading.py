"""What a model file says about itself, as the server takes it up."""

from __future__ import annotations

import pytest
from attrs import evolve

from starcoder_lsp.engine.gguf import read_header
from starcoder_lsp.loading import best_layout, min_confidence
from starcoder_lsp.models.catalogue import shipped_model
from starcoder_lsp.suggest import DEFAULT_MIN_CONFIDENCE

KEY = "starcoder_lsp.min_confidence"


@pytest.mark.parametrize(("stated", "expected"), [(-0.5, -0.5), (0.0, 0.0), (-100.0, -100.0)])
def test_a_file_states_its_display_threshold(stated: float, expected: float) -> None:
    header = evolve(read_header(shipped_model()), metadata={KEY: stated})
    assert min_confidence(header) == expected


@pytest.mark.parametrize("stated", [None, 1.0, -101.0, float("nan"), "low", True, 0])
def test_nonsense_or_nothing_leaves_the_general_threshold(stated: float | str | None) -> None:
    header = read_header(shipped_model())
    metadata: dict[str, float | str] = {} if stated is None else {KEY: stated}
    assert min_confidence(evolve(header, metadata=metadata)) == DEFAULT_MIN_CONFIDENCE


@pytest.mark.parametrize(
    ("stated", "expected"), [("spm", "spm"), ("psm", "psm"), ("auto", "auto"), ("mps", "auto"), (1, "auto")]
)
def test_a_file_states_the_layout_it_does_better_with(stated: str | int, expected: str) -> None:
    header = evolve(read_header(shipped_model()), metadata={"starcoder_lsp.layout": stated})
    assert best_layout(header) == expected
    assert best_layout(evolve(header, metadata={})) == "auto"
