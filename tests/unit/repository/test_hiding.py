"""What of the text around a cursor may be in a prompt."""

from __future__ import annotations

import pytest

from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.repository.hiding import Hider
from tests.support.planted_secrets import PLANTED

CODE = "import os\n\n\ndef main():\n    return os.getcwd()\n"


def test_a_text_without_secrets_is_the_very_same() -> None:
    place = Place(CODE, 20, "a.py")
    hider = Hider()
    assert hider.at(place).place is place
    assert hider.at(place).place is place


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("before", [True, False])
def test_no_secret_before_or_behind_the_cursor_s_line(name: str, *, before: bool) -> None:
    lines, secret = PLANTED[name]
    text = f"{lines}\n{CODE}value = \n" if before else f"{CODE}value = \n{lines}\n"
    offset = text.index("value = ") + len("value = ")
    hidden = Hider().at(Place(text, offset, "a.py")).place
    assert secret not in hidden.text
    assert hidden.text[: hidden.offset].endswith("\nvalue = ")
    assert hidden.text[: hidden.offset].count("\n") == text[:offset].count("\n")
    assert hidden.text.count("\n") == text.count("\n")


def test_the_cursor_s_own_line_stays_and_is_known() -> None:
    lines, secret = PLANTED["github token"]
    text = f"{CODE}{lines}\n"
    offset = text.index(secret) + 4
    assert Hider().at(Place(text, offset)).place.text == text
    assert Hider().at(Place(text, offset)).secret
    assert not Hider().at(Place(text, 3)).secret
    assert not Hider().at(Place("", 0)).secret


def test_far_away_text_is_left_alone_and_offsets_hold() -> None:
    lines, secret = PLANTED["github token"]
    filler = "x = 1\n" * 100_000
    text = f"{lines}\n{filler}{lines}\nvalue = \n{lines}\n{filler}{lines}\n"
    offset = text.index("value = ") + 8
    hidden = Hider().at(Place(text, offset)).place
    assert hidden.text[: hidden.offset].endswith("value = ")
    assert secret not in hidden.text[hidden.offset - 150_000 : hidden.offset + 150_000]


@pytest.mark.parametrize("name", [name for name, (lines, _secret) in PLANTED.items() if "\n" in lines])
def test_a_secret_of_several_lines_with_the_cursor_in_it(name: str) -> None:
    lines, secret = PLANTED[name]
    text = f"{CODE}{lines}\n{CODE}"
    start = len(CODE)
    for offset in range(start, start + len(lines)):
        line = text[text.rfind("\n", 0, offset) + 1 :].partition("\n")[0]
        hidden = Hider().at(Place(text, offset)).place
        assert secret not in hidden.text or (secret in line and Hider().at(Place(text, offset)).secret), offset
