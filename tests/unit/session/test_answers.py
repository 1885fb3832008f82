"""What is offered: the text, where it goes, what is answered without the engine, and what is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from starcoder_lsp.session import Selected
from tests.support.fakes import continuation
from tests.support.session_bench import AT_ONCE, A, answer, inserted

if TYPE_CHECKING:
    from tests.support.session_bench import Bench, Ready


async def test_an_offer_says_what_and_where(bench: Bench) -> None:
    bench.open("x = 1\n")
    bench.stage.free.set()
    offer = await answer(bench.ask(5))
    assert offer is not None
    assert (offer.insert, offer.start, offer.end, offer.snapshot.uri) == (continuation("x = 1"), 5, 5, A)
    assert offer.model == "nano"
    assert bench.status == "ready"
    assert bench.session.status.latency_ms is not None


async def test_a_document_that_is_not_open_has_no_suggestion(bench: Bench) -> None:
    assert await answer(bench.ask(0)) is None
    bench.type("never opened")
    assert bench.session.snapshot(A) is None


async def test_what_a_list_has_selected_is_continued(bench: Bench) -> None:
    """As if it were accepted: asked behind it, offered with it, over what it replaces."""
    bench.open("x = pri\n")
    bench.stage.free.set()
    offer = await answer(bench.ask(7, selected=Selected(4, 7, "print")))
    assert offer is not None
    assert (offer.insert, offer.start, offer.end) == ("print" + continuation("x = print"), 4, 7)


async def test_the_same_place_is_answered_from_memory(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.free.set()
    first = await answer(bench.ask(4))
    before = len(bench.stage.steps)
    again = await answer(bench.ask(4))
    assert inserted(first) == inserted(again)
    assert first is not None
    assert again is not None
    assert first.id != again.id
    assert len(bench.stage.steps) == before
    assert bench.session.stats()["fromMemory"] == 1


async def test_typing_through_a_suggestion_needs_no_engine(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.free.set()
    whole = inserted(await answer(bench.ask(4)))
    before = len(bench.stage.steps)
    bench.type("x = " + whole[:3])
    assert inserted(await answer(bench.ask(7))) == whole[3:]
    assert len(bench.stage.steps) == before


async def test_a_suggestion_has_the_file_s_line_ends(bench: Bench) -> None:
    bench.open("x = 1\r\ny = 2\r\n")
    bench.stage.free.set()
    offer = await answer(bench.ask(12))
    assert inserted(offer) == continuation("x = 1\ny = 2")


async def test_a_new_text_under_an_old_version_number_is_a_new_text(bench: Bench) -> None:
    bench.open("x = 1\r\n")
    bench.stage.free.set()
    assert inserted(await answer(bench.ask(5))) == continuation("x = 1")
    bench.session.change(A, 1, "y = 2\r\n")
    assert inserted(await answer(bench.ask(5))) == continuation("y = 2")


async def test_what_the_model_doubts_is_hidden_and_remembered(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.sure = False
    bench.stage.free.set()
    assert await answer(bench.ask(4)) is None
    steps = len(bench.stage.steps)
    assert await answer(bench.ask(4)) is None
    assert len(bench.stage.steps) == steps


async def test_what_the_model_doubts_is_shown_to_a_person_who_asks(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.sure = False
    bench.stage.free.set()
    assert await answer(bench.ask(4)) is None
    steps = len(bench.stage.steps)
    whole = continuation("x = ")
    assert inserted(await answer(bench.ask(4, manual=True))) == whole
    assert len(bench.stage.steps) == 2 * steps  # with a gate of its own
    assert inserted(await answer(bench.ask(4, manual=True))) == whole
    bench.type("x = " + whole[0])
    assert inserted(await answer(bench.ask(5))) == whole[1:]  # it is typed through as any other
    assert len(bench.stage.steps) == 2 * steps  # remembered


async def test_a_language_that_is_off_is_answered_only_by_hand(ready: Ready) -> None:
    bench = await ready(evolve(AT_ONCE, languages={"markdown": False}))
    bench.stage.free.set()
    bench.open("# a", language="markdown")
    assert await answer(bench.ask(3)) is None
    assert await answer(bench.ask(3, manual=True)) is not None


async def test_reports_are_counted_and_unknown_ids_ignored(bench: Bench) -> None:
    bench.session.accepted("nonsense")
    bench.session.accepted_part("nonsense", 3)
    bench.session.shown("nonsense")
    bench.session.rejected("nonsense")
    assert bench.session.stats()["events"] == {"show": 1, "accept": 1, "acceptPartial": 1, "reject": 1}


async def test_who_asks_by_hand_is_offered_alternatives_each_with_an_id(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.others = ("other(a)", "third")
    bench.stage.free.set()
    assert await answer(bench.ask(4)) is not None
    automatic = await answer(bench.ask(4))
    assert automatic is not None
    assert automatic.others == ()
    offer = await answer(bench.ask(4, manual=True))
    assert offer is not None
    assert [one.insert for one in (offer, *offer.others)] == [continuation("x = "), "other(a)", "third"]
    assert len({one.id for one in (offer, *offer.others)}) == 3
    assert bench.session.status.shown == 2  # the one that came by itself, and what was asked for by hand


async def test_an_alternative_is_typed_through_and_accepted_as_any_other(bench: Bench) -> None:
    bench.open("x = ")
    bench.stage.others = ("other(a)", "order")
    bench.stage.free.set()
    offer = await answer(bench.ask(4, manual=True))
    assert offer is not None
    steps = len(bench.stage.steps)
    bench.type("x = o")
    through = await answer(bench.ask(5))
    assert through is not None
    assert [one.insert for one in (through, *through.others)] == ["ther(a)", "rder"]
    bench.type("x = ot")
    through = await answer(bench.ask(6))
    assert through is not None
    assert [one.insert for one in (through, *through.others)] == ["her(a)"]
    assert len(bench.stage.steps) == steps
    bench.session.accepted(offer.others[0].id)
    assert bench.session.stats()["acceptedCharacters"] == len("other(a)")
