"""Which slot a prompt goes to where several windows share them."""

from __future__ import annotations

import pytest

from starcoder_lsp.engine.shared.slots import Slot, Slots

ME, YOU = 1, 2
FILE, OTHER = list(range(100, 200)), list(range(500, 600))


@pytest.fixture
def slots() -> Slots:
    """Three for full prompts, one for quick ones."""
    return Slots.empty(4)


def test_an_empty_slot_is_anybodys(slots: Slots) -> None:
    assert slots.place(FILE, 1, ME) == 0
    assert slots.seen_by(ME, 0).mine


def test_what_a_window_warmed_is_found_again(slots: Slots) -> None:
    slots.used(1, ME, FILE)
    assert slots.place([*FILE, 7], 1, ME) == 1


def test_two_windows_do_not_take_each_others(slots: Slots) -> None:
    slots.used(0, ME, FILE)
    assert slots.place(OTHER, 0, YOU) == 1
    slots.used(1, YOU, OTHER)
    assert slots.place(FILE, 0, ME) == 0


def test_what_one_window_has_warm_is_not_evaluated_again_by_another(slots: Slots) -> None:
    slots.used(2, ME, FILE)
    assert slots.place(FILE, 2, YOU) == 2
    assert slots.place(FILE, 0, YOU) == 2, "its window did not know of it yet"


def test_a_common_head_is_no_reason_to_cut_off_anothers_prompt(slots: Slots) -> None:
    slots.used(0, ME, FILE)
    head = FILE[:40]
    assert slots.seen_by(YOU, 0).worth([*head, *OTHER]) == 0
    assert slots.place([*head, *OTHER], 0, YOU) == 1
    assert slots.seen_by(ME, 0).worth([*head, *OTHER]) == 40


def test_where_all_are_taken_the_one_longest_unused_goes(slots: Slots) -> None:
    for slot, window in enumerate((ME, YOU, ME)):
        slots.used(slot, window, [slot] * 50)
    slots.used(0, ME, [0] * 50)
    assert slots.place(OTHER, 0, YOU) == 1


def test_quick_prompts_keep_to_the_last(slots: Slots) -> None:
    slots.used(3, ME, FILE)
    assert slots.place(OTHER, 3, YOU) == 3
    assert slots.place(FILE, 0, YOU) == 0, "a full one does not go there"


def test_a_single_slot_serves_all() -> None:
    slots = Slots.empty(1)
    slots.used(0, ME, FILE)
    assert slots.place(OTHER, 0, YOU) == 0


def test_what_a_window_leaves_behind_is_anybodys(slots: Slots) -> None:
    slots.used(0, ME, FILE)
    slots.left(ME)
    assert slots.seen_by(YOU, 0).mine


def test_a_short_prompt_counts_by_what_it_has() -> None:
    assert Slot([1, 2, 3]).worth([1, 2]) == 2
    slots = Slots.empty(3)
    slots.used(1, ME, [1, 2, 3])
    assert slots.place([1, 2], 1, ME) == 1
