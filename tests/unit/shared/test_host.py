"""The engine process between windows, over real sockets; its engine waits for the test at each step."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve, field

from starcoder_lsp.engine.base import CancelToken, EngineInfo, Evaluation, Generation, Lane, Token, common_prefix
from starcoder_lsp.engine.shared.connection import Connection
from starcoder_lsp.engine.shared.greeting import PROCESS, prove
from starcoder_lsp.engine.shared.host import Host
from starcoder_lsp.engine.shared.joining import Joiner, NotShared
from starcoder_lsp.engine.shared.messages import Ask, Challenge, Greeting, encode
from starcoder_lsp.engine.shared.place import Card, Place
from starcoder_lsp.errors import BadTokens, EngineFailed
from tests.support.fakes import PATIENCE
from tests.support.shared_engine import SharedProcess
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starcoder_lsp.engine.base import OnToken
    from starcoder_lsp.engine.shared.client import SharedEngine
    from starcoder_lsp.engine.shared.window import Window

pytestmark = pytest.mark.slow


@define(eq=False)
class Stepping:
    """An engine that evaluates a token a step, and writes what depends on all before; steps wait for a permit."""

    info: EngineInfo = field(factory=lambda: EngineInfo("stepping", 4096, 4, "for tests"))
    permits: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    free: bool = True
    steps: list[int] = field(factory=list)
    """First id of the prompt that each step was for."""
    kept: list[list[int]] = field(factory=list)
    fail: BaseException | None = None
    chunk: int = 1
    """Tokens of a prompt that are evaluated in a step."""
    closed: bool = False
    _cached: list[list[int]] = field(factory=lambda: [[], [], [], []])

    def cached(self, slot: int) -> Sequence[int]:
        return self._cached[slot]

    def reusable(self, ids: Sequence[int], slot: int) -> int:
        return common_prefix(ids, self._cached[slot])

    def keep(self, slot: int) -> None:
        self.kept.append(list(self._cached[slot]))

    def _step(self, ids: Sequence[int], cancel: CancelToken) -> bool:
        while not self.free and not cancel.cancelled and not self.permits.acquire(timeout=0.002):
            pass
        if cancel.cancelled:
            return False
        if self.fail is not None:
            raise self.fail
        self.steps.append(ids[0])
        return True

    def prefill(self, ids: Sequence[int], *, slot: int, cancel: CancelToken) -> Evaluation:
        if max(ids) > 1 << 20:
            raise BadTokens("outside the vocabulary")
        known = done = self.reusable(ids, slot)
        while done < len(ids) and self._step(ids, cancel):
            done = min(len(ids), done + self.chunk)
        self._cached[slot] = list(ids[:done])
        return Evaluation(known, done - known, 1.0, done == len(ids))

    def generate(
        self,
        ids: Sequence[int],
        *,
        slot: int,
        max_tokens: int,
        on_token: OnToken,
        cancel: CancelToken,
        begin: str = "",
        others: bool = False,
    ) -> Generation:
        del begin, others
        prefill, written = self.prefill(ids, slot=slot, cancel=cancel), list(ids)
        while prefill.completed and len(written) - len(ids) < max_tokens:
            if not self._step(ids, cancel):
                return Generation(prefill, len(written) - len(ids), 1.0, "cancelled")
            written.append(follows(written))
            self._cached[slot] = list(written)
            if on_token(Token(written[-1], b"%d " % written[-1], -0.5)):
                return Generation(prefill, len(written) - len(ids), 1.0, "stop")
        finish = "length" if prefill.completed else "cancelled"
        return Generation(prefill, len(written) - len(ids), 1.0, finish)  # type: ignore[arg-type]

    def close(self) -> None:
        self.closed = True


def runs(process: SharedProcess, number: int) -> bool:
    """Whether it is a window's ask that the engine does; windows are numbered as they come, from 1."""
    job = process.host._worker._running
    return job is not None and job.key == number and not job.token.cancelled


def waits(process: SharedProcess, number: int) -> bool:
    return any(job.key == number for job in process.host._worker._waiting)


def is_gone(process: SharedProcess, number: int) -> bool:
    """Whether a window and all its work are gone. (It may be back soon, with another number.)"""
    job = process.host._worker._running
    working = job is not None and job.key == number
    return number not in process.host._windows and not working and not waits(process, number)


