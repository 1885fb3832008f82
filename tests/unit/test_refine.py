from __future__ import annotations

import pytest

from starcoder_lsp.completion.refine import adapt, line_end_of, refine
from tests.support.places import cursor_at


def check(marked: str, written: str, expected: str) -> None:
    cursor = cursor_at(marked)
    assert refine(written, cursor) == expected


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("foo(▌)", "x)", "x"),
        ("foo(▌)", "x))", "x"),
        ("foo(▌)", "x, bar(y))", "x, bar(y)"),
        ("foo(▌)", "x)\nbar(y)", "x"),
        ("foo(▌);", "x);", "x"),
        ("foo(▌):", "self, x):", "self, x"),
        ("foo([▌])", "1, 2])", "1, 2"),
        ("foo(a[▌])", "0])", "0"),
        ("foo([a▌)", ", b])", ", b]"),
        ("foo((a▌)", ", b))", ", b)"),
        ("foo(▌)", '")")', '")"'),
        ("x[▌]", "i]", "i"),
        ("{▌}", "a: 1}", "a: 1"),
        ("def f(▌) -> int:", "a, b) -> int:", "a, b"),
        ("Vec<▌>", "String>", "String"),
        ("Vec<▌>,", "Option<T>>,", "Option<T>"),
        ("HashMap<String, Vec<▌>", "u8>>", "u8>"),
        ("Box<▌>", "dyn Fn(u8) -> u8>", "dyn Fn(u8) -> u8"),
        ("<div ▌>", 'id="x">', 'id="x"'),
        ("<a onClick={() => ▌}>", "f()}>", "f()"),
        # whatever follows the closer
        ("foo(▌)  # note", "a, b)", "a, b"),
        ("print(foo(▌), 1)", "a, b)", "a, b"),
        ("foo(▌).bar()", "a, b)", "a, b"),
        ("assert f(▌) == 1", "x)", "x"),
        ("items[▌] = 1", "i]", "i"),
        ("def f(▌) -> int:", "a, b)", "a, b"),
        ("if (▌) { // go", "a > b) {", "a > b"),
        ("elseif M.paused(status, buf▌) then", "):", ""),
        ("if (rest▌) then", "):", ""),
        ("function f(handlers: ▌): LanguageClient {", "ClientHandlers) {", "ClientHandlers"),
        ("import { homedir ▌} from 'node:os';", "} from 'node:path/'", ""),
        ("    if (a) {\n        foo(▌); // why", "b);", "b"),
        # opened on another line
        ("foo(\n    a▌)", ", b)", ", b"),
        ("foo(a,\n    bar(▌))", "x))", "x"),
        ("foo(\n    bar(▌\n)", "x))", "x)"),
        ("foo(\n    bar(▌)\n)", "x))", "x"),
        ("foo(a,\n    (v▌);", "oid*)b", "oid*)b"),
        ('x = "src/*"\nfoo(▌), b', "a), c", "a"),
        ("foo([\n    ▌\n])", "1,\n    2,\n])", "1,\n    2,"),
    ],
)
def test_brackets_behind_the_cursor_are_not_closed_twice(marked: str, written: str, expected: str) -> None:
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ('print("▌")', 'hello")', "hello"),
        ('print("▌")', 'hello", "world")', 'hello", "world'),
        ("x = '▌'", "a'", "a"),
        ('f"{▌}"', 'name}"', "name"),
        ('f"{name}▌"', ' is {age}"', " is {age}"),
        ("`${▌}`", "name}`", "name"),
        ('"""▌"""', 'Return it."""', "Return it."),
        ('def f():\n    """Return it.\n    ▌"""', 'More."""', "More."),
        ('x = "▌";', 'a";', "a"),
        ('{"a": "▌",', 'b",', "b"),
        (r'x = "▌"', r'a\"b"', r"a\"b"),
        ('x["▌"]', 'key"]', "key"),
        ('x = "▌" + y', 'abc"', "abc"),
        ('x = "▌" + y', 'abc" + z', "abc"),
        ('foo("▌", 1)  # note', 'a")', "a"),
        ('x = ["a", "▌], ["b"]', 'c"', 'c"'),  # the file does not close it
    ],
)
def test_quotes_behind_the_cursor_are_not_closed_twice(marked: str, written: str, expected: str) -> None:
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("return ▌;", "x;", "x"),
        ("return ▌;", "f(x);", "f(x)"),
        ("[a▌, ]", ", b, ]", ", b"),
        ("[a, ▌,]", "b,]", "b"),
        ("if x▌:", " > 0:", " > 0"),
        ("x[▌:]", "1:]", "1"),
        ("foo(a, ▌, c)", "b, c)", "b"),
        ("foo(▌, c)", "a, b, c)", "a, b"),
        ("foo(\n    ▌, c)", "a, b, c)", "a, b"),
        ("x▌ = compute()", "_y = compute()", "_y"),
        ("some▌ = compute(a, b)", "thing = compute(", "thing"),
        ("x = ▌value", "some_value", "some_"),
        ("<b>▌</b>", "bold</b>", "bold"),
        ("if ▌ else 0", "x > 0 else 0", "x > 0"),
        ("import ▌ as np", "numpy as np", "numpy"),
        ("import ▌as np", "numpy as np", "numpy "),
        ("import ▌as np", "numpy  ", "numpy "),
        ("foo(▌x)", "a, x)", "a, "),
        ("x = ▌  # why", "1  # why", "1"),
        ("if x▌: # why", " > 0:", " > 0"),
        ("foo(a▌, b)", ", c,", ", c"),
        ("if x▌:", ":\n    return 1", ""),
        ("if x▌:", " > 0:\n    return 1", " > 0"),
        ("return ▌;", "x;\n  y();", "x"),
    ],
)
def test_the_rest_of_the_line_is_not_repeated(marked: str, written: str, expected: str) -> None:
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("marked", "written"),
    [
        ("foo(▌)", "a, b"),
        ("foo(▌)", "bar(a)"),
        ("foo(▌)", "bar(a, [b])"),
        ("foo(▌)", "x).bar(y"),  # uses the bracket that is there
        ("foo(▌)", "x) + bar(y"),
        ("foo(▌)", '"a", "b)"'),
        ("foo(▌)", "')'"),
        ("foo((a▌)", ", b)"),
        ("foo([a▌)", ", b]"),
        ("foo(bar(a▌)", ", b)"),
        ("foo(\n    a▌)", ", b"),
        ("foo(▌, b)", "(a, b), c"),
        ("foo(▌, b)", "g(a, b)"),
        ("foo(▌, c)", "a, b"),
        ("x = ▌x", "max(x, y) + "),
        ("isgenerator▌on(obj)", "functi"),
        ("Mu▌s", "ltiClas"),
        ("Vec<▌>", "Vec<u8>"),
        ("Box<▌>", "dyn Fn() -> T"),
        ("x<▌>", "a => b"),
        ('print("▌")', "it's"),
        ('print("▌")', 'a", "b'),
        ('print("▌")', r"a \"b\" c"),
        ('print(▌")', '"hello'),  # the string begins in the suggestion
        ('x = ▌""', 'a["b"]'),
        ('"""▌"""', 'Return the "sum" of both.'),
        ("return ▌;", "x"),
        ("for (let i = 0; ▌;", "i < 10"),
        ("x = {▌}", '"a": {1: 2}, "b": {}'),
        ("[▌,]", "(1, 2), (3, 4)"),
        ("if (a) {▌}", " return b "[:-1]),
        ("<p>▌</p>", "a <b>c</b>"),
        ("foo▌()", "_bar"),
        ("foo(▌).bar()", "x).baz(y"),
        ("print(foo(▌), 1)", "a), bar(b"),
        ("if (▌) {", "f(a) && g(b)"),
        ('x = "▌" + y', 'a" + "b'),
        ("    *) x='▌'", "a)"),
        ("impl<'a, T: A▌> {", " + 'static"),
    ],
)
def test_good_suggestions_in_front_of_something_survive(marked: str, written: str) -> None:
    check(marked, written, written)


