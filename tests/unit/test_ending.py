from __future__ import annotations

import pytest

from starcoder_lsp.completion.ending import cut_back
from tests.support.places import cursor_at


@pytest.mark.parametrize(
    ("marked", "text", "kept"),
    [
        ("return a +▌", " b +", " b"),
        ("return a + ▌", "b +", "b"),
        ("foo(zlib.MAX_WBITS |▌)", " zlib.MAX_WBITS |", " zlib.MAX_WBITS"),
        ("return▌", " BindableLogger(", " BindableLogger"),
        ("val ▌", "= self.get_", "= self"),
        ("val =▌", " self.get_cookie_", " self"),
        ("if old in ▌", "event_", ""),
        ("x = ▌", "self.", "self"),
        ("x▌", " =", ""),
        ("if a ▌", "and", ""),
        ("if a ▌", "and b or", "and b"),
        ("x = ▌", "[1, 2", "[1, 2"[:0]),
        ("x = ▌", '"abc', ""),
        ("print(▌)", 'x, "abc', "x,"),
        ("x = ▌", "foo(a, (b), c", "foo"),
        ("x = foo(▌\n", "a, bar(b", "a, bar"),
        ("x: ▌", "Vec<", "Vec"),
        ("a ▌", "&& b &&", "&& b"),
        ("a = ▌", "{", ""),
        ("f = ▌", "x =>", "x"),
        ('A = """a"""\n\ndef f():\n    x = ▌\n    y = """b"""\n', "self.", "self"),  # between two strings
        ("x = ▌", "a\n    + b +", "a\n    + b"),
    ],
)
def test_what_ends_in_the_middle_is_cut_back(marked: str, text: str, kept: str) -> None:
    assert cut_back(text, cursor_at(marked)) == kept


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("x = ▌", "foo(a)[0]"),
        ("▌", "if x:"),
        ("▌", "if x:\n    return foo(\n        a,\n    )\n"),
        ("▌", "if (a) {"),
        ("▌", "if (a) { // why"),
        ("▌", "function f() {\n  a();\n  b();"),
        ("▌", "describe('x', () => {\n  it('y', () => {\n    z();"),
        ("▌", "for x in y do |z|"),
        ("▌", "std::thread::spawn(move |_| {"),
        ("foo(▌", "a, b"),  # what was open before may stay open
        ("foo(▌)", "a,"),
        ("x = ▌\n    a,\n    b,\n)", "foo("),  # the file closes it
        ('print(▌")', '"hello'),
        ("x = ▌b", "a + "),
        ("x = ▌ b", "a +"),
        ('def f():\n    """Write `x`.\n\n    Uses▌\n    """\n', " `json.dumps(x)` and"),  # a sentence
        ('def f():\n    """Write `x` with ``dumps``▌"""\n', "."),
        ("x = (▌\n    b\n)", "a +"),  # the next line has the operand
        ("from x import ▌", "*"),
        ("▌", "i++"),
        ("x = ▌", "1."),
        ("x = ▌", "y[...]"),
        ("# see ▌", "what the (old"),
        ('"""▌"""', "Return what is"),
        ("▌", "# a comment of two lines and"),
        ("/*\n * ▌", "text and"),
        ("Some text.\n\nMore ▌", "of a text that ends."),
        ("class ▌", "class_"),
        ("get_▌\nget_(x)", "x + get_"),
        ("x = ▌", "self.__init__"),
        ("▌", 'def f():\n    """Say what.\n\n    And'),
        ("f(int ▌)", "*"),
        ("    '''\n    ▌", "It's a text"),
        ("x = [\n    ▌\n]", "1,"),
        ("var ▌", "x Vec<T>"),
        ("vim.▌", "schedule(function()"),
        ("vim.▌", "schedule(function()\n  a()"),
        ("▌", "import (\n\t'fmt'"),
        ('    "▌', '""Return it.'),
        ('    ""▌', '"Return it.'),
        ("--- What▌", " is meant."),
    ],
)
def test_complete_ones_are_left(marked: str, text: str) -> None:
    assert cut_back(text, cursor_at(marked)) == text


@pytest.mark.parametrize(
    ("text", "allowed", "kept"),
    [
        ("self.value + other", 18, "self.value + other"),
        ("self.value + other", 15, "self.value"),
        ("self.value + other", 10, "self.value"),
        ("self.value + other", 9, "self"),
        ("self.value + other", 3, ""),
        ("foo(a, b)", 8, "foo"),
        ("foo(a, b)", 9, "foo(a, b)"),
        ("foo(a) + bar(b)", 14, "foo(a) + bar"),
        ("a = 1\nb = 2", 8, "a = 1\nb"),
        ("foo", 99, "foo"),
        ("foo", 0, ""),
    ],
)
def test_of_what_is_allowed_the_longest_complete_beginning_is_kept(text: str, allowed: int, kept: str) -> None:
    assert cut_back(text, cursor_at("x = ▌"), allowed=allowed) == kept


def test_a_word_at_the_end_of_an_unfinished_text_may_be_half_a_word() -> None:
    cursor = cursor_at("x = ▌")
    assert cut_back("self.val", cursor, ended=False) == "self"
    assert cut_back("self.val()", cursor, ended=False) == "self.val()"
    assert cut_back("self.val", cursor, ended=True) == "self.val"
