"""A scripted session in a real VS Code: the counts equal what was done, to the event."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.usage.store import read
from tests.editors.lab import poll
from tests.editors.usage import counted
from tests.editors.vscode.test_vscode import BEFORE, KEYS, PAGE, TYPED, reported

if TYPE_CHECKING:
    from tests.editors.vscode.conversation import Tap
    from tests.editors.vscode.driver import Window

pytestmark = [pytest.mark.editors, pytest.mark.timeout(1500)]


def state() -> Path:
    """Where servers of this run count."""
    return Path(os.environ["XDG_STATE_HOME"], "starcoder-lsp", "usage.sqlite3")


@pytest.fixture(scope="module")
def others() -> set[int]:
    """Sessions that counted before this module's window was opened."""
    return {one.record.key[0] for one in read(state())}


def suggestion(window: Window, tap: Tap) -> tuple[Path, str]:
    """A new file with a suggestion on the screen, of which the server knows that it is shown."""
    mark = tap.count()
    file = window.open(PAGE)
    window.type(KEYS)
    window.wait_for_ghost()
    reported(tap, mark, "show")
    poll("the server has no more", lambda: not tap.pending())
    return file, window.wait_for_ghost()


def test_counts_equal_what_was_done(others: set[int], window: Window, tap: Tap) -> None:
    mark = tap.count()
    file, _ = suggestion(window, tap)
    window.press("Control+ArrowRight")
    _, name, word, part = reported(tap, mark, "acceptPartial")
    assert part == "word"
    text = tap.suggestions(mark)[name]
    saved = window.save(file)
    assert saved[len(BEFORE + TYPED) :].startswith(text[:word])

    tabbed = tap.count()
    file, _ = suggestion(window, tap)
    window.press("Tab")
    _, name = reported(tap, tabbed, "accept")
    whole = tap.suggestions(mark)[name]
    window.save(file)

    escaped = tap.count()
    suggestion(window, tap)
    window.press("Escape")
    reported(tap, escaped, "reject")
    window.wait_for_no_ghost()

    _, ghost = suggestion(window, tap)
    through = "\n" not in ghost
    if through:
        window.type(ghost, delay=60)
    expected = {
        "words": 1, "lines": 0, "whole": 1, "dismissed": 1, "accepted": word + len(whole), "typed_through": through,
    }  # fmt: skip
    kept = counted(state(), expected, others)
    assert [command[0] for command in tap.commands(mark)].count("reject") == 1
    assert sum(one.measured["save"] for one in kept) == word + len(whole)
    assert sum(one.standing["save"] for one in kept) == word + len(whole)
    shows = {command[1] for command in tap.commands(mark) if command[0] == "show"}
    assert 4 <= sum(one.record.shown for one in kept) <= len(shows) + 1


def test_the_palette_says_what_suggestions_were_worth(window: Window) -> None:
    window.press("F1")
    window.wait("the palette", ".quick-input-widget input:focus", lambda found: found)
    window.type("What Suggestions Were Worth")
    window.wait(
        "it is found", ".quick-input-list .monaco-list-row.focused", lambda rows: any("Worth" in row for row in rows)
    )
    window.press("Enter")
    window.wait_for_message("suggestions shown")
