"""When the session of a server begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fakes import continuation, settle, until
from tests.support.racing_client import URIS, Client

if TYPE_CHECKING:
    from tests.support.wire import Message


class Silent(Client):
    """A client that does not say that it is initialized."""

    def send(self, message: Message) -> None:
        if message.get("method") != "initialized":
            super().send(message)


async def test_without_initialized_it_begins_at_the_first_document() -> None:
    client = Silent()
    await settle()
    assert client.loads.begun == []
    client.stage.free.set()
    client.open(URIS[0], "x = ")
    identity = client.ask(URIS[0], 4, manual=True)
    await until(lambda: client.responses(identity), "the answer")
    [item] = client.responses(identity)[0]["result"]["items"]
    assert item["insertText"] == continuation("x = ")
    Client.send(client, {"method": "initialized", "params": {}})
    await client.end()
    assert client.loads.begun == ["nano"]


@pytest.mark.parametrize("name", ["status", "stats"])
async def test_without_initialized_it_begins_at_the_first_command(name: str) -> None:
    client = Silent()
    client.command(name)
    await until(lambda: client.loads.completers, "the load")
    await client.end()
