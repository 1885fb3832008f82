from __future__ import annotations

import pytest

from starcoder_lsp.completion.contradiction import cut_contradictions
from tests.support.places import cursor_at

_CALL = "c(\n            domain=domain,\n            partitioned=partitioned,\n            samesite=samesite,\n"


@pytest.mark.parametrize(
    ("marked", "text", "kept"),
    [
        # a keyword argument once more
        (_CALL + "        ▌)", "    partitioned=partitioned,\n            samesite=samesite,", ""),
        (_CALL + "            ▌\n        )", "httponly=x,\n            samesite=y", "httponly=x"),
        ("foo(a=1, ▌)", "b=2, a=3", "b=2"),
        ("foo(a=1, a▌)", "=2", ""),
        ("foo(▌, a=1)", "b=2, a=3", "b=2"),
        ("foo(▌)", "a=1, a=2", "a=1"),
        # a definition once more
        ("class A:\n    def decode(self):\n        pass\n\n    ▌", "def decode(self, data):\n        return 1", ""),
        ("def f():\n    pass\n\n\ndef g():\n    pass\n\n\nde▌", "f g():\n    pass", ""),
        ("▌\n\ndef f(x):\n    pass", "x = 1\ndef f(x):\n    pass", "x = 1"),
        ("func handle(w http.ResponseWriter) {\n}\n\nfu▌", "nc handle(w http.ResponseWriter) {", ""),
        # an argument list behind its closer
        ("def f(self)▌", "(self, x):", ""),
        # half a word taken for a name
        ("foo(samesite, sames▌)", "=sames,", ""),
    ],
)  # fmt: skip
def test_contradictions_are_cut(marked: str, text: str, kept: str) -> None:
    assert cut_contradictions(text, cursor_at(marked)) == kept


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("foo(a=1, ▌)", "b=2"),
        ("foo(a=1, ▌)", "b=bar(a=2)"),
        ("foo(a=1, b=bar(▌))", "a=2"),
        ("foo(a=1), bar(▌)", "a=2"),
        ("foo(a=1, ▌)", "b=a == 1"),
        ("foo(a=1, ▌)", "'a=2, a=3'"),
        ("(a=1, ▌)", "a=2"),
        ("for (i=0; i<n; ▌)", "i=i+1"),
        ("#[cfg(any(feature = 'a', ▌))]", "feature = 'b'"),
        ("class A:\n    @property\n    def x(self):\n        pass\n\n    ▌", "@x.setter\n    def x(self, y):"),
        ("    @x.setter\n    ▌\n", "def x(self, y):"),
        ("class A:\n    def f(self):\n        pass\n\nclass B:\n    ▌", "def f(self):\n        pass"),
        ("if a:\n    def f():\n        pass\nelse:\n    ▌", "def f():\n        pass"),
        ("def f():\n    ▌", "def f():\n        pass"),
        ("function f(a: string): void;\nfunction f(▌", "a: number): void;"),
        ("def _(x):\n    pass\n\n\n▌", "def _(y):"),
        ("require('a')('b')\nfoo(a)▌", "(b)"),
        ("(a)▌", "(b)"),
        ("items = 1\nfor item▌", " in items:"),
        ("foo(samesite, ▌)", "samesite=samesite"),
    ],
)  # fmt: skip
def test_what_only_resembles_a_contradiction_stays(marked: str, text: str) -> None:
    assert cut_contradictions(text, cursor_at(marked)) == text
