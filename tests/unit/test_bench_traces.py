from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.bench.keystrokes import default_traces
from starcoder_lsp.bench.steps import Step, between_restarts, steps_of
from starcoder_lsp.bench.traces import Accept, BadTrace, Change, Open, Request, read_trace

if TYPE_CHECKING:
    from pathlib import Path

OPEN = {"event": "open", "path": "a.py", "language": "python", "text": "ab\ncd\n"}


def key(at_ms: float, line: int, column: int, text: str) -> dict[str, Any]:
    return {"event": "change", "t_ms": at_ms, "range": [[line, column], [line, column]], "text": text}


def ask(at_ms: float, line: int, column: int) -> dict[str, Any]:
    return {"event": "request", "t_ms": at_ms, "position": [line, column]}


def write(path: Path, *events: object) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return path


def steps(path: Path, *events: object) -> list[Step]:
    return steps_of(read_trace(write(path / "trace.jsonl", *events)))


def test_events_are_read_and_unknown_fields_ignored(tmp_path: Path) -> None:
    trace = read_trace(
        write(
            tmp_path / "one.jsonl",
            {**OPEN, "source": "anywhere"},
            {**key(5, 0, 1, "x"), "who": "me"},
            ask(6, 0, 2),
            {"event": "accept", "t_ms": 7},
        )
    )
    assert trace.name == "one"
    assert trace.events == (
        Open("a.py", "python", "ab\ncd\n"),
        Change(5, "a.py", (0, 1), (0, 1), "x"),
        Request(6, "a.py", (0, 2)),
        Accept(7),
    )


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ('{"event": "jump"}', '"event" must be'),
        ('{"event": "open", "path": "b.py", "language": "python"}', '"text" must be a text'),
        ('{"event": "change", "t_ms": -1, "range": [[0,0],[0,0]], "text": ""}', '"t_ms" must be'),
        ('{"event": "change", "t_ms": "1", "range": [[0,0],[0,0]], "text": ""}', '"t_ms" must be'),
        ('{"event": "change", "t_ms": 1, "range": [[0,0]], "text": ""}', '"range" must be'),
        ('{"event": "change", "t_ms": 1, "range": [[1,0],[0,5]], "text": ""}', "ends before it starts"),
        ('{"event": "change", "t_ms": 1, "range": [[0,true],[0,5]], "text": ""}', "whole numbers"),
        ('{"event": "change", "t_ms": 1, "range": [[0,0],[0,0]]}', '"text" must be a text'),
        ('{"event": "request", "t_ms": 1, "position": [0]}', "whole numbers"),
        ('{"event": "request", "t_ms": 1, "position": [0, 0], "path": "z.py"}', "not open"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(OPEN) + "\n\n" + line + "\n", encoding="utf-8")
    with pytest.raises(BadTrace) as error:
        read_trace(path)
    assert "bad.jsonl, line 3" in str(error.value)
    assert what in str(error.value)


def test_times_that_go_back_go_on_from_where_they_were(tmp_path: Path) -> None:
    events = read_trace(write(tmp_path / "t.jsonl", OPEN, ask(90, 0, 0), ask(10, 0, 0), ask(30, 0, 0))).events
    assert [event.at_ms for event in events if isinstance(event, Request)] == [90, 90, 110]


def test_a_file_comes_first(tmp_path: Path) -> None:
    with pytest.raises(BadTrace, match="before any file"):
        read_trace(write(tmp_path / "t.jsonl", ask(1, 0, 0)))
    with pytest.raises(BadTrace, match="no file is opened"):
        read_trace(write(tmp_path / "t.jsonl"))
    with pytest.raises(BadTrace, match="cannot be read"):
        read_trace(tmp_path / "missing.jsonl")


def test_a_key_and_its_request_are_one_step(tmp_path: Path) -> None:
    opened, first, second = steps(tmp_path, OPEN, key(10, 0, 2, "("), ask(12, 0, 3), key(200, 0, 3, "x"))
    assert (opened.kind, opened.offset) == ("open", 2)
    assert (first.kind, first.text, first.offset) == ("key", "ab(\ncd\n", 3)
    assert (second.kind, second.text, second.offset) == ("key", "ab(x\ncd\n", 4)


