from __future__ import annotations

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.cli import main
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.usage.record import Record
from starcoder_lsp.usage.store import Store, Unusable, read
from starcoder_lsp.usage.summary import since_days
from starcoder_lsp.usage.writer import Writer
from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = int(time.time())


def record(number: int, session: int = 1, at: int = NOW, **more: object) -> Record:
    return Record((session, number), at, "python", "nano", 12.5, 40, **more)  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "usage.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def put(path: Path, one: Record) -> None:
    """Keep one record, and close the file."""
    store = Store(path)
    try:
        store.put(one)
    finally:
        store.close()


def finished(writer: Writer) -> None:
    """End a writer, however long that takes on a busy machine."""
    writer.close()
    if writer._thread is not None:
        writer._thread.join(PATIENCE)


def records(path: Path) -> list[Record]:
    return [one.record for one in read(path)]


def test_a_suggestion_is_one_row_however_often_it_is_put(store: Store, path: Path) -> None:
    store.put(record(1))
    store.put(record(2))
    last = record(1, shown=True, whole=True, accepted=7, typed=2, words=1, lines=3, dismissed=True)
    store.put(last)
    store.measure((1, 1), "30s", 7, 5)
    store.measure((1, 1), "30s", 2, 2)
    store.measure((1, 1), "save", 7, 7)
    store.measure((1, 9), "save", 7, 7)  # was deleted meanwhile
    first, second = read(path)
    assert (first.record, second.record) == (last, record(2))
    assert first.measured == {"30s": 9, "5min": 0, "save": 7}
    assert first.standing == {"30s": 7, "5min": 0, "save": 7}
    assert [one.record.key for one in read(path, NOW + 1)] == []


def test_only_the_user_may_read_it(store: Store, path: Path) -> None:
    store.put(record(1))
    if sys.platform != "win32":
        for one in path.parent.iterdir():
            assert one.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0


