"""Hypothesis strategies for code: shaped like a file, with what windows and rules get wrong."""

from __future__ import annotations

from hypothesis import strategies as st

_TOKENS = st.sampled_from([
    "foo", "bar", "x", "value", "return ", "if ", "else", "def ", "end", "(", ")", "[", "]", "{", "}", "<", ">", "=>",
    "->", "=", ", ", ":", ";", ".", '"', "'", "`", '"""', "\\", "#", "//", " ", "  ", "0, ", "é", "🎉", "\u2028", "\f",
    "<fim_middle>", "<file_sep>", "<|endoftext|>", "\ufffd", "\x00",
])  # fmt: skip
_INDENTS = st.sampled_from(["", "", "  ", "    ", "        ", "\t", "\t\t"])

LINES = st.builds(lambda indent, tokens: indent + "".join(tokens), _INDENTS, st.lists(_TOKENS, max_size=8))
CODE = st.lists(LINES, max_size=20).map("\n".join)
LONG_CODE = st.lists(LINES | LINES.map(lambda line: line * 60), min_size=5, max_size=80).map("\n".join)
"""With lines longer than small windows, such as minified files have."""
