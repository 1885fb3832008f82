"""When neighbours are chosen anew, what is kept, and that nobody waits for it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, evolve, field

from starcoder_lsp.completer import Ask
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.repository.query import Selection, Snippet
from starcoder_lsp.repository.service import Status
from starcoder_lsp.session import Session
from starcoder_lsp.session.choices import Chosen, remember
from starcoder_lsp.session.surroundings import covered, neighbours_of, real_path
from tests.support.fakes import Ear, Loads, Stage, settle, until
from tests.support.session_bench import TYPING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from starcoder_lsp.repository.settings import ContextSettings

FILE, OTHER = "/project/a.py", "/project/b.py"


def snippet(text: str, path: str = "other.py", score: float = 1.0) -> Snippet:
    return Snippet(path, 1, text.count("\n"), text, len(text.split()), score, "imported here")


@define(eq=False)
class FakeRepository:
    """Answers with `says`; holds each answer until it is let go."""

    settings: ContextSettings
    progress: Callable[[Status], None]
    says: Selection = field(factory=lambda: Selection((snippet("def one(): ...\n"),)))
    is_outdated: bool = False
    fails: bool = False
    asked: list[tuple[str, int]] = field(factory=list)
    roots: list[list[Path]] = field(factory=list)
    told: list[tuple[str, str]] = field(factory=list)
    ended: bool = False
    free: threading.Event = field(factory=threading.Event)

    def __attrs_post_init__(self) -> None:
        self.free.set()

    def set_roots(self, roots: Iterable[Path]) -> None:
        self.roots.append(list(roots))

    def set_settings(self, settings: ContextSettings) -> None:
        self.settings = settings

    def opened(self, path: str, text: str) -> None:
        self.told.append(("opened", f"{path} {text}"))

    def changed(self, path: str, text: str) -> None:
        self.told.append(("changed", f"{path} {text}"))

    def saved(self, path: str) -> None:
        self.told.append(("saved", path))

    def closed(self, path: str) -> None:
        self.told.append(("closed", path))

    def select(self, path: str, _text: str, offset: int, _window: object, budget: int, _count: object) -> Selection:
        assert budget > 0
        self.asked.append((path, offset))
        assert self.free.wait(30)
        if self.fails:
            raise RuntimeError(path)
        return self.says

    def outdated(self, _path: str, _selection: Selection) -> bool:
        return self.is_outdated

    @property
    def status(self) -> Status:
        return Status(files=3, symbols=4)

    def close(self) -> None:
        self.ended = True


@define(eq=False)
class Bench:
    session: Session
    ear: Ear
    stage: Stage
    made: list[FakeRepository]

    @property
    def repository(self) -> FakeRepository:
        return self.made[-1]

    def open(self, file: str, text: str) -> str:
        uri = Path(file).as_uri()
        self.session.open(Snapshot.of(uri, 1, "python", text), Path(file).name, file)
        return uri

    def keys(self, uri: str) -> list[str]:
        """The keys of the neighbours in what was evaluated ahead for a document, without repetitions."""
        keys = [step.ask.neighbours.key for step in self.stage.steps if step.ask.document[1] == uri]
        return [key for index, key in enumerate(keys) if index == 0 or keys[index - 1] != key]

    def paths(self, uri: str | None = None) -> list[str]:
        found: Any = self.session.context(uri)["snippets"]
        return [one["path"] for one in found]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made: list[FakeRepository] = []
    stage, ear = Stage(), Ear()
    stage.free.set()

    def make(settings: ContextSettings, progress: Callable[[Status], None]) -> Any:
        made.append(FakeRepository(settings, progress))
        return made[-1]

    session = Session(ear, settings=TYPING, load_completer=Loads(stage), make_repository=make)
    session.start()
    await until(lambda: session.status.state == "ready", "the load")
    session.set_folders([Path("/project")], lambda _uri: "")
    await until(lambda: made and made[-1].roots, "the folders")
    yield Bench(session, ear, stage, made)
    for one in made:
        one.free.set()
    session.close()
    await settle()


async def test_nothing_is_read_before_there_is_a_folder_or_where_it_is_off() -> None:
    def never(*_arguments: object, **_named: object) -> Any:
        raise AssertionError

    session = Session(Ear(), settings=TYPING, load_completer=Loads(Stage()), make_repository=never)
    session.set_folders([], lambda _uri: "")
    off = Session(
        Ear(), settings=evolve(TYPING, context_enabled=False), load_completer=Loads(Stage()), make_repository=never
    )
    off.set_folders([Path("/project")], lambda _uri: "")
    await settle()
    session.close()
    off.close()


async def test_a_document_outside_of_the_folders_has_no_neighbours(bench: Bench) -> None:
    uri = bench.open("/elsewhere/a.py", "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(lambda: bench.stage.steps, "the prefill")
    assert bench.repository.asked == []
    assert bench.stage.steps[-1].ask.context_share == 0
    assert "outside" in str(bench.session.context(uri)["message"])


async def test_the_first_key_in_a_document_has_neighbours_chosen_and_evaluated(bench: Bench) -> None:
    uri = bench.open(FILE, "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(lambda: len(bench.keys(uri)) == 2, "the fill with neighbours")
    assert bench.repository.asked[0] == (FILE, 6)
    assert bench.stage.steps[-1].ask.context_share > 0
    assert bench.paths() == ["other.py"]


async def test_a_pause_on_the_same_line_chooses_nothing(bench: Bench) -> None:
    uri = bench.open(FILE, "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(bench.paths, "the choice")
    asked = len(bench.repository.asked)
    bench.session.change(uri, 3, "x = 123\n")
    bench.session.change(uri, 4, "x = 123\ny = 4\n")
    await until(lambda: len(bench.repository.asked) > asked, "the pause on another line")
    assert bench.repository.asked[asked:] == [(FILE, 13)]


async def test_what_still_serves_stays(bench: Bench) -> None:
    uri = bench.open(FILE, "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(bench.paths, "the choice")
    repository = bench.repository
    before = bench.session.context(uri)["snippets"]
    repository.says = Selection((snippet("def two(): ...\n", score=0.1), snippet("def one(): ...\n")))
    asked = len(repository.asked)
    bench.session.change(uri, 3, "x = 12\ny\n")
    await until(lambda: len(repository.asked) > asked, "the pause")
    await until(lambda: bench.session.stats()["idle"], "the rest")
    assert bench.session.context(uri)["snippets"] == before
    repository.is_outdated = True
    repository.progress(Status(files=4))
    await until(lambda: bench.session.context(uri)["snippets"] != before, "the choice after the news")


async def test_back_where_one_was_what_still_serves_stays(bench: Bench) -> None:
    uri = bench.open(FILE, "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(lambda: bench.paths(uri), "the choice")
    before = bench.session.context(uri)["snippets"]
    other = bench.open(OTHER, "y\n")
    bench.session.change(other, 2, "yy\n")
    await until(lambda: bench.paths(other), "the other's choice")
    bench.repository.says = Selection((snippet("def two(): ...\n", score=0.1), snippet("def one(): ...\n")))
    asked = len(bench.repository.asked)
    bench.session.change(uri, 3, "x = 123\n")
    await until(lambda: len(bench.repository.asked) > asked, "the look")
    await until(lambda: bench.session.stats()["idle"], "the rest")
    assert bench.session.context(uri)["snippets"] == before


@pytest.mark.parametrize("outdated", [False, True])
async def test_an_earlier_process_s_choice_serves_while_files_have_its_lines(bench: Bench, *, outdated: bool) -> None:
    folder = StatesFolder.of(bench.session.settings.cache_disk, bench.session.settings.cache_folder)
    completer = bench.session.completer
    assert folder is not None
    assert completer is not None
    budget = completer.context_budget(Ask(("", ""), Place("", 0), context_share=0.25))
    remember(folder, FILE, Chosen(Selection((snippet("def kept(): ...\n", "kept.py"),)), 6, 0, budget))
    bench.repository.is_outdated = outdated
    uri = bench.open(FILE, "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(lambda: bench.paths(uri), "the choice")
    assert bench.paths(uri) == ["other.py" if outdated else "kept.py"]
    folder.clear()


async def test_news_of_the_document_in_use_are_no_news(bench: Bench) -> None:
    uri = bench.open(FILE, "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(bench.paths, "the choice")
    asked = len(bench.repository.asked)
    bench.repository.progress(Status(buffer=str(real_path(FILE))))
    bench.repository.progress(Status(buffer=str(real_path(OTHER))))
    await until(lambda: len(bench.repository.asked) > asked, "the choice")
    await settle()
    assert len(bench.repository.asked) == asked + 1


async def test_while_one_choice_is_made_only_the_newest_waits(bench: Bench) -> None:
    first, second = bench.open(FILE, "x = 1\n"), bench.open(OTHER, "y = 1\n")
    bench.repository.free.clear()
    bench.session.change(first, 2, "x = 12\n")
    await until(lambda: bench.repository.asked, "the first choice")
    for version in range(2, 6):
        bench.session.change(second, version, f"y = {version}0\n")
        bench.session.change(first, version + 1, f"x = {version}0\n")
    bench.session.change(second, 9, "y = 90\n")
    assert await bench.session.suggest(second, 6, manual=True) is not None  # nobody waits for a choice
    bench.repository.free.set()
    await until(lambda: bench.paths(second), "the choice for the newest")
    assert [path for path, _offset in bench.repository.asked] == [FILE, OTHER]


async def test_a_choice_that_fails_leaves_suggestions_without(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    uri = bench.open(FILE, "x = 1\n")
    bench.repository.fails = True
    bench.session.change(uri, 2, "x = 12\n")
    await until(lambda: "Choosing" in caplog.text, "the log")
    assert await bench.session.suggest(uri, 6, manual=True) is not None


async def test_switching_it_off_and_on_takes_effect_at_once(bench: Bench) -> None:
    uri = bench.open(FILE, "x = 1\n")
    bench.session.change(uri, 2, "x = 12\n")
    await until(bench.paths, "the choice")
    await until(lambda: bench.session.stats()["idle"], "the prefill with the choice")
    bench.session.configure(evolve(TYPING, context_enabled=False))
    assert bench.repository.settings.enabled is False
    steps = len(bench.stage.steps)
    bench.session.change(uri, 3, "x = 123\n")
    await until(lambda: len(bench.stage.steps) > steps, "the prefill")
    ask = bench.stage.steps[-1].ask
    assert (ask.neighbours.key, ask.context_share) == ("", 0)
    assert "context.enabled" in str(bench.session.context(uri)["message"])
    bench.session.configure(TYPING)
    bench.session.change(uri, 4, "x = 1234\n")
    await until(lambda: bench.stage.steps[-1].ask.neighbours.key, "the choice")


async def test_a_scan_is_told_to_the_client(bench: Bench) -> None:
    bench.repository.progress(Status(files=1, wanted=9, scanning=True))
    bench.repository.progress(Status(files=9, wanted=9))
    await until(lambda: (9, 9, True) in bench.ear.scans, "the end")
    assert (1, 9, False) in bench.ear.scans


def test_equal_selections_have_equal_keys() -> None:
    one, same = Selection((snippet("a\n"),)), Selection((snippet("a\n", score=7.0),), rank_ms=3.0)
    assert neighbours_of(one, "r") == neighbours_of(same, "r")
    assert neighbours_of(one, "r").key != neighbours_of(one, "s").key
    assert neighbours_of(one, "r").key != neighbours_of(Selection((snippet("a\n", "b.py"),)), "r").key
    assert neighbours_of(Selection(), "r").key == ""


def test_what_is_covered() -> None:
    one = Selection((snippet("a\nb\n", score=2.0), snippet("c\n", "c.py", score=2.0)))
    assert covered(one, one) == 1
    assert covered(Selection(), one) == 1
    assert covered(one, Selection()) == 0
    assert covered(one, Selection((snippet("b\nx\n"),))) == pytest.approx(0.25)
