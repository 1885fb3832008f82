r"""The line index against a naive one that looks at each character."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from starcoder_lsp.documents import Encoding, Snapshot, changed_until, line_starts, units
from starcoder_lsp.server.convert import edits_of

PIECES = st.sampled_from([
    "\n", "\r\n", "\r", "\n\r", "\f", "\v", "\x1c", "\x85", "\u2028", "\u2029", "a", "bc", "é", "€", "🎉", "e\u0301",
    "👩\u200d👧", "\ud83d", "\udc00", "\t", " ", "\x00",
])  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=2), max_size=30).map("".join)
# Without lone carriage returns a document has no index of lines: the other way to find one.
UNIX_TEXTS = TEXTS.map(lambda text: text.replace("\r", ""))
WINDOWS_TEXTS = UNIX_TEXTS.map(lambda text: text.replace("\n", "\r\n"))
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-32"])
_BYTES = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


def naive_units(text: str, encoding: Encoding) -> int:
    """Encode each character alone, so that two lone surrogates do not become a pair."""
    name = encoding if encoding == "utf-8" else f"{encoding}-le"
    return sum(len(one.encode(name, "surrogatepass")) // _BYTES[encoding] for one in text)


def naive_lines(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each line, its line end excluded."""
    lines, start, at = [], 0, 0
    while at < len(text):
        if text[at] in "\r\n":
            lines.append((start, at))
            at += text.startswith("\r\n", at)
            start = at + 1
        at += 1
    return [*lines, (start, len(text))]


def naive_offset(text: str, line: int, character: int, encoding: Encoding) -> int:
    lines = naive_lines(text)
    if line < 0:
        return 0
    if line >= len(lines):
        return len(text)
    start, end = lines[line]
    return max(at for at in range(start, end + 1) if at == start or naive_units(text[start:at], encoding) <= character)


@settings(max_examples=200)
@given(TEXTS | UNIX_TEXTS | WINDOWS_TEXTS, st.integers(-1, 32), st.integers(-1, 40), ENCODINGS)
def test_a_position_means_what_the_naive_encoder_says(text: str, line: int, character: int, encoding: Encoding) -> None:
    document = Snapshot.of("", 0, "", text)
    assert document.offset(line, character, encoding) == naive_offset(text, line, character, encoding)


@settings(max_examples=200)
@given(TEXTS | UNIX_TEXTS | WINDOWS_TEXTS, ENCODINGS)
def test_every_offset_has_its_position_and_comes_back(text: str, encoding: Encoding) -> None:
    document = Snapshot.of("", 0, "", text)
    lines = naive_lines(text)
    assert document.lines.count == len(lines)
    assert line_starts(text) == [start for start, _end in lines]
    for offset in range(len(text) + 1):
        place = offset - 1 if text[max(0, offset - 1) : offset + 1] == "\r\n" else offset
        number = max(index for index, (start, _end) in enumerate(lines) if start <= place)
        expected = number, naive_units(text[lines[number][0] : place], encoding)
        assert document.position(offset, encoding) == expected
        assert document.offset(*expected, encoding) == place


@settings(max_examples=30)
@given(st.integers(0, 12_000), st.sampled_from(["x = 1\n", "\n", "é\r\n", "long line " * 30 + "\n"]), TEXTS)
def test_lines_far_down_a_large_file_are_found(count: int, line: str, end: str) -> None:
    text = line * count + end
    document = Snapshot.of("", 0, "", text)
    assert document.lines.start(count) == len(line) * count
    assert document.lines.start(document.lines.count) is None


@settings(max_examples=100)
@given(TEXTS, ENCODINGS)
def test_lengths_are_those_of_the_naive_encoder(text: str, encoding: Encoding) -> None:
    assert units(text, encoding) == naive_units(text, encoding)


@settings(max_examples=200)
@given(st.text("ab\n", max_size=12), st.text("ab\n", max_size=4), st.data())
def test_where_a_change_ends(old: str, inserted: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(old)))
    end = data.draw(st.integers(start, len(old)))
    new = old[:start] + inserted + old[end:]
    same = next((at for at in range(min(len(old), len(new))) if old[at] != new[at]), min(len(old), len(new)))
    most = min(len(old), len(new)) - same
    behind = next(size for size in range(most, -1, -1) if old[len(old) - size :] == new[len(new) - size :])
    assert changed_until(old, new) == (-1 if old == new else len(new) - behind)
    until = changed_until(old, new, data.draw(st.integers(0, len(old))))
    if until >= 0:  # wherever the cursor was: what is behind is what was behind, and what is in front was in front
        left = len(new) - until
        assert new[until:] == old[len(old) - left :]
        assert min(until, len(old) - left) <= same or until == len(new) - behind
    if new != old and start == end:
        assert changed_until(old, new, start) == start + len(inserted)


POSITIONS = st.tuples(st.integers(0, 12), st.integers(0, 20))
CHANGES = st.tuples(st.none() | st.tuples(POSITIONS, POSITIONS), TEXTS)


@settings(max_examples=300)
@given(TEXTS | UNIX_TEXTS | WINDOWS_TEXTS, st.lists(CHANGES, max_size=6), ENCODINGS)
def test_changes_leave_what_the_naive_editor_has(
    text: str, changes: list[tuple[tuple[tuple[int, int], tuple[int, int]] | None, str]], encoding: Encoding
) -> None:
    """Ranges and whole texts, one after the other; positions past a line's end, in a character, behind the start."""
    sent: list[types.TextDocumentContentChangeEvent] = []
    expected = text
    for span, new in changes:
        if span is None:
            sent.append(types.TextDocumentContentChangeWholeDocument(text=new))
            expected = new
        else:
            start, end = (types.Position(line, character) for line, character in span)
            sent.append(types.TextDocumentContentChangePartial(range=types.Range(start, end), text=new))
            first, last = (naive_offset(expected, line, character, encoding) for line, character in span)
            expected = expected[:first] + new + expected[max(first, last) :]
    changed, edits = edits_of(Snapshot.of("", 0, "", text), sent, encoding)
    assert changed == expected
    for edit in edits:
        text = edit.apply(text)
    assert text == expected
