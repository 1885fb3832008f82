"""`:StarcoderWhy`: what was read for the suggestion at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.neovim.driver import CODE, suggested

if TYPE_CHECKING:
    from tests.editors.neovim.driver import Open

pytestmark = pytest.mark.editors

SNIPPETS = """{
    {
        path = 'src/cart.py', start_line = 3, end_line = 3, tokens = 11, score = 0.5, why = 'imported',
        text = 'TAX = 7\\n',
    },
    {
        path = 'README.md', start_line = 1, end_line = 3, tokens = 12, score = 7, why = 'near',
        text = '```sh\\nmake\\n```',
    },
}"""


def test_why_shows_what_was_read_for_the_suggestion(open_neovim: Open) -> None:
    neovim, _ = suggested(open_neovim)
    neovim.type("<Esc>:StarcoderWhy<CR>")
    neovim.wait("a page", "return vim.bo.filetype == 'markdown'")
    page = neovim.lines()
    assert page[0] == "# Why this suggestion?"
    assert any(line.startswith("- The newest answer: ") for line in page), page
    assert not neovim.lua("return vim.bo.modifiable")
    neovim.type("q")
    neovim.wait("the code again", "return vim.bo.filetype == 'python'")


def test_the_page_says_why_each_piece_of_another_file_is_there(open_neovim: Open) -> None:
    neovim = open_neovim(CODE)
    context = f"""{{
        root = '/shop', budget = 1024, tokens = 23, rank_ms = 3.24, index = {{ files = 12, symbols = 40 }},
        snippets = {SNIPPETS}, left_out = {{ {{ path = 'src/tax.py', why = 'says nothing new' }} }}, in_prompt = false,
        confidence = 0.6571, evaluated = 1, generated = vim.NIL, message = vim.NIL,
    }}"""
    assert neovim.lua(f"return require('starcoder.why').page({context})".replace("\n", " ")) == [
        "# Why this suggestion?",
        "",
        "- Confidence: 0.66, the joint probability of its tokens; the option confidence says how much is asked for.",
        "- The newest answer: tokens evaluated: 1 (the rest was still in the cache).",
        "- Other files: 23 of at most 1024 tokens, chosen in 3.2 ms.",
        "- Looked at: 12 files with 40 symbols in `/shop`.",
        "",
        "## From other files, in the order of the prompt: the best last, next to your code",
        "",
        "The newest answer was made without these: they are being read, and stand in front of the next ones.",
        "",
        "### `src/cart.py`, line 3",
        "",
        "imported (11 tokens, score 0.50)",
        "",
        "```python",
        "TAX = 7",
        "```",
        "",
        "### `README.md`, lines 1-3",
        "",
        "near (12 tokens, score 7.00)",
        "",
        "````markdown",
        "```sh",
        "make",
        "```",
        "````",
        "",
        "## Looked at and left out",
        "",
        "- `src/tax.py`: says nothing new",
    ]