def follows(ids: Sequence[int]) -> int:
    return 1000 + hashlib.sha256(repr(list(ids)).encode()).digest()[0]


def continuation(ids: Sequence[int], count: int) -> list[int]:
    written = list(ids)
    for _ in range(count):
        written.append(follows(written))
    return written[len(ids) :]


@pytest.fixture
def engine() -> Stepping:
    return Stepping()


@pytest.fixture(params=[False, True], ids=["socket", "loopback"])
def process(engine: Stepping, request: pytest.FixtureRequest) -> Iterator[SharedProcess]:
    opened: list[Stepping] = []

    def open_it() -> Stepping:
        opened.append(engine)
        return engine

    process = SharedProcess.over(open_it, loopback=request.param)
    yield process
    process.close()
    if opened:  # a process may be told to end before it began to load
        until(lambda: engine.closed)


def run(function: Callable[[], object]) -> Future[object]:
    """Do it as a window's worker would, on a thread of its own."""
    future: Future[object] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - the future carries it
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def ask(
    window: SharedEngine, ids: Sequence[int], count: int = 4, lane: Lane = Lane.INTERACTIVE
) -> tuple[Future[object], list[int], CancelToken]:
    taken: list[int] = []
    cancel = CancelToken(lane)

    def take(token: Token) -> bool:
        taken.append(token.id)
        return False

    return (
        run(lambda: window.generate(ids, slot=0, max_tokens=count, on_token=take, cancel=cancel)),
        taken,
        cancel,
    )


def test_each_window_gets_its_own(process: SharedProcess) -> None:
    windows = [process.join() for _ in range(5)]
    prompts = [[number, *range(50)] for number in range(5)]
    asked = [ask(window, ids, 10) for window, ids in zip(windows, prompts, strict=True)]
    for (future, taken, _cancel), ids in zip(asked, prompts, strict=True):
        outcome = future.result(PATIENCE)
        assert isinstance(outcome, Generation)
        assert (outcome.finish, outcome.generated) == ("length", 10)
        assert taken == continuation(ids, 10)


def test_what_waits_longer_is_passed_by_a_person(process: SharedProcess, engine: Stepping) -> None:
    """Interactive before warm before background: it yields, goes on where it was, and is answered once."""
    writer, warmer, filler = (process.join() for _ in range(3))
    engine.free = False
    fill = run(lambda: filler.prefill([3, *range(40)], slot=0, cancel=CancelToken(Lane.BACKGROUND)))
    engine.permits.release(10)
    until(lambda: len(engine.steps) == 10)
    warm = run(lambda: warmer.prefill([2, *range(40)], slot=0, cancel=CancelToken(Lane.WARM)))
    until(lambda: runs(process, 2))
    engine.permits.release(10)
    until(lambda: len(engine.steps) == 20)
    assert engine.steps[10:] == [2] * 10
    written, taken, _ = ask(writer, [1, 1, 1], 3)
    until(lambda: runs(process, 1))
    engine.permits.release(6)
    written.result(PATIENCE)
    assert engine.steps[20:26] == [1] * 6
    engine.free = True
    first, second = warm.result(PATIENCE), fill.result(PATIENCE)
    assert isinstance(first, Evaluation)
    assert isinstance(second, Evaluation)
    assert (first.cached, first.evaluated, first.completed) == (0, 41, True)
    assert (second.cached, second.evaluated, second.completed) == (0, 41, True)
    assert engine.steps.count(2) == engine.steps.count(3) == 41, "nothing is evaluated twice"
    assert taken == continuation([1, 1, 1], 3)


def test_a_generation_that_yields_writes_each_token_once(process: SharedProcess, engine: Stepping) -> None:
    ahead, person = process.join(), process.join()
    engine.free = False
    made, taken, _ = ask(ahead, [9, 9], 8, Lane.WARM)
    engine.permits.release(5)
    until(lambda: len(taken) == 3)
    written, _, _ = ask(person, [1, 1], 2)
    until(lambda: runs(process, 2))
    engine.permits.release(4)
    written.result(PATIENCE)
    engine.free = True
    outcome = made.result(PATIENCE)
    assert isinstance(outcome, Generation)
    assert taken == continuation([9, 9], 8)
    assert (outcome.finish, outcome.generated) == ("length", 8)


