from __future__ import annotations

import pytest

from starcoder_lsp.completion.cache import Suggestion
from starcoder_lsp.session.feedback import Feedback

TEXT = "x = \n" * 10


def made(insert: str, making: str = "m1") -> Suggestion:
    return Suggestion(None, TEXT, 4, insert, identity=making)


def test_no_document_is_kept() -> None:
    feedback = Feedback()
    feedback.offered("s1", "file:///a", made("abc"))
    assert TEXT not in repr(feedback)


@pytest.mark.parametrize(
    ("events", "characters"),
    [
        ([("accept", 0)], 6),
        ([("acceptPartial", 2)], 2),
        ([("acceptPartial", 2), ("acceptPartial", 5)], 5),  # counted from its start
        ([("acceptPartial", 5), ("acceptPartial", 2), ("accept", 0)], 6),
        ([("acceptPartial", 99)], 6),
        ([("show", 0), ("reject", 0), ("accept", 0)], 0),
    ],
)
def test_accepted_characters(events: list[tuple[str, int]], characters: int) -> None:
    feedback = Feedback()
    feedback.offered("s1", "file:///a", made("abcdef"))
    for event, length in events:
        feedback.hear(event, "s1", length)
    assert feedback.characters == characters


def test_only_so_many_are_remembered() -> None:
    feedback = Feedback()
    for number in range(300):
        feedback.offered(f"s{number}", "file:///a", made("abc", f"m{number}"))
    assert feedback.hear("accept", "s1") is None
    assert feedback.hear("accept", "s299") is not None
    assert feedback.is_new("m1")
    assert not feedback.is_new("m298")
