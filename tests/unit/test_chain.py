"""Servers and the local model in a row: who is asked, who is waited for, whose text is the answer."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from starcoder_lsp.completer import About, Answer, Ask, Counters, Speed, Timings, Warmed
from starcoder_lsp.completer.chain import Chain
from starcoder_lsp.completer.link import Link
from starcoder_lsp.completer.race import HEAD_START_S, Race
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.engine.base import CancelToken, Evaluation
from starcoder_lsp.errors import EngineFailed, EngineRefused, EngineUnavailable
from tests.support.fakes import PATIENCE
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starcoder_lsp.completer.base import DocumentKey, Watch

pytestmark = pytest.mark.slow


@define(eq=False)
class Scripted:
    """A completer whose suggestions wait for the test."""

    name: str
    begin: threading.Event = field(factory=threading.Event)
    end: threading.Event = field(factory=threading.Event)
    fail: BaseException | None = None
    asked: list[Ask] = field(factory=list)
    cancelled: int = 0
    warmed: int = 0
    forgotten: list[DocumentKey] = field(factory=list)
    closed: int = 0
    speed: Speed = field(factory=Speed)
    counters: Counters = field(factory=Counters)

    @property
    def about(self) -> About:
        return About(self.name, f"fake {self.name}", 1000)

    def suggest(self, ask: Ask, cancel: CancelToken, watch: Watch | None = None) -> Answer:
        self.asked.append(ask)
        if self.fail is not None:
            raise self.fail
        finish = "stop"
        with cancel.calling(self.begin.set), cancel.calling(self.end.set):
            assert self.begin.wait(PATIENCE)
            if watch is not None and not cancel.cancelled:
                watch(f"{self.name} be")
            assert self.end.wait(PATIENCE)
        if cancel.cancelled:
            self.cancelled += 1
            finish = "cancelled"
        return Answer(f"{self.name} text", "", 0.9, False, False, 0, 0, 1, finish, Timings(0, 0, 0, 0))

    def warm(self, ask: Ask, cancel: CancelToken) -> Warmed:
        del ask, cancel
        self.warmed += 1
        if self.fail is not None:
            raise self.fail
        return Warmed(Evaluation(1, 1, 0.0, completed=True), needs_fill=False)

    fill = warm

    def forget(self, document: DocumentKey) -> None:
        self.forgotten.append(document)

    def context_budget(self, ask: Ask) -> int:
        del ask
        return len(self.name)

    def count(self, text: str) -> int:
        return len(self.name) + len(text)

    def close(self) -> None:
        self.closed += 1

    def go(self) -> Scripted:
        self.begin.set()
        self.end.set()
        return self


@define(eq=False)
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def chain(clock: Clock) -> Iterator[Callable[..., Chain]]:
    """Make a chain; it is closed after the test."""
    made: list[Chain] = []

    def make(*servers: Scripted, local: Scripted | None = None) -> Chain:
        links = [Link(f"at {server.name}", lambda server=server: server, clock) for server in servers]  # type: ignore[misc]
        made.append(Chain(links, local))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may show a server's first sign late; the waits end with it, so they cost nothing."""
    monkeypatch.setattr("starcoder_lsp.completer.race.HEAD_START_S", PATIENCE)
    monkeypatch.setattr("starcoder_lsp.completer.race._STALL_S", PATIENCE)


def ask(*, replaceable: bool = False) -> Ask:
    return Ask(("", "file:///a.py"), Place("x = ", 4), replaceable=replaceable)


@pytest.mark.parametrize("replaceable", [False, True])
def test_a_healthy_server_answers(replaceable: bool, chain: Callable[..., Chain]) -> None:  # noqa: FBT001 - both ways
    gpu, local = Scripted("gpu").go(), Scripted("local")
    answer = chain(gpu, local=local).suggest(ask(replaceable=replaceable), CancelToken())
    assert (answer.text, answer.model) == ("gpu text", "gpu")
    assert answer.better is None


@pytest.mark.parametrize("replaceable", [False, True])
def test_nobody_waits_for_a_server_that_shows_no_sign(
    replaceable: bool,  # noqa: FBT001 - both ways
    chain: Callable[..., Chain],
) -> None:
    gpu, local = Scripted("gpu"), Scripted("local").go()
    one = chain(gpu, local=local)
    answer = one.suggest(ask(replaceable=replaceable), CancelToken())
    assert (answer.text, answer.model) == ("local text", "local")
    assert (answer.better is not None) is replaceable
    assert one.links[0].late
    if not replaceable:
        until(lambda: gpu.cancelled)