def test_the_window_that_asked_last_goes_first(process: SharedProcess, engine: Stepping) -> None:
    windows = [process.join() for _ in range(4)]
    engine.free = False
    asked = []
    for number, window in enumerate(windows):
        asked.append(ask(window, [number, number], 2)[0])
        until(lambda number=number: (waits if number else runs)(process, number + 1))  # type: ignore[misc]
    engine.free = True
    for future in asked:
        future.result(PATIENCE)
    order = list(dict.fromkeys(engine.steps))
    assert order == [0, 3, 1, 2], "the running one, the focused one, then in turn"


def test_work_that_somebody_begins_to_wait_for(process: SharedProcess, engine: Stepping) -> None:
    one, two, three = (process.join() for _ in range(3))
    engine.free = False
    running = run(lambda: one.prefill([1, 1, 1], slot=0, cancel=CancelToken(Lane.INTERACTIVE)))
    until(lambda: runs(process, 1))
    token = CancelToken(Lane.BACKGROUND)
    later = run(lambda: two.prefill([2, 2, 2], slot=0, cancel=token))
    until(lambda: waits(process, 2))
    warm = run(lambda: three.prefill([3, 3, 3], slot=0, cancel=CancelToken(Lane.WARM)))
    until(lambda: waits(process, 3))
    token.urge(Lane.INTERACTIVE)
    until(lambda: any(job.lane is Lane.INTERACTIVE for job in process.host._worker._waiting))
    engine.free = True
    for future in (running, later, warm):
        future.result(PATIENCE)
    assert engine.steps == [1] * 3 + [2] * 3 + [3] * 3


def test_a_cancel_ends_it(process: SharedProcess, engine: Stepping) -> None:
    window = process.join()
    engine.free = False
    future, taken, cancel = ask(window, [1, 2, 3], 50)
    engine.permits.release(5)
    until(lambda: len(taken) == 2)
    cancel.cancel()
    outcome = future.result(PATIENCE)
    assert isinstance(outcome, Generation)
    assert outcome.finish == "cancelled"
    assert list(window.cached(0))[:5] == [1, 2, 3, *continuation([1, 2, 3], 2)]
    until(lambda: process.host._worker.idle)


def test_a_cancel_of_what_waits(process: SharedProcess, engine: Stepping) -> None:
    one, two = process.join(), process.join()
    engine.free = False
    first, _, _ = ask(one, [1, 1])
    until(lambda: runs(process, 1))
    second, _, cancel = ask(two, [2, 2])
    until(lambda: waits(process, 2))
    cancel.cancel()
    outcome = second.result(PATIENCE)
    assert isinstance(outcome, Generation)
    assert (outcome.finish, outcome.generated, outcome.prefill.evaluated) == ("cancelled", 0, 0)
    engine.free = True
    first.result(PATIENCE)
    assert 2 not in engine.steps


def test_a_window_that_goes_takes_its_work_along(process: SharedProcess, engine: Stepping) -> None:
    one, two = process.join(), process.join()
    engine.free = False
    ask(one, [1, 1], 50)
    until(lambda: runs(process, 1))
    connection = one._connection
    assert connection is not None
    connection.abort()
    until(lambda: is_gone(process, 1))
    engine.free = True
    future, taken, _ = ask(two, [2, 2], 3)
    future.result(PATIENCE)
    assert taken == continuation([2, 2], 3)


def test_all_windows_know_what_the_slots_hold(process: SharedProcess) -> None:
    one, two = process.join(), process.join()
    one.prefill([1, *range(60)], slot=0, cancel=CancelToken())
    two.prefill([2, *range(60)], slot=0, cancel=CancelToken())
    one.prefill([1, *range(50), 7, 7], slot=0, cancel=CancelToken())
    assert [list(one.cached(slot)) for slot in range(4)] == [[1, *range(50), 7, 7], [2, *range(60)], [], []]
    until(lambda: list(two.cached(0)) == [1, *range(50), 7, 7])
    assert two.reusable([1, *range(50)], 0) == 51
    assert two.reusable([1, 0, 1, *range(500, 560)], 0) == 0, "not a place to go on from for another window"
    third = process.join()
    until(lambda: list(third.cached(1)) == [2, *range(60)])


