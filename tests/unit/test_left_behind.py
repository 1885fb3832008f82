"""What cannot be interrupted is left behind, freed when it ends, and can be waited for."""

from __future__ import annotations

import threading

import pytest

from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.left_behind import interruptible, under_way, wait
from starcoder_lsp.errors import Cancelled
from tests.support.fakes import PATIENCE


def test_what_is_made_is_returned_and_what_is_raised_is_raised() -> None:
    freed: list[int] = []
    assert interruptible(lambda: 7, freed.append, CancelToken()) == 7

    def fail() -> int:
        raise OSError("no memory")

    with pytest.raises(OSError, match="no memory"):
        interruptible(fail, freed.append, CancelToken())
    assert not freed
    assert not under_way()


def test_a_cancel_does_not_wait_and_what_was_made_is_freed() -> None:
    begun, let, cancel = threading.Event(), threading.Event(), CancelToken()
    freed: list[int] = []

    def make() -> int:
        begun.set()
        assert let.wait(PATIENCE)
        return 7

    def give_up() -> None:
        begun.wait(PATIENCE)
        cancel.cancel()

    threading.Thread(target=give_up, daemon=True).start()
    with pytest.raises(Cancelled):
        interruptible(make, freed.append, cancel)
    assert under_way()
    assert not freed
    let.set()
    wait(CancelToken())
    assert freed == [7]
    assert not under_way()


def test_who_waits_can_be_cancelled_too() -> None:
    let, cancel = threading.Event(), CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        interruptible(lambda: let.wait(PATIENCE), lambda _made: None, cancel)
    with pytest.raises(Cancelled):
        wait(cancel)
    let.set()
    wait(CancelToken())
