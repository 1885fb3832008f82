"""A scripted session in a real Neovim: the counts equal what was done, to the event."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.editors.neovim.driver import CODE, INDENT, PAGE, suggested
from tests.editors.neovim.test_neovim import TRACE, commands, saved, sent
from tests.editors.usage import counted

if TYPE_CHECKING:
    from tests.editors.lab import Home
    from tests.editors.neovim.driver import Open

pytestmark = pytest.mark.editors


def ids(home: Home, command: str) -> set[str]:
    """The suggestions of which the server heard this."""
    found = (re.search(rf'arguments = \{{ "([^"]+)".*command = "starcoder\.{command}"', line) for line in sent(home))
    return {one[1] for one in found if one}


def test_counts_equal_what_was_done(home: Home, open_neovim: Open) -> None:
    neovim, first = suggested(open_neovim, PAGE + TRACE)
    word = re.match(r"\s*(\w+|[^\w\s]+)", first)
    assert word
    neovim.type("<M-w>")
    neovim.wait("the word is in the text", f"return vim.endswith(vim.api.nvim_get_current_line(), {'re' + word[0]!r})")
    left = first[len(word[0]) :]
    assert neovim.ghost() == left
    neovim.type("<M-l>")
    line = left.split("\n")[0]
    neovim.wait("the line is in the text", f"return vim.endswith(vim.api.nvim_get_current_line(), {word[0] + line!r})")
    neovim.save()
    assert saved(home).startswith(CODE + INDENT + "re" + word[0] + line)

    neovim.type("uore")  # what was accepted last is taken back, and the same place is asked for again
    neovim.wait_ghost()
    neovim.type("<C-]>")
    neovim.wait_no_ghost()
    neovim.save()
    neovim.type(":Starcoder usage<CR>")
    neovim.wait("the sentence is there", "return vim.fn.execute('messages'):find('suggestions shown') ~= nil")

    state = home.path / "state" / "starcoder-lsp" / "usage.sqlite3"
    rejected = len(ids(home, "reject"))
    expected = {
        "words": 1, "lines": 1, "whole": 0, "accepted": len(word[0] + line), "typed_through": 0, "dismissed": rejected,
    }  # fmt: skip
    kept = counted(state, expected)
    assert rejected >= 1
    assert commands(home).count("starcoder.acceptPartial") == 2
    shown = [one for one in kept if one.record.shown]
    assert len(shown) <= len(ids(home, "show") | ids(home, "acceptPartial"))
    assert sum(one.measured["save"] for one in kept) == len(word[0] + line)
    assert sum(one.standing["save"] for one in kept) == len(word[0] + line)
    assert {(one.record.language, one.record.model) for one in kept} == {("python", "nano")}


def test_a_suggestion_accepted_whole_and_one_typed_through(home: Home, open_neovim: Open) -> None:
    neovim, ghost = suggested(open_neovim, PAGE + TRACE)
    neovim.type("<Tab>")
    first = ghost.split("\n")[0]
    neovim.wait("it is in the text", f"return vim.fn.search({('re' + first)!r}, 'nw') > 0")
    neovim.save()
    neovim.type("Gore")
    second = neovim.wait_ghost()
    typed = second.split("\n")[0]
    for letter in typed:
        neovim.type("<lt>" if letter == "<" else letter)
    neovim.wait("it is typed", f"return vim.endswith(vim.api.nvim_get_current_line(), {('re' + typed)!r})")
    neovim.save()

    state = home.path / "state" / "starcoder-lsp" / "usage.sqlite3"
    through = {"typed": len(typed), "typed_through": typed == second}
    counted(state, {"words": 0, "lines": 0, "whole": 1, "accepted": len(ghost), **through})
