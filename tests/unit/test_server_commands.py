"""Commands that read files and folders do it while the server goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.models.catalogue import shipped_model
from starcoder_lsp.server.handlers import commands
from tests.support.fakes import until
from tests.support.racing_client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.wire import Message


class Disk:
    """A disk that does not answer until the test lets it: `slow` names the models that it keeps waiting for."""

    def __init__(self) -> None:
        self.slow: dict[str, threading.Event] = {}
        self.threads: list[threading.Thread] = []

    def resolve(self, name: str) -> Path:
        self.threads.append(threading.current_thread())
        if name in self.slow:
            assert self.slow[name].wait(60)
        return shipped_model()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr(commands, "resolve", disk.resolve)
    yield disk
    for event in disk.slow.values():
        event.set()


def ask(client: Client, identity: str, command: str, *arguments: object) -> None:
    params: Message = {"command": f"starcoder.{command}", "arguments": list(arguments)}
    client.send({"id": identity, "method": "workspace/executeCommand", "params": params})


async def test_a_disk_that_does_not_answer_keeps_nobody_waiting(disk: Disk) -> None:
    client = Client()
    disk.slow = {"asleep": threading.Event(), "nano": threading.Event()}
    ask(client, "switch", "switchModel", "asleep")
    ask(client, "models", "models")
    ask(client, "status", "status")
    assert client.responses("status")
    assert not client.responses("switch")
    client.notify("$/cancelRequest", {"id": "switch"})
    await until(lambda: client.responses("switch"), "the cancelled one's answer")
    assert client.responses("switch")[0]["error"]["code"] == -32800
    disk.slow["nano"].set()
    await until(lambda: client.responses("models"), "the list")
    assert client.responses("models")[0]["result"]
    assert threading.main_thread() not in disk.threads
    assert client.app.session.settings.model == "nano"
    await client.end()


async def test_of_two_choices_the_newer_counts(disk: Disk) -> None:
    client = Client()
    disk.slow = {"older": threading.Event()}
    ask(client, "older", "switchModel", "older")
    ask(client, "newer", "switchModel", "newer")
    await until(lambda: client.responses("newer"), "the newer one's answer")
    disk.slow["older"].set()
    await until(lambda: client.responses("older"), "the older one's answer")
    assert client.responses("newer")[0]["result"] is True
    assert client.responses("older")[0]["result"] is None
    assert client.app.session.settings.model == "newer"
    await client.end()


async def test_a_second_response_is_held_back() -> None:
    client = Client()
    protocol = client.app.server.protocol
    protocol.pending.arrived("one")
    protocol.pending.arrived("one")  # a client may use an id again
    protocol.refuse("one", 1, "first")
    protocol.refuse("one", 1, "second")
    protocol.refuse("one", 1, "third")
    protocol.refuse("never asked", 1, "x")
    assert [message["error"]["message"] for message in client.responses("one")] == ["first", "second"]
    assert not client.responses("never asked")
    await client.end()