def test_a_request_inside_what_the_editor_closed(tmp_path: Path) -> None:
    step = steps(tmp_path, OPEN, key(10, 0, 2, "()"), ask(12, 0, 3))[-1]
    assert (step.kind, step.text, step.offset) == ("key", "ab()\ncd\n", 3)


def test_changes_of_one_moment_are_one_key(tmp_path: Path) -> None:
    step = steps(tmp_path, OPEN, key(10, 0, 2, "("), key(10, 0, 3, ")"), ask(10, 0, 3))[-1]
    assert (step.kind, step.text, step.offset) == ("key", "ab()\ncd\n", 3)


def test_a_request_elsewhere_is_a_jump_and_one_at_the_same_place_is_none(tmp_path: Path) -> None:
    kinds = [step.kind for step in steps(tmp_path, OPEN, key(10, 0, 2, "x"), ask(500, 0, 3), ask(900, 1, 1))]
    assert kinds == ["open", "key", "jump"]


def test_a_rest_is_where_nothing_changes_for_a_while(tmp_path: Path) -> None:
    events = (OPEN, key(10, 0, 2, "x"), key(100, 0, 3, "y"), key(700, 0, 4, "z"), {"event": "accept", "t_ms": 710})
    assert [step.rest for step in steps(tmp_path, *events)][1:] == [False, True, True, True]


def test_two_files_in_turn_and_columns_in_utf16(tmp_path: Path) -> None:
    other = {"event": "open", "path": "b.py", "language": "python", "text": "🙂z\r\n"}
    back = {"event": "open", "path": "a.py", "language": "python", "text": "ignored"}
    found = steps(
        tmp_path, OPEN, other, key(10, 0, 2, "x"), back, key(20, 1, 0, "y"), {**key(30, 0, 3, "w"), "path": "b.py"}
    )
    assert [(step.kind, step.path, step.text, step.offset) for step in found] == [
        ("open", "a.py", "ab\ncd\n", 3),
        ("open", "b.py", "🙂z\r\n", 1),
        ("key", "b.py", "🙂xz\r\n", 2),
        ("key", "a.py", "ab\nycd\n", 4),
        ("key", "b.py", "🙂xwz\r\n", 3),
    ]


def test_columns_behind_the_line_mean_its_end(tmp_path: Path) -> None:
    assert steps(tmp_path, OPEN, key(10, 0, 99, "x"))[-1].text == "abx\ncd\n"
    assert steps(tmp_path, OPEN, key(10, 99, 0, "x"))[-1].text == "ab\ncd\nx"


def test_most_keys_ends_a_trace_early(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path / "t.jsonl", OPEN, *(key(n * 10, 0, 2 + n, "x") for n in range(1, 9))))
    assert sum(step.kind == "key" for step in steps_of(trace, most_keys=3)) == 3


def test_after_a_restart_files_are_opened_again_as_they_stood(tmp_path: Path) -> None:
    again = {"event": "open", "path": "a.py"}
    found = steps(tmp_path, OPEN, key(10, 0, 2, "x"), {"event": "restart", "t_ms": 20}, again, key(30, 0, 3, "y"))
    assert [(step.kind, step.text[:4]) for step in found] == [
        ("open", "ab\nc"),
        ("key", "abx\n"),
        ("restart", "abx\n"),
        ("open", "abx\n"),
        ("key", "abxy"),
    ]
    assert [len(part) for part in between_restarts(found)] == [2, 2]


def test_what_was_open_before_a_restart_is_not_open_behind_it(tmp_path: Path) -> None:
    with pytest.raises(BadTrace, match="before any file is opened"):
        steps(tmp_path, OPEN, {"event": "restart", "t_ms": 20}, key(30, 0, 3, "y"))


def test_the_shipped_traces_replay() -> None:
    paths = default_traces()
    assert len(paths) == 13
    assert sum(path.stat().st_size for path in paths) < 1_100_000
    kinds = {step.kind for path in paths for step in steps_of(read_trace(path))}
    assert kinds == {"open", "key", "accept", "jump", "restart"}
    texts = [step.text for step in steps_of(read_trace(next(path for path in paths if "crlf" in path.name)))]
    assert all("\r\n" in text and "🙂" in text for text in texts)
