from __future__ import annotations

import pytest
from attrs import evolve

from starcoder_lsp.documents import Edit
from tests.support.usage_desk import URI, Desk

TEXT = "value = compute(left, right)\n    return value"


def counted(desk: Desk) -> dict[str, int]:
    """What was done, of what is not nothing."""
    names = ("shown", "whole", "words", "lines", "accepted", "typed", "typed_through", "dismissed")
    return {name: int(getattr(desk.record, name)) for name in names if getattr(desk.record, name)}


def test_an_offer_is_counted_with_its_time_and_nothing_else() -> None:
    desk = Desk("x = ")
    desk.offer("1 + 2")
    assert counted(desk) == {}
    record = desk.record
    assert (record.offered, record.first_ms, record.language, record.model, record.at) == (
        5, 12.5, "python", "nano", 1_800_000_000,
    )  # fmt: skip


@pytest.mark.parametrize("report_first", [False, True])
def test_accepted_whole(report_first: bool) -> None:  # noqa: FBT001 - a parameter
    desk = Desk()
    desk.write("def f():\n    ║\nrest")
    name = desk.offer(TEXT)
    desk.usage.shown(name)
    if report_first:
        desk.usage.accepted(name)
    desk.put(TEXT)
    if not report_first:
        desk.usage.accepted(name)
    assert counted(desk) == {"shown": 1, "whole": 1, "accepted": len(TEXT)}
    desk.wait(30)
    assert desk.notes.measured == [("30s", len(TEXT), len(TEXT))]


@pytest.mark.parametrize("report_first", [False, True])
def test_accepted_word_by_word_then_a_line_then_the_rest(report_first: bool) -> None:  # noqa: FBT001 - a parameter
    desk = Desk()
    name = desk.offer(TEXT)
    desk.usage.shown(name)
    done = 0
    for piece, part in (("value", "word"), (" =", "word"), (" compute(left, right)", "line")):
        done += len(piece)
        if report_first:
            desk.usage.accepted(name, part, done)  # type: ignore[arg-type]
        desk.put(piece)
        if not report_first:
            desk.usage.accepted(name, part, done)  # type: ignore[arg-type]
    desk.put(TEXT[done:])
    desk.usage.accepted(name)
    assert counted(desk) == {"shown": 1, "whole": 1, "words": 2, "lines": 1, "accepted": len(TEXT)}


def test_a_part_that_completes_it_is_no_second_acceptance() -> None:
    desk = Desk()
    name = desk.offer("left + right")
    desk.put("left +")
    desk.usage.accepted(name, "word", 6)
    desk.put(" right")
    desk.usage.accepted(name, "word", 12)
    desk.usage.accepted(name)
    assert counted(desk) == {"shown": 1, "words": 2, "accepted": 12}


def test_a_long_word_that_completes_it_is_a_word() -> None:
    desk = Desk()
    name = desk.offer("a_rather_long_name")
    desk.put("a_rather_long_name")
    assert counted(desk) == {"shown": 1, "whole": 1, "accepted": 18}, "some editors report nothing"
    desk.usage.accepted(name, "word", 18)
    desk.usage.accepted(name)
    assert counted(desk) == {"shown": 1, "words": 1, "accepted": 18}
    desk.usage.saved(URI)
    assert desk.notes.measured == [("save", 18, 18)], "it is followed once"


def test_an_editor_that_does_not_say_which_part_it_was() -> None:
    desk = Desk()
    name = desk.offer("one two\nthree")
    desk.put("one")
    desk.usage.accepted(name, None, 3)
    desk.put(" two\n")
    desk.usage.accepted(name, None, 8)
    assert counted(desk) == {"shown": 1, "words": 1, "lines": 1, "accepted": 8}


def test_typed_through_to_the_end() -> None:
    desk = Desk()
    name = desk.offer("abcdef")
    desk.usage.shown(name)
    desk.type("abc")
    assert counted(desk) == {"shown": 1, "typed": 3}
    desk.offer("abcdef", skip=3)
    desk.type("def")
    assert counted(desk) == {"shown": 1, "typed": 6, "typed_through": 1}


