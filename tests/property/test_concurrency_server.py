"""Races in the real server: its process, its pipes and nano, under a random editor."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.support.code import long_text
from tests.support.racing_client import CANCELLED, URIS
from tests.support.wire import QUICK, serving

if TYPE_CHECKING:
    from tests.support.wire import Message, Wire


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_the_real_server_under_a_random_editor(seed: int) -> None:
    """The process, its pipes and nano: count the responses by id."""
    draw = random.Random(seed)  # noqa: S311 - it is no secret
    texts = {uri: long_text(seed, lines=20) for uri in URIS}
    async with serving(options_of(seed)) as wire:
        for uri, text in texts.items():
            wire.open(uri, text)
        requests = await _random_editing(wire, draw, texts)
        for identity in requests:
            await wire.response(identity)
        await wire.stats()
        await wire.state("ready")
        for identity in requests:
            [message] = wire.responses(identity)
            assert "result" in message or message["error"]["code"] == CANCELLED
        assert await wire.shut_down() == 0
        assert "Traceback" not in wire.log.decode()


def options_of(seed: int) -> Message:
    return {**QUICK, "prefillWhileTyping": "always" if seed % 2 else "never", "debounceMax": 30 * seed}


async def _random_editing(wire: Wire, draw: random.Random, texts: dict[str, str]) -> list[int]:
    requests: list[int] = []
    for version in range(2, 200):
        uri = draw.choice(URIS)
        action = draw.random()
        if action < 0.4:
            lines = texts[uri].split("\n")
            lines[draw.randrange(len(lines))] += draw.choice(["x", " = ", "(", "🦀"])
            texts[uri] = "\n".join(lines)
            wire.change(uri, version, texts[uri])
        elif action < 0.8:
            requests.append(wire.ask(uri, draw.randrange(22), draw.randrange(40), manual=draw.random() < 0.5))
        elif action < 0.95 and requests:
            wire.notify("$/cancelRequest", {"id": draw.choice(requests[-4:])})
        else:
            wire.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
            wire.open(uri, texts[uri])
        if draw.random() < 0.3:
            await asyncio.sleep(draw.choice([0, 0.01, 0.05]))
    return requests