def test_what_is_old_and_what_is_too_much_goes(store: Store, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        store.put(record(number, at=NOW - number))
    store.put(record(9, at=NOW - 200 * 86_400))
    store.close()
    monkeypatch.setattr("starcoder_lsp.usage.store._MOST_ROWS", 4)
    put(path, record(0, at=NOW))
    assert sorted(one.key[1] for one in records(path)) == [0, 1, 2, 3]


@pytest.mark.parametrize("content", [b"not a database at all, but a text of some length" * 40, b"\x00" * 5000])
def test_a_broken_file_is_set_aside(path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot be read: .* usage --clear"):
        records(path)
    with caplog.at_level(logging.WARNING):
        put(path, record(1))
    assert records(path) == [record(1)]
    (aside,) = path.parent.glob("usage-set-aside-*")
    assert aside.read_bytes() == content
    assert "It was set aside as" in caplog.text


def test_one_that_breaks_while_it_is_open_is_set_aside(store: Store, path: Path) -> None:
    store.put(record(1))
    store.close()
    data = bytearray(path.read_bytes())
    assert len(data) > 8192
    store.put(record(2))
    data[100:] = b"\xff" * (len(data) - 100)
    path.write_bytes(data)
    path.with_name(path.name + "-wal").unlink()
    store.close()
    store.put(record(3))
    assert records(path) == [record(3)]
    assert len(list(path.parent.glob("usage-set-aside-*"))) == 1


def test_another_programs_file_is_set_aside(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    with pytest.raises(ConfigError, match=r"another program's file"):
        records(path)
    put(path, record(1))
    assert records(path) == [record(1)]
    (aside,) = path.parent.glob("usage-set-aside-*")
    assert aside.exists()


def test_a_newer_programs_file_is_left_alone(store: Store, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store.put(record(1))
    store._opened_file().execute("PRAGMA user_version = 2")
    store.close()
    before = path.read_bytes()
    with pytest.raises(Unusable, match=r"a newer starcoder-lsp"):
        put(path, record(2))
    with pytest.raises(ConfigError, match=r"a newer starcoder-lsp"):
        records(path)
    writer = Writer(path)
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            writer.put(record(number))
        finished(writer)
    assert caplog.text.count("a newer starcoder-lsp") == 1
    assert path.read_bytes() == before


def test_one_that_is_deleted_while_it_is_open_is_made_anew(store: Store, path: Path) -> None:
    store.put(record(1))
    if sys.platform == "win32":
        return  # an open file cannot be deleted there
    for one in path.parent.iterdir():
        one.unlink()
    store.put(record(2))
    assert records(path) == [record(2)]


def test_clearing_leaves_an_open_writer_counting(store: Store, path: Path) -> None:
    store.put(record(1))
    other = Store(path)
    assert other.clear() == 1
    other.close()
    store.put(record(2))
    assert records(path) == [record(2)]


def test_a_folder_that_cannot_be_written_to_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    writer = Writer(tmp_path / "file" / "usage.sqlite3")
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            writer.put(record(number))
        finished(writer)
        finished(writer)
    assert caplog.text.count("is not counted") == 1


def test_a_locked_file_is_said_once_and_tried_again(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starcoder_lsp.usage.store._BUSY_S", 0.01)
    store = Store(path)
    store.put(record(0))
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    writer = Writer(path)
    with caplog.at_level(logging.WARNING):
        for number in (1, 2):
            writer.put(record(number))
        while "could not be written" not in caplog.text or not writer._waiting.empty():
            time.sleep(0.01)
        locker.execute("COMMIT")
        locker.close()
        writer.put(record(3))
        finished(writer)
    store.close()
    assert caplog.text.count("could not be written") == 1
    assert record(3) in records(path)


WRITING = """
import sys, time
from pathlib import Path
from starcoder_lsp.usage.record import Record
from starcoder_lsp.usage.writer import Writer

path, session, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
writer = Writer(path)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    writer.put(Record((session, number), int(time.time()), "python", "nano", None, 10, accepted=number))
    while not writer._waiting.empty():
        time.sleep(0)
    print(number, flush=True)
sys.stdin.readline()
writer.close()
writer._thread.join()
"""


def writing(path: Path, session: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITING, str(path), str(session), str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate("\n", PATIENCE)
    return said


def test_a_new_file_that_another_window_holds_is_waited_for(path: Path) -> None:
    """The change to a write-ahead log fails at once then, whatever the time-out is."""
    path.parent.mkdir()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.1, other.execute, ["COMMIT"])
    done.start()
    put(path, record(1))
    done.join()
    other.close()
    assert records(path) == [record(1)]


def test_several_windows_write_at_once(path: Path) -> None:
    windows = [writing(path, session, 150) for session in range(3)]
    for one in windows:
        say(one)
    for one in windows:
        finish(one)
        assert one.returncode == 0
    assert sorted(one.key for one in records(path)) == [
        (session, number) for session in range(3) for number in range(150)
    ]


def test_a_kill_at_any_moment_loses_at_most_the_last_event(path: Path) -> None:
    for session, after in enumerate((1, 7, 40)):
        process = writing(path, session, 100_000)
        assert process.stdout is not None
        say(process)
        said = -1
        while said < after:
            said = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
        begun = [int(line) for line in rest.split("\n")[:-1] if line.isdigit()]
        said = max([said, *begun])
        numbers = [one.key[1] for one in records(path) if one.key[0] == session]
        assert numbers == list(range(len(numbers)))
        # What was said last had been taken from the queue, and was being written.
        assert len(numbers) >= said
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_the_texts_that_are_compared_do_not_enter_the_file(path: Path) -> None:
    writer = Writer(path)
    writer.put(record(1, accepted=24))
    writer.measure((1, 1), "30s", "the_secret_of_the_source", "the_secret_of_the_Source!")
    finished(writer)
    (one,) = read(path)
    assert (one.measured["30s"], one.standing["30s"]) == (24, 23)
    for file in path.parent.iterdir():
        assert b"secret" not in file.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot change its time zone there")
def test_days_begin_at_local_midnight_on_either_side_of_summer_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        noon = time.mktime((2026, 10, 26, 12, 0, 0, 0, 0, -1))  # the day after summer time ended
        begins = [time.strftime("%m-%d %H:%M", time.localtime(since_days(days, noon))) for days in (1, 2, 3, 31)]
        assert begins == ["10-26 00:00", "10-25 00:00", "10-24 00:00", "09-26 00:00"]
        assert since_days(1, noon + 43_199) == since_days(1, noon) < since_days(1, noon + 43_200)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_summary_of_what_was_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("starcoder_lsp.commands.usage.database", lambda: path)
    monkeypatch.setattr(time, "time", lambda: NOW)  # a day may end while this runs
    store = Store(path)
    store.put(record(1, shown=True, whole=True, accepted=20))
    store.put(record(2, shown=True, typed=40, typed_through=True))
    store.put(record(3, shown=True, dismissed=True))
    store.put(
        Record((1, 4), NOW - 3 * 86_400, "rust", "starcoder2-3b", None, 9, shown=True, words=2, lines=1, accepted=9)
    )
    store.put(record(5, at=NOW - 60 * 86_400, shown=True, accepted=1))
    store.measure((1, 1), "5min", 20, 15)
    store.close()

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as end:
            main(["usage", *arguments])
        assert end.value.code == 0
        return capsys.readouterr().out

    said = json.loads(run("--json"))
    assert said["total"] == {
        "offered": 4, "shown": 4, "accepted": 2, "accepted_share": 0.5, "accepted_whole": 1, "accepted_words": 2,
        "accepted_lines": 1, "typed_through": 1, "dismissed": 1, "accepted_characters": 29, "typed_characters": 40,
        "first_piece_ms": 12.5, "still_standing": {"30s": None, "5min": 0.75, "save": None},
        "measured_characters": {"30s": 0, "5min": 20, "save": 0},
    }  # fmt: skip
    assert list(said["by_language"]) == ["python", "rust"]
    assert list(said["by_model"]) == ["nano", "starcoder2-3b"]
    assert len(said["by_day"]) == 2
    assert json.loads(run("--json", "--days", "1"))["total"]["offered"] == 3
    assert json.loads(run("--json", "--days", "90"))["total"]["offered"] == 5
    printed = run()
    assert "4 suggestions shown, 2 accepted (50%), 29 characters. 75% of them still stood 5 minutes later." in printed
    assert "rust" in printed
    page = path.parent / "page.html"
    assert run("--html", str(page)) == ""
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text.replace("http-equiv", "").lower(), "nothing is fetched"
    assert "<script" not in text
    assert run("--clear") == "Deleted the counts of 5 suggestions.\n"
    assert run("--clear") == "There is nothing to delete.\n"
    assert "no suggestions yet" in run()