def test_typed_a_little_then_accepted() -> None:
    desk = Desk()
    desk.offer("abcdef")
    desk.type("ab")
    rest = desk.offer("abcdef", skip=2)
    desk.put("cdef")
    desk.usage.accepted(rest)
    assert counted(desk) == {"shown": 1, "whole": 1, "accepted": 4, "typed": 2}


def test_typed_in_an_editor_that_sends_whole_texts() -> None:
    desk = Desk()
    desk.write("a\n║\nb\n")
    desk.offer("middle")
    for count in range(1, 7):
        desk.edit(0, len(desk.text), f"a\n{'middle'[:count]}\nb\n")
    assert counted(desk) == {"typed": 6, "typed_through": 1}


def test_a_key_that_was_erased_and_typed_again_counts_once() -> None:
    desk = Desk()
    desk.offer("abcdef")
    desk.type("abc")
    desk.edit(2, 3, "")
    desk.type("c")
    assert counted(desk) == {"typed": 3}


def test_typing_something_else_leaves_it() -> None:
    desk = Desk()
    desk.offer("abcdef")
    desk.type("ax")
    desk.edit(1, 2, "")
    desk.type("b")
    assert counted(desk) == {"typed": 1}


def test_a_bracket_that_the_editor_closes_does_not_end_it() -> None:
    desk = Desk("call")
    desk.cursor = 4
    desk.offer("(first)")
    desk.put("()")
    desk.cursor = 5
    assert counted(desk) == {"typed": 1}
    desk.type("f")
    assert counted(desk) == {"typed": 2}


def test_dismissed() -> None:
    desk = Desk()
    name = desk.offer("abc")
    desk.usage.shown(name)
    desk.usage.dismissed(name)
    desk.type("abc")
    assert counted(desk) == {"shown": 1, "dismissed": 1}


def test_what_a_list_had_selected_is_not_ours() -> None:
    desk = Desk("x.")
    desk.cursor = 2
    name = desk.offer("(a)", selected="append")
    desk.put("append(a)")
    desk.usage.accepted(name)
    assert counted(desk) == {"shown": 1, "whole": 1, "accepted": 3}
    desk.usage.saved(URI)
    assert desk.notes.measured == [("save", 3, 3)]


def test_lengths_are_utf_16_and_line_ends_may_be_two_characters() -> None:
    desk = Desk()
    desk.write("a\r\n║\r\nb")
    name = desk.offer("s = '😀'\nt = 1")
    desk.put("s = '😀'\r\nt")
    desk.usage.accepted(name, "word", len("s = '😀'\nt") + 1)  # the emoji is two units
    assert counted(desk) == {"shown": 1, "words": 1, "accepted": 9}
    desk.usage.saved(URI)
    assert desk.notes.measured == [("save", 9, 9)]


def test_what_still_stands_after_each_time_and_at_the_next_save() -> None:
    desk = Desk()
    desk.write("║\n")
    name = desk.offer("total = first + second")
    desk.put("total = first + second")
    desk.usage.accepted(name)
    desk.edit(0, 0, "# above\n")
    desk.wait(30)
    start = desk.text.index("first")
    desk.edit(start, start + 5, "other")
    desk.usage.saved(URI)
    end = desk.text.index(" + second")
    desk.edit(end, len(desk.text) - 1, "")
    desk.usage.saved(URI)
    desk.wait(270)
    size = len("total = first + second")
    (first, *_), (second, _, stood), (third, *_) = desk.notes.measured
    assert desk.notes.measured[0] == ("30s", size, size)
    assert (first, second, third) == ("30s", "save", "5min")
    assert size - 5 <= stood < size, "one word was replaced; a letter may be the same"
    assert desk.notes.measured[2][2] <= len("total = other")
    assert not desk.waiting


