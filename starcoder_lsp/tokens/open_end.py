"""Where a text may be encoded otherwise once more text follows: its last word, as the tokenizer's rule cuts words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

_MOST: Final = 64
"""Characters of a last word: to write it again takes a token or two for code, and many for data."""


def open_end(rule: PreTokenizer, text: str) -> int:
    """Return how many characters at the end of `text` those are, blanks whose cut depends on a word included.

    0 where that is too long to be written again (a long token of data, a page of blanks), or is not all text. `text`
    begins where the rule cuts anyway (a line's start) and has no lone surrogates.
    """
    if not text:
        return 0
    start = rule.pre_tokenize_str(text)[-1][1][0]
    blanks = start - len(text[:start].rstrip())
    if blanks > 1 and not text[start].isspace():  # one run at a text's end, which a word behind it cuts in two
        start -= blanks
    word = text[start:]
    if len(word) > _MOST or not all(letter in "\n\t" or letter.isprintable() for letter in word):
        return 0
    return 0 if "\ufffd" in word else len(word)