@pytest.mark.parametrize(
    ("marked", "written"),
    [
        ("x = ▌", "1"),
        ("x = ▌", " 1"),  # leading blanks belong to it
        ("▌", "import os\nimport sys"),
        ("▌", "import os\n\n\ndef f():\n    pass"),
        ("def f():\n    ▌", "a = 1\n    return a"),
        ("def f():\n  ▌", "  a = 1\n    return a"),  # the cursor stands in half of the indentation
        ("def f():\n▌", "    a = 1\n    return a"),
        ("def f():▌", "\n    return 1"),
        ("\tif a {\n\t\t▌\n\t}", "b()\n\t\tc()"),
        ("if a {▌", "\n\tb()\n}"),
        ("x = [▌]", "0, 0, 0, 0"),
        ("▌\nreturn None\n", "if a:\n    return None"),
        ("if a:\n    return None\n▌\n", "return None"),  # another indentation than above
        ("▌\nfoo(a)\n", "foo(a, b)"),
        ("▌\n}\n", "a {\n  b\n}\nc"),
        ("{\n  a▌\n}\n", "(() => {\n  })"),
        ("def f():\n    ▌\n    end\n  end", "  end\n      end\n    endif"),
        ("x = '▌", "<a href=/>"),
        ("▌", "usage: prog <filename> <s>x</s>"),
        ("x = ▌", "a < b > c"),
        ("# " + "-" * 70 + "\nx\n▌", "# " + "-" * 70),
        ("▌", "émoji = '🎉'"),
        ("a\n▌", "b\nc\nb\nc"),
        ("▌", "x = 1\n\ty = 2"),
    ],
)
def test_good_suggestions_survive_untouched(marked: str, written: str) -> None:
    check(marked, written, written)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        # the closer that stands behind the cursor gets a line of its own
        ("if (a) {▌}", "\n  b();\n}", "\n  b();\n"),
        ("if (a) {▌}", "\n  b();\n}\nc();\n", "\n  b();\n"),
        ("  if (a) {▌}", "\n    b();\n  }\n", "\n    b();\n  "),
        ("foo(() => {▌});", "\n  b();\n});", "\n  b();\n"),
        ("if (a) {▌}", "\n  b();", "\n  b();"),
        ("  if (a) {▌}", "\n    b();\n", "\n    b();"),
        ("if (a) {▌}", "\n  b();\n", "\n  b();\n"),
        # the closer stands in the next line
        ("{\n  ▌\n}", "a();\n}", "a();"),
        ("foo(() => {\n  ▌\n});", "a();\n})", "a();"),
        ("foo(() => {\n  ▌\n})", "a();\n});", "a();"),
        ("{\n  if (a) {\n    ▌\n  }\n}", "b();\n  }\n}", "b();"),
        ("x = [\n    ▌\n]", "1,\n    2,\n]", "1,\n    2,"),
        ("{\n  if (a) {\n    ▌\n  }\n  c();\n}", "b();\n  }\n  c();\n}", "b();"),
        # next lines
        ("▌\nreturn total\n", "a = 1\nreturn total", "a = 1"),
        ("▌\nreturn total\n", "return total", ""),
        ("ret▌\nreturn total\n", "urn total\nx", ""),
        ("▌\n\n\nreturn total\n", "a = 1\nreturn total\nb", "a = 1"),
        ("    a = 1\n    ▌", "a = 1", ""),
        ("a = 1\na ▌", "= 1", ""),
    ],
)
def test_what_the_file_says_below_or_above_is_not_said_again(marked: str, written: str, expected: str) -> None:
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ""),
        ("  ", ""),
        ("\n\n", ""),
        ("\t\n  \n", ""),
        ("a  \n\n", "a"),
        ("a\ufffd", "a"),
        ("a\x00b", "a"),
        ("\x1b[31m", ""),
        ("a<file_sep>src/b.py", "a"),
        ("a<|endoftext|>", "a"),
        ("<fim_middle>a", ""),
        ("0, " * 20, "0,"),
    ],
)
def test_noise_is_cut(written: str, expected: str) -> None:
    check("x▌", written, expected)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("    return a +▌", " b +", " b"),
        ("zlib.decompressobj(zlib.MAX_WBITS |▌)", " zlib.MAX_WBITS |", " zlib.MAX_WBITS"),
        ("    return▌", " BindableLogger(", " BindableLogger"),
        ("    if old in ▌", "event_", ""),
        ("foo(samesite, sames▌)", "=sames,", ""),
        ("foo(a=1, ▌)", "a=1)", ""),
        ("Same as bind, ex▌", "z" * 94, ""),
        ("def f():▌", "\n    if a:\n        return b(\n            c,\n        )", None),
        ("if (a) ▌", "{\n  b(() => {\n    c();\n  });\n}", None),
        ("x = ▌\n    a,\n)", "foo(", "foo("),
    ],
)
def test_what_ends_in_the_middle_or_contradicts_is_cut(marked: str, written: str, expected: str | None) -> None:
    check(marked, written, written if expected is None else expected)