def test_a_formatter_that_sends_the_whole_file_takes_away_what_it_changed_only() -> None:
    desk = Desk()
    desk.write("import os\n\n\ndef f( a ):\n    ║\n\n\nprint( f(1) )\n")
    name = desk.offer("return  compute(a)")
    desk.put("return  compute(a)")
    desk.usage.accepted(name)
    formatted = desk.text.replace("( a )", "(a)").replace("return  ", "return ").replace("( f(1) )", "(f(1))")
    desk.edit(0, len(desk.text), formatted)
    desk.usage.saved(URI)
    assert desk.notes.measured == [("save", 18, 17)]


def test_several_edits_in_one_change() -> None:
    desk = Desk()
    desk.write("a\n║\nb\n")
    name = desk.offer("middle")
    desk.put("middle")
    desk.usage.accepted(name)
    end = len(desk.text)
    desk.edits(Edit(end - 2, end - 1, "bbb"), Edit(0, 1, "aaaa"), Edit(5, 6, "M"))
    assert desk.text == "aaaa\nMiddle\nbbb\n"
    desk.usage.saved(URI)
    assert desk.notes.measured == [("save", 6, 5)]


def test_a_closed_document_is_not_measured() -> None:
    desk = Desk()
    name = desk.offer("middle")
    desk.put("middle")
    desk.usage.accepted(name)
    desk.usage.closed(URI)
    desk.wait(300)
    assert desk.notes.measured == []


def test_unknown_suggestions_and_documents_are_nothing() -> None:
    desk = Desk()
    desk.usage.shown("x")
    desk.usage.dismissed("x")
    desk.usage.accepted("x", "word", 3)
    desk.usage.saved("file:///nowhere")
    desk.type("abc")
    assert desk.notes.records == {}


def test_turned_off_it_remembers_nothing() -> None:
    desk = Desk()
    name = desk.offer("abcdefgh")
    desk.usage.enable(on=False)
    desk.usage.shown(name)
    desk.put("abcdefgh")
    desk.usage.accepted(name)
    desk.offer("more", making="m2")
    assert counted(desk) == {}
    desk.usage.enable(on=True)
    desk.offer("more", making="m3")
    assert len(desk.notes.records) == 2


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("python", "python"),
        ("c++", "c++"),
        ("/home/me/secret.gguf", "secret.gguf"),
        ("C:\\me\\a b", "other"),
        ("", "other"),
    ],
)
def test_a_name_is_never_a_path(said: str, kept: str) -> None:
    desk = Desk()
    desk.offer("x", language=said, model=said)
    assert (desk.record.language, desk.record.model) == (kept, kept)


def test_a_suggestion_that_grows_is_one() -> None:
    desk = Desk()
    desk.offer("first line")
    name = desk.offer("first line\nsecond line")
    desk.put("first line\nsecond line")
    desk.usage.accepted(name)
    assert counted(desk) == {"shown": 1, "whole": 1, "accepted": 22}
    assert desk.record == evolve(desk.record, offered=22)


def test_alternatives_count_once_something_becomes_of_them() -> None:
    desk = Desk()
    desk.offer("first")
    second = desk.offer("second", alternative=True)
    third = desk.offer("third", alternative=True)
    assert len(desk.notes.records) == 1
    desk.usage.shown(second)
    desk.put("third")
    desk.usage.accepted(third)
    assert sorted((one.offered, one.shown, one.accepted) for one in desk.notes.records.values()) == [
        (5, False, 0), (5, True, 5), (6, True, 0),
    ]  # fmt: skip
    desk.usage.saved(URI)
    assert desk.notes.measured == [("save", 5, 5)]


def test_an_alternative_that_is_typed_into_is_followed_from_memory() -> None:
    desk = Desk()
    desk.offer("first")
    desk.offer("second", alternative=True)
    desk.type("se")
    desk.offer("second", skip=2)
    desk.type("cond")
    assert sorted((one.offered, one.typed) for one in desk.notes.records.values()) == [(5, 0), (6, 4)]


def test_a_shorter_piece_does_not_shorten_it() -> None:
    desk = Desk()
    desk.offer("abcdef")
    desk.offer("abc")
    assert desk.record.offered == 6