def test_a_window_that_sleeps_holds_up_nobody(process: SharedProcess, engine: Stepping) -> None:
    sleeper, writer = process.join(), process.join()
    engine.chunk = 500
    for number in range(60):
        writer.prefill([number, *range(2000)], slot=0, cancel=CancelToken())
    [window] = [one for one in process.host._windows.values() if one.number == 1]
    assert len(window._unsent) < 4 * 2**20
    until(lambda: {ids[0] for slot in range(3) if (ids := sleeper.cached(slot))} == {57, 58, 59})


def test_errors_keep_their_kind(process: SharedProcess, engine: Stepping) -> None:
    window = process.join()
    with pytest.raises(BadTokens, match="outside the vocabulary"):
        window.prefill([1 << 21], slot=0, cancel=CancelToken())
    engine.fail = EngineFailed("It broke.")
    with pytest.raises(EngineFailed, match="It broke"):
        window.prefill([1, 2], slot=0, cancel=CancelToken())
    process.thread.join(PATIENCE)
    assert not process.thread.is_alive(), "a process with a broken engine ends"


def test_a_model_that_cannot_be_loaded_is_said_to_all() -> None:
    begun = threading.Event()

    def fail() -> Stepping:
        begun.wait(PATIENCE)
        raise EngineFailed("There is no room for it.")

    process = SharedProcess.over(fail)
    waiting = [run(process.join) for _ in range(2)]
    until(lambda: sum(one.known for one in process.host._windows.values()) == 2)
    begun.set()
    for one in waiting:
        with pytest.raises(EngineFailed, match="no room"):
            one.result(PATIENCE)
    process.close()


def test_a_slot_is_kept_that_holds_what_the_window_evaluated(process: SharedProcess, engine: Stepping) -> None:
    """And no other: another ask may have come to its number since."""
    window, other = process.join(), process.join()
    window.keep(0)
    window.prefill([1, 2, 3], slot=0, cancel=CancelToken())
    other.prefill([7, 8, 9], slot=0, cancel=CancelToken())
    window.keep(0)
    window.keep(1)
    other.keep(0)
    until(lambda: len(engine.kept) == 2)
    assert sorted(engine.kept) == [[1, 2, 3], [7, 8, 9]], "in whichever order the two connections were heard"


def test_a_wrong_token(process: SharedProcess, caplog: pytest.LogCaptureFixture) -> None:
    card = process.place.read()
    assert card is not None
    process.place.write(Card(card.process, "another", card.port, card.version, card.model))
    with pytest.raises(NotShared, match="does not know this window's token"):
        process.join()
    assert card.token not in caplog.text


def test_a_card_that_was_just_replaced(process: SharedProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window reads a dead process's card, and connects to the one that takes its place."""
    card = process.place.read()
    assert card is not None
    cards = [Card(card.process, "another", card.port, card.version, card.model)]
    monkeypatch.setattr(Place, "read", lambda _place: cards.pop() if cards else card)
    assert process.join().info.process


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 8, encode(Greeting(b"", b"")), b"\xff" * 2000])
def test_a_stranger_is_sent_away(process: SharedProcess, said: bytes) -> None:
    card = process.place.read()
    assert card is not None
    stranger = process.place.connect(card)
    stranger.settimeout(PATIENCE)
    stranger.sendall(said)
    while stranger.recv(4096):
        pass
    stranger.close()
    window = process.join()
    assert window.prefill([1, 2], slot=0, cancel=CancelToken()).completed


