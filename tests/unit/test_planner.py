"""Contexts of a document: the newest takes over by cost alone, in a slot of its own."""

from __future__ import annotations

import pytest
from attrs import define, evolve, field

from starcoder_lsp.completer import Ask, Speed
from starcoder_lsp.completer.planner import Planner
from starcoder_lsp.completion.context import Neighbour, Neighbours
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.engine.base import common_prefix
from tests.support.encoders import STARCODER2, Words

TEXT = "".join(f"value_{number} = {number}\n" for number in range(60))
ONE, TWO = (
    Neighbours(key, "repo", (Neighbour(f"{key}.py", f"def {key}():\n    pass\n" * 20),)) for key in ("one", "two")
)
ASK = Ask(("", "file:///a.py"), Place(TEXT, len(TEXT), "a.py"), layout="spm", context_share=0.25)


@define(eq=False)
class Slots:
    """What an engine with four slots would hold."""

    held: list[list[int]] = field(factory=lambda: [[] for _ in range(4)])
    words: Words = field(factory=Words)
    planner: Planner = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.planner = Planner(
            STARCODER2,
            self.words.chunks,
            lambda _text: 0,
            8192,
            4,
            lambda ids, slot: common_prefix(ids, self.held[slot]),
            Speed(1e5, 100.0),
        )

    def ask(self, ask: Ask) -> tuple[str, int, int]:
        """Evaluate what is planned; return its context's key, its slot and its cost."""
        choice, _quick = self.planner.plan(ask)
        self.held[choice.slot] = list(choice.prompt.ids)
        self.planner.touch(choice.slot)
        return choice.prompt.context.key, choice.slot, choice.cost

    def restarted(self) -> Slots:
        """Return what a planner of another process finds."""
        other = Slots([list(ids) for ids in self.held], self.words)
        other.planner.speed = self.planner.speed
        return other

    def fill(self, ask: Ask) -> int:
        choice = self.planner.plan_full(ask)
        self.held[choice.slot] = list(choice.prompt.ids)
        self.planner.touch(choice.slot)
        return choice.slot


def test_a_new_context_is_used_once_it_is_evaluated_and_no_request_pays_for_it() -> None:
    slots = Slots()
    assert slots.ask(ASK)[0] == ""
    _key, before, cost = slots.ask(ASK)
    assert cost == 0
    newer = evolve(ASK, neighbours=ONE)
    assert slots.ask(newer) == ("", before, 0)
    other = slots.fill(newer)
    assert other != before
    assert slots.ask(newer) == ("one", other, 0)
    newest = evolve(ASK, neighbours=TWO)
    assert slots.ask(newest) == ("one", other, 0)
    third = slots.fill(newest)
    assert third != other
    assert slots.ask(newest) == ("two", third, 0)


def test_a_file_without_neighbours_stands_as_in_training_from_the_first_prompt_on() -> None:
    choice, _quick = Slots().planner.plan(ASK)
    assert choice.prompt.ids[0] == STARCODER2.file_separator


def test_the_windows_do_not_move_when_neighbours_come() -> None:
    slots = Slots()
    alone = slots.planner.plan_full(ASK).prompt
    full = slots.planner.plan_full(evolve(ASK, neighbours=ONE)).prompt
    assert (full.prefix, full.suffix) == (alone.prefix, alone.suffix)
    assert full.context.key == "one"


LONG = "".join(f"value_{number} = other_{number} + {number}\n" for number in range(2_000))


def at(line: int, text: str = LONG) -> Ask:
    """A place at a line's end in the long file."""
    offset = sum(map(len, text.splitlines(keepends=True)[:line])) - 1
    return Ask(("", "file:///long.py"), Place(text, offset, "long.py"), layout="spm")


def typed(ask: Ask, more: str) -> Ask:
    place = ask.place
    text = place.text[: place.offset] + more + place.text[place.offset :]
    return evolve(ask, place=evolve(place, text=text, offset=place.offset + len(more)))


@pytest.mark.parametrize("lines", [3, 40])
def test_a_window_that_is_held_is_found_again_wherever_it_began(lines: int) -> None:
    """Another process knows no anchors: it follows what is held."""
    slots = Slots()
    slots.planner.speed.prefill = 30.0
    first = at(1_000)
    slots.fill(first)
    later = typed(first, "".join(f"\nmore_{number} = {number}" for number in range(lines)))
    slots.fill(later)
    again = slots.restarted()
    choice = again.planner.plan_full(later)
    assert choice.cost == 0
    assert choice.prompt.prefix.start == slots.planner.plan_full(later).prompt.prefix.start
    elsewhere = again.planner.plan_full(at(1_500))
    assert elsewhere.cost > 500
    assert elsewhere.prompt.prefix.start > choice.prompt.prefix.start


def test_a_window_behind_other_neighbours_is_not_followed() -> None:
    slots = Slots()
    slots.planner.speed.prefill = 30.0
    first = evolve(at(1_000), context_share=0.25)
    for _ in range(2):  # the window first, and then behind its neighbours
        slots.fill(evolve(first, neighbours=ONE))
    again = slots.restarted()
    assert again.planner.plan_full(evolve(first, neighbours=TWO)).cost > 500
    assert again.planner.plan_full(evolve(first, neighbours=ONE)).cost == 0


@pytest.mark.parametrize(("one", "other"), [(30.0, 3_000.0), (300.0, 900.0), (10_000.0, 30_000.0)])
def test_processes_that_measured_about_the_same_have_the_same_windows(one: float, other: float) -> None:
    budgets = []
    for speed in (one, other):
        slots = Slots()
        slots.planner.context_window = 65_536
        slots.planner.speed.prefill = speed
        budgets.append(slots.planner.budgets(96).full)
    assert budgets[0] == budgets[1]


def test_a_window_grows_with_the_speed_and_keeps_its_size_while_that_wavers() -> None:
    slots = Slots()
    slots.planner.context_window = 65_536
    speed, sizes = slots.planner.speed, []
    for speed.prefill in (1_000.0, 17_000.0, 18_000.0, 6_000.0, 2_000.0):
        sizes.append(slots.planner.budgets(96).full)
    assert sizes == [2_176, 2_176, 8_704, 8_704, 2_176]


def test_a_document_that_was_left_is_not_filled() -> None:
    slots = Slots()
    slots.planner.speed.prefill = 30.0
    left = at(1_000)
    slots.planner.plan(left)
    assert not slots.planner.is_left(left, slots.planner.plan_full(left))
    slots.planner.plan(ASK)
    assert slots.planner.is_left(left, slots.planner.plan_full(left))
    slots.fill(left)
    assert not slots.planner.is_left(left, slots.planner.plan_full(left)), "it is there: it may be kept"


@pytest.mark.parametrize("returning", [True, False])
def test_the_anchors_of_the_documents_used_last_are_kept(*, returning: bool) -> None:
    planner, first = Slots().planner, at(1_000)
    later = typed(first, "".join(f"\nmore_{number} = {number}" for number in range(40)))
    start = planner.plan_full(first).prompt.prefix.start
    for number in range(100):
        if returning:
            planner.plan_full(later)
        planner.plan_full(evolve(ASK, document=("", f"file:///{number}.py")))
    assert (planner.plan_full(later).prompt.prefix.start == start) is returning