def test_what_the_larger_model_says_comes_later(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu"), Scripted("local").go()
    answer = chain(gpu, local=local).suggest(ask(replaceable=True), CancelToken())
    assert answer.better is not None
    assert not answer.better.done()
    gpu.go()
    better = answer.better.result(PATIENCE)
    assert (better.text, better.model, better.finish) == ("gpu text", "gpu", "stop")


def test_a_server_that_is_slow_costs_one_head_start_however_often_it_is_asked(
    chain: Callable[..., Chain], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No suggestion is later than the local one alone by more than that, and only the first is later at all."""
    waited: list[float] = []
    wait = Race._wait

    def counting(race: Race, over: Callable[[], bool], seconds: float) -> None:
        waited.append(seconds)
        wait(race, over, seconds)

    monkeypatch.setattr(Race, "_wait", counting)
    slow, local = Scripted("slow"), Scripted("local").go()
    one = chain(slow, local=local)
    for _ in range(20):
        assert one.suggest(ask(replaceable=True), CancelToken()).text == "local text"
    assert waited == [HEAD_START_S]
    assert HEAD_START_S <= 0.05
    assert len(local.asked) == 20


def test_a_newer_question_ends_what_would_have_been_better(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu"), Scripted("local").go()
    one = chain(gpu, local=local)
    one.suggest(ask(replaceable=True), CancelToken())
    one.warm(ask(replaceable=True), CancelToken())
    until(lambda: gpu.cancelled)
    assert local.warmed == 1


def test_a_server_that_has_begun_is_followed_where_nothing_can_be_replaced(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu"), Scripted("local")
    gpu.begin.set()
    threading.Timer(0.1, gpu.end.set).start()
    answer = chain(gpu, local=local).suggest(ask(), CancelToken())
    assert answer.text == "gpu text"


def test_a_server_that_stalls_is_overtaken(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu"), Scripted("local").go()
    gpu.begin.set()
    answer = chain(gpu, local=local).suggest(ask(), CancelToken())
    assert answer.text == "local text"
    until(lambda: gpu.cancelled)


def test_a_server_overtakes_the_local_model(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu"), Scripted("local")
    one = chain(gpu, local=local)

    def go_later() -> None:
        until(lambda: local.asked)
        gpu.go()

    threading.Thread(target=go_later).start()
    assert one.suggest(ask(), CancelToken()).text == "gpu text"
    assert local.cancelled == 1


def test_what_was_shown_is_not_taken_back(chain: Callable[..., Chain]) -> None:
    """A piece of the local model's was handed out, and the client cannot replace it."""
    gpu, local = Scripted("gpu"), Scripted("local")
    local.begin.set()
    pieces: list[str] = []

    def watch(text: str) -> None:
        pieces.append(text)
        gpu.go()
        threading.Timer(0.1, local.end.set).start()

    answer = chain(gpu, local=local).suggest(ask(), CancelToken(), watch)
    assert (pieces, answer.text) == (["local be"], "local text")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("error", [EngineUnavailable("away", retry_s=7.0), EngineRefused("no key")])
def test_a_server_that_fails_is_passed_over_and_asked_again_later(
    error: Exception, chain: Callable[..., Chain], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    gpu, local = Scripted("gpu", fail=error), Scripted("local").go()
    one = chain(gpu, local=local)
    for _ in range(3):
        assert one.suggest(ask(), CancelToken()).text == "local text"
    assert len(gpu.asked) == 1, "it was not left alone"
    assert str(error) in one.about.notice
    assert caplog.text.count(str(error)) == 1
    gpu.fail = None
    gpu.go()
    clock.now = 6.9 if isinstance(error, EngineUnavailable) else 0.9
    assert one.suggest(ask(), CancelToken()).text == "local text"
    clock.now = 7.1
    assert one.suggest(ask(), CancelToken()).text == "gpu text"
    assert one.about.notice == ""


@pytest.mark.usefixtures("patient")
def test_a_server_that_fails_again_is_left_alone_for_longer(chain: Callable[..., Chain], clock: Clock) -> None:
    gpu, local = Scripted("gpu", fail=EngineUnavailable("away")), Scripted("local").go()
    one = chain(gpu, local=local)
    times = []
    for _ in range(400):
        before = len(gpu.asked)
        one.suggest(ask(), CancelToken())
        if len(gpu.asked) > before:
            times.append(clock.now)
        clock.now += 0.25
    waits = [round(later - earlier) for earlier, later in pairwise(times)]
    assert waits[:6] == [1, 2, 4, 8, 16, 30]
    assert gpu.closed == len(times), "after each failure it is looked at anew"


def test_a_failure_of_the_local_model_is_raised(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu"), Scripted("local", fail=EngineFailed("broken"))
    with pytest.raises(EngineFailed):
        chain(gpu, local=local).suggest(ask(), CancelToken())


@pytest.mark.parametrize("with_local", [False, True])
def test_a_cancel_ends_all(with_local: bool, chain: Callable[..., Chain]) -> None:  # noqa: FBT001 - both ways
    gpu, local, cancel = Scripted("gpu"), Scripted("local") if with_local else None, CancelToken()
    threading.Timer(0.2, cancel.cancel).start()
    answer = chain(gpu, local=local).suggest(ask(), cancel)
    assert answer.finish == "cancelled"
    until(lambda: gpu.cancelled)


# ---- without a local model -------------------------------------------------------------------------------------------


def test_the_next_server_is_asked_where_one_fails(chain: Callable[..., Chain]) -> None:
    first, second = Scripted("first", fail=EngineUnavailable("away")), Scripted("second").go()
    answer = chain(first, second).suggest(ask(), CancelToken())
    assert (answer.text, answer.model) == ("second text", "second")


def test_the_next_server_is_asked_where_one_shows_no_sign(chain: Callable[..., Chain]) -> None:
    first, second = Scripted("first"), Scripted("second").go()
    assert chain(first, second).suggest(ask(), CancelToken()).text == "second text"
    until(lambda: first.cancelled)


def test_the_last_server_is_waited_for(chain: Callable[..., Chain]) -> None:
    only = Scripted("only")
    threading.Timer(0.7, only.go).start()
    pieces: list[str] = []
    answer = chain(only).suggest(ask(), CancelToken(), pieces.append)
    assert (answer.text, pieces) == ("only text", ["only be"])


def test_nobody_answers(chain: Callable[..., Chain]) -> None:
    only = Scripted("only", fail=EngineUnavailable("only is away."))
    one = chain(only)
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="only is away"):
            one.suggest(ask(), CancelToken())
    assert len(only.asked) == 1
    warmed = one.warm(ask(), CancelToken())
    assert not warmed.needs_fill


def test_work_ahead_goes_to_the_server(chain: Callable[..., Chain]) -> None:
    only = Scripted("only").go()
    one = chain(only)
    one.suggest(ask(), CancelToken())
    assert one.warm(ask(), CancelToken()).evaluation.completed
    assert one.fill(ask(), CancelToken()).evaluation.completed
    assert only.warmed == 2


def test_a_closed_document_is_forgotten_everywhere(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu").go(), Scripted("local").go()
    one = chain(gpu, local=local)
    one.suggest(ask(), CancelToken())
    one.forget(("", "file:///a.py"))
    assert local.forgotten == [("", "file:///a.py")]
    until(lambda: gpu.forgotten)


@pytest.mark.usefixtures("patient")
def test_closing_closes_all(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu").go(), Scripted("local").go()
    one = chain(gpu, local=local)
    one.suggest(ask(), CancelToken())
    one.close()
    assert (gpu.closed, local.closed) == (1, 1)


@pytest.mark.usefixtures("patient")
def test_neighbours_are_chosen_for_whom_is_asked_first(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu").go(), Scripted("local").go()
    one = chain(gpu, local=local)
    assert (one.context_budget(ask()), one.count("x")) == (5, 6)
    one.suggest(ask(), CancelToken())
    assert (one.context_budget(ask()), one.count("x")) == (3, 4)
    assert chain(Scripted("away")).context_budget(ask()) == 0


@pytest.mark.usefixtures("patient")
def test_it_says_where_text_goes(chain: Callable[..., Chain]) -> None:
    gpu, local = Scripted("gpu").go(), Scripted("local").go()
    one = chain(gpu, local=local)
    assert one.about.engine == "at gpu, then fake local"
    one.suggest(ask(), CancelToken())
    assert one.about.engine == "fake gpu, then fake local"
    assert one.about.name == "gpu"
