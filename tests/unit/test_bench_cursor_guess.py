"""After a full-text change the server must guess where the user is; a wrong guess evaluates the window for nothing."""

from __future__ import annotations

from starcoder_lsp.documents import changed_until


def test_a_line_put_in_front_of_an_equal_one_ends_at_the_cursor() -> None:
    old = "if x:\n    y()\n    y()\n"
    cursor = len("if x:")
    assert changed_until(old, "if x:\n    y()\n    y()\n    y()\n", cursor) == cursor + len("\n    y()")


def test_without_a_cursor_the_last_of_the_possible_places_is_taken() -> None:
    assert changed_until("aa", "aaa") == 3


def test_enter_in_front_of_a_line_of_the_same_indentation() -> None:
    old = "    a\n    b\n"
    cursor = len("    a")
    assert changed_until(old, "    a\n    \n    b\n", cursor) == cursor + len("\n    ")


def test_backspace_ends_in_front_of_the_cursor_and_delete_at_it() -> None:
    assert changed_until("xaay", "xay", 3) == 2
    assert changed_until("xaby", "xby", 1) == 1


def test_a_cursor_that_does_not_fit_is_not_believed() -> None:
    assert changed_until("abc\ndef", "abc\ndeef", 2) == len("abc\ndee")
