import pytest

from starcoder_lsp.repository.personal import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail = 'jane.doe@example.com'", "mail = '<EMAIL>'"),
        ("# Author: Jane Doe <jane@doe.dev>", "# Author: <NAME> <<EMAIL>>"),
        ("# by Jane Doe <jane@doe.dev>, 2020", "# <NAME> <<EMAIL>>, 2020"),
        ("// Copyright (c) 2019-2021 Jane Doe. All rights reserved.", "// Copyright (c) 2019-2021 <NAME>"),
        ('__author__ = "Jane Doe"', '__author__ = "<NAME>"'),
        (" * @author Jane Doe", " * @author <NAME>"),
        ("# TODO(jdoe): rewrite", "# TODO(<USERNAME>): rewrite"),
        ("path = '/home/jdoe/work'", "path = '/home/<USERNAME>/work'"),
        (r"p = 'C:\Users\Jane\x'", r"p = 'C:\Users\<USERNAME>\x'"),
        ('username = "jdoe"', 'username = "<USERNAME>"'),
        ("HOST = '203.0.113.7'", "HOST = '<IP_ADDRESS>'"),
        ("HOST = '2001:db8:0:1::7'", "HOST = '<IP_ADDRESS>'"),
        ("connect('10.1.2.3:8080')", "connect('<IP_ADDRESS>:8080')"),
    ],
)
def test_what_identifies_somebody_is_masked(text: str, expected: str) -> None:
    assert masked(f"a\n{text}\nb") == f"a\n{expected}\nb"


@pytest.mark.parametrize(
    "text",
    [
        "@property", "@app.route('/users')", "a @ b", "x = y[1::2]", "a[::-1]", "HOST = '127.0.0.1'", "bind('0.0.0.0')",
        "std::vector<std::string> names;", "time = '12:30:45'", "author = models.ForeignKey(User)", "user = get_user()",
        "authors = paper.pop('authors', None)", "def login(user, password):", "version = '1.2.3'",
        "use crate::a::b::c;", "/home/user/x", "NOTE: see below", "class Author:", "author: ForeignKey | None = None",
    ],
)  # fmt: skip
def test_code_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_letters_that_change_their_length_move_nothing() -> None:
    assert masked("İ" * 40 + "\nmail jane@doe.dev\nx") == "İ" * 40 + "\nmail <EMAIL>\nx"
