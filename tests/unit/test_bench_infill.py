from __future__ import annotations

from starcoder_lsp.bench.infill import Local, ResultCache


def test_the_file_is_divided_at_the_cursors_line() -> None:
    text = "one\r\n  two = 1\r\nthree\r\n"
    local = Local.at(text, text.index(" = 1"))
    assert (local.prefix, local.middle, local.suffix, local.indent) == ("one\n", "  two", " = 1\nthree\n\n", 2)


def test_256_lines_before_and_64_after() -> None:
    text = "\n".join(str(number) for number in range(1_000))
    local = Local.at(text, text.index("500"))
    assert local.prefix.split("\n")[0] == "244"
    assert local.suffix.rstrip("\n").split("\n")[-1] == "564"


def test_a_blank_line_is_asked_from_its_start() -> None:
    local = Local.at("a\n    \nb\n", 6)
    assert (local.middle, local.suffix, local.indent) == ("", "\nb\n\n", 0)


def test_nothing_is_asked_twice_and_what_is_typed_is_shown_on() -> None:
    cache = ResultCache()
    local = Local.at("a\nb\nx\n", 5)
    assert not cache.known(local)
    cache.put(local, "yz")
    assert cache.known(local)
    assert cache.hint(local) == "yz"
    typed = Local.at("a\nb\nxy\n", 6)
    assert cache.hint(typed) == "z"
    assert not cache.known(typed)
    assert cache.hint(Local.at("a\nb\nxq\n", 6)) == ""


def test_a_prefix_that_scrolled_is_known() -> None:
    lines = [f"line {number}" for number in range(300)]
    cache = ResultCache()
    text = "\n".join(lines) + "\nx"
    cache.put(Local.at(text, len(text)), "done")
    scrolled = Local.at(text, len(text)).prefix.partition("\n")[2]
    assert cache.known(Local(scrolled, "x", "\n\n", 0))