@pytest.mark.parametrize("says", ["nothing", "garbage", "a challenge, and no proof"])
def test_a_foreign_program_is_not_believed(says: str, process: SharedProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hears no ids, and nothing that it could use elsewhere."""
    if says == "nothing":
        monkeypatch.setattr("starcoder_lsp.engine.shared.joining._GREETING_S", 0.2)
    card = process.place.read()
    assert card is not None
    foreign = socket.create_server(("127.0.0.1", 0))
    process.place.write(Card(0, card.token, foreign.getsockname()[1], "1", "m"))
    joining = run(process.join)
    stream, _ = foreign.accept()
    stream.settimeout(PATIENCE)
    heard = b""
    if says == "garbage":
        stream.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    elif says == "a challenge, and no proof":
        other = Connection(stream)
        other.send(Challenge(b"n" * 32))
        greeting = other.receive()
        assert isinstance(greeting, Greeting)
        heard = greeting.proof
        other.send(Challenge(prove("guess", PROCESS, b"")))
    with pytest.raises(NotShared, match="is none of the engine processes"):
        joining.result(PATIENCE)
    assert card.token.encode() not in heard
    stream.close()
    foreign.close()


def break_off(process: SharedProcess, number: int) -> None:
    """End a window's connection as the death of the process does."""
    window = process.host._windows[number]
    window.broken = True
    process.host.wake()
    until(lambda: is_gone(process, number))


def test_what_was_written_before_a_crash_is_not_written_twice(process: SharedProcess, engine: Stepping) -> None:
    window = process.join()
    engine.free = False
    future, taken, _ = ask(window, [5, 5], 8)
    engine.permits.release(5)
    until(lambda: len(taken) == 3)
    break_off(process, 1)
    engine.free = True
    outcome = future.result(PATIENCE)
    assert isinstance(outcome, Generation)
    assert taken == continuation([5, 5], 8)
    assert (outcome.finish, outcome.generated) == ("length", 8)


def test_another_text_than_before_the_crash_ends_it(
    process: SharedProcess, engine: Stepping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was handed out stands; it may be shown already."""
    window = process.join()
    engine.free = False
    future, taken, _ = ask(window, [5, 5], 8)
    engine.permits.release(5)
    until(lambda: len(taken) == 3)
    monkeypatch.setattr(f"{__name__}.follows", lambda _ids: 77)
    break_off(process, 1)
    engine.free = True
    outcome = future.result(PATIENCE)
    assert isinstance(outcome, Generation)
    assert (len(taken), outcome.finish, outcome.generated) == (3, "stop", 3)


def test_what_kills_the_process_each_time_is_given_up(process: SharedProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = (0.0, 0.01, 0.01)
    monkeypatch.setattr("starcoder_lsp.engine.shared.client._PAUSES_S", pauses)
    window = process.join()
    asked: list[int] = []

    def die(one: Window, message: Ask) -> None:
        asked.append(message.number)
        one.broken = True

    monkeypatch.setattr(Host, "_ask", lambda _host, one, message: die(one, message))
    with pytest.raises(EngineFailed, match="ended 3 times"):
        window.prefill([1, 2], slot=0, cancel=CancelToken())
    assert len(asked) == len(set(asked)) == len(pauses)


def test_a_process_that_comes_back_different(process: SharedProcess) -> None:
    """The prompts are planned for so many slots: the model is loaded again."""
    window = process.join()
    ready = process.host._ready
    assert ready is not None
    process.host._ready = evolve(ready, slots=2)
    break_off(process, 1)
    with pytest.raises(EngineFailed, match="other slots"):
        window.prefill([1, 2], slot=0, cancel=CancelToken())


def test_lines_of_the_processs_log_are_heard(process: SharedProcess, caplog: pytest.LogCaptureFixture) -> None:
    window = process.join()
    with caplog.at_level(logging.INFO):
        process.host.say(logging.WARNING, "It is getting tight.")
        window.prefill([1, 2], slot=0, cancel=CancelToken())
    assert "It is getting tight." in caplog.text


def test_a_process_that_never_listens(process: SharedProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    process.place.card.unlink()
    joiner = Joiner(process.place, ["--no-such-option"])
    with pytest.raises(NotShared, match="ended before it could be joined"):
        joiner.join(CancelToken())
    assert "no-such-option" in joiner.words
    monkeypatch.setattr("starcoder_lsp.engine.shared.joining._START_S", 0.0)
    monkeypatch.setattr("starcoder_lsp.engine.shared.joining._MAIN", "import time; time.sleep(9)#{path}")
    slow = Joiner(process.place, [])
    with pytest.raises(NotShared, match="did not listen"):
        slow.join(CancelToken())
    assert slow._process is not None
    slow._process.kill()
