from __future__ import annotations

import math

import pytest

from starcoder_lsp.engine.likely import given

LIKELIEST = [(b" version", math.log(0.3)), (b" value", math.log(0.3)), (b" x", math.log(0.4))]


def test_without_a_beginning_it_is_the_models_own() -> None:
    assert given(b"", b" version", -1.25, LIKELIEST) == -1.25


def test_only_tokens_that_keep_to_the_beginning_compete() -> None:
    assert given(b" v", b" version", math.log(0.3), LIKELIEST) == pytest.approx(math.log(0.5))
    assert given(b" ve", b" version", math.log(0.3), LIKELIEST) == pytest.approx(0.0)
    half = [*LIKELIEST[:2], (b" ", math.log(0.4))]  # a part of the beginning keeps to it as well
    assert given(b" v", b" version", math.log(0.3), half) == pytest.approx(math.log(0.3))


def test_a_token_that_is_alone_among_unlikely_ones_is_not_certain() -> None:
    seen = [(b" x", math.log(0.5))]
    assert given(b" q", b" queue", math.log(1e-4), seen) < math.log(0.01)
    assert given(b" q", b" queue", math.log(0.4), seen) > math.log(0.95)
