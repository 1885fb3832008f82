"""A session over a fake model whose steps the test grants: who is answered, with what, and what is worked on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve

from starcoder_lsp.config import Settings
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.errors import Superseded
from tests.support.fakes import PATIENCE, Ear, Loads, Stage, settle, until

if TYPE_CHECKING:
    from starcoder_lsp.session import Offer, Selected, Session

A, B = "file:///a.py", "file:///b.py"
AT_ONCE = Settings(debounce_min=0, debounce_max=0, prefill_while_typing="never")
TYPING = evolve(AT_ONCE, prefill_while_typing="always")


@define(eq=False)
class Bench:
    """A session, and all that one can see of it from outside."""

    session: Session
    stage: Stage
    loads: Loads
    ear: Ear
    version: int = 1

    def open(self, text: str, uri: str = A, language: str = "python") -> None:
        self.session.open(Snapshot.of(uri, self.version, language, text), uri.rpartition("/")[2])

    def type(self, text: str, uri: str = A) -> None:
        """Change the whole text of a document."""
        self.version += 1
        self.session.change(uri, self.version, text)

    def ask(
        self, offset: int, uri: str = A, *, manual: bool = False, selected: Selected | None = None
    ) -> asyncio.Task[Offer | None]:
        return asyncio.ensure_future(self.session.suggest(uri, offset, manual=manual, selected=selected))

    async def asked(self, offset: int, uri: str = A) -> asyncio.Task[Offer | None]:
        """Ask, and return once the engine stands at the question's first step."""
        task = self.ask(offset, uri)
        place = self.session.snapshot(uri)
        assert place is not None
        await until(lambda: self.at("suggest", place.text[:offset]), "the first step")
        return task

    async def asked_twice(self) -> tuple[asyncio.Task[Offer | None], asyncio.Task[Offer | None]]:
        """Ask twice behind `one`: the second request shares the work of the first."""
        self.open("one")
        first = await self.asked(3)
        second = self.ask(3)
        await settle()
        return first, second

    async def asked_in_the_wait(self) -> asyncio.Task[Offer | None]:
        """Ask behind `one ` right after its last key: where there is a debounce, the request waits for its end."""
        self.open("one")
        self.type("one ")
        task = self.ask(4)
        await settle()
        return task

    def at(self, kind: str, prefix: str, model: str | None = None) -> bool:
        """Whether the engine (of this model) waits at a step of this kind for the text that ends in `prefix`."""
        step = self.stage.waiting
        if step is None or step.kind != kind or model not in {None, step.model}:
            return False
        return step.ask.place.text[: step.ask.place.offset] == prefix

    async def idle(self) -> None:
        await until(lambda: self.session.stats()["idle"], "the worker's rest")
        await settle()

    @property
    def status(self) -> str:
        return self.session.status.state


Make = Callable[..., Bench]
"""The fixture `make`: a bench with these settings, started unless `start=False`."""
Ready = Callable[[Settings], Awaitable[Bench]]
"""The fixture `ready`: a bench with these settings, once its model is loaded."""


@contextmanager
def no_early_piece() -> Iterator[None]:
    """A request that begins in this block waits for the whole, so that a machine that stalls brings it no piece."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("starcoder_lsp.session.session._EARLY_S", PATIENCE)
        patch.setattr("starcoder_lsp.session.session.LATE_S", PATIENCE)
        yield


def inserted(offer: Offer | None) -> str:
    assert offer is not None
    return offer.insert


async def answer(task: asyncio.Task[Offer | None]) -> Offer | None:
    return await asyncio.wait_for(task, PATIENCE)


async def superseded(task: asyncio.Task[Offer | None]) -> bool:
    with pytest.raises(Superseded):
        await answer(task)
    return True
