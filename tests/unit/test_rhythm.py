from __future__ import annotations

import pytest

from starcoder_lsp.completion.rhythm import Rhythm


def typed(*gaps: float) -> tuple[Rhythm, float]:
    rhythm, now = Rhythm(), 1000.0
    rhythm.key(now)
    for gap in gaps:
        now += gap
        rhythm.key(now)
    return rhythm, now


def test_it_learns_the_time_between_keys() -> None:
    assert typed(*[100.0] * 30)[0].interval_ms == pytest.approx(100, abs=1)
    assert typed(*[300.0] * 30)[0].interval_ms == pytest.approx(300, abs=1)


def test_pauses_are_no_rhythm() -> None:
    assert typed(1000.0, 5000.0, 60_000.0)[0].interval_ms == Rhythm().interval_ms
    assert typed(0.0, -5.0)[0].interval_ms == Rhythm().interval_ms


@pytest.mark.parametrize(
    ("answer_ms", "expected"),
    [
        (10, 40),  # bounded below
        (80, 80),  # as long as the answer would take
        (500, 200),  # but not longer than until the next key would have come
        (100_000, 200),
    ],
)
def test_the_wait(answer_ms: float, expected: float) -> None:
    rhythm, now = typed()  # 160 ms between keys, as long as nothing is known
    assert rhythm.wait_ms(now, answer_ms, least=40, most=400) == pytest.approx(expected)


@pytest.mark.parametrize(("answer_ms", "expected"), [(6, 0), (9.9, 0), (10, 10), (50, 50), (500, 200)])
def test_an_answer_that_costs_next_to_nothing_is_not_waited_for(answer_ms: float, expected: float) -> None:
    rhythm, now = typed()
    assert rhythm.wait_ms(now, answer_ms, least=0, most=400) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer_ms", "first_ms", "expected"),
    [
        (1_000, 250, 0),  # its first piece takes longer than the next key
        (1_000, 120, 80),  # it is there when the next key would have come
        (80, 20, 80),  # as long as the whole would take is short enough
    ],
)
def test_what_can_be_done_ahead_is_done_during_the_wait(answer_ms: float, first_ms: float, expected: float) -> None:
    rhythm, now = typed()
    assert rhythm.wait_ms(now, answer_ms, least=0, most=400, first_ms=first_ms) == pytest.approx(expected)
    assert rhythm.wait_ms(now, answer_ms, least=90, most=400, first_ms=first_ms) == pytest.approx(max(90, expected))


def test_the_wait_is_bounded_above() -> None:
    rhythm, now = typed(*[900.0] * 30)
    assert rhythm.wait_ms(now, 10_000, least=40, most=400) == 400


def test_time_since_the_last_key_counts_as_waited() -> None:
    rhythm, now = typed()
    assert rhythm.wait_ms(now + 30, 80, least=40, most=400) == pytest.approx(50)
    assert rhythm.wait_ms(now + 300, 80, least=40, most=400) == 0


def test_who_did_not_type_does_not_wait() -> None:
    assert Rhythm().wait_ms(5000, 80, least=40, most=400) == 0


def test_a_clock_that_steps_back_does_not_make_anyone_wait_longer() -> None:
    rhythm, now = typed()
    assert rhythm.wait_ms(now - 10_000, 80, least=40, most=400) == 400