def test_loops_are_cut() -> None:
    check("▌", "foo()\n" * 5, "foo()")
    check("x = 1\n▌", "a\n" + "if b:\n    c()\n" * 3 + "if", "a\nif b:\n    c()")


def test_a_file_about_control_tokens_may_be_told_of_them() -> None:
    check('SEPARATOR = "<file_sep>"\nassert SEPARATOR == ▌', '"<file_sep>"', '"<file_sep>"')


@pytest.mark.parametrize(
    ("text", "line_end"),
    [("", "\n"), ("a", "\n"), ("a\nb", "\n"), ("a\r\nb", "\r\n"), ("a\rb", "\r"), ("\r\n", "\r\n"), ("a\nb\r\n", "\n"),
     ("a\r\nb\n", "\r\n"), ("a\rb\nc", "\r")],
)  # fmt: skip
def test_a_file_has_the_line_end_of_its_first_line(text: str, line_end: str) -> None:
    assert line_end_of(text) == line_end


@pytest.mark.parametrize(("line_end", "expected"), [("\n", "a\n  b\n"), ("\r\n", "a\r\n  b\r\n"), ("\r", "a\r  b\r")])
def test_a_suggestion_gets_the_line_ends_of_the_file(line_end: str, expected: str) -> None:
    assert adapt("a\n  b\n", line_end=line_end) == expected


def test_a_file_with_carriage_returns_is_refined_like_any_other() -> None:
    check("def f():\r\n    ▌\r\n    return total\r\n", "a = 1\n    return total", "a = 1")
