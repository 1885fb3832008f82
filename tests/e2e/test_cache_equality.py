"""A warm cache changes nothing: for the same prompt, the same tokens as a cold engine writes.

All traces are replayed over one engine, as the server would ask it; now and then its next tokens are compared with
those of a second engine that has just forgotten everything. The two evaluate in batches of other shapes, so the last
bits of their floats differ: where tokens differ, the cold engine must find both (almost) equally likely.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from starcoder_lsp.bench.keystrokes import default_traces
from starcoder_lsp.bench.steps import steps_of
from starcoder_lsp.bench.traces import read_trace
from starcoder_lsp.completer import Ask
from starcoder_lsp.completion.cursor import normalised
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.config import Settings
from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.loading import load, read_model
from starcoder_lsp.models.catalogue import shipped_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starcoder_lsp.bench.steps import Step
    from starcoder_lsp.completer import TokenCompleter
    from starcoder_lsp.engine.base import Token
    from starcoder_lsp.engine.llama_cpp import LlamaCpp

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shipped_model().is_file(), reason="the shipped model is not in this checkout"),
]

EVERY = 67
"""Steps from one comparison to the next: a prime, so that they fall on all kinds of steps."""
TOKENS = 24
TIE = 0.1
"""Nats: two tokens whose log-probabilities differ by less are tied. Weights of 8 bits do not know better."""


@pytest.fixture(scope="module")
def warm() -> Iterator[TokenCompleter]:
    completer = load(Settings())
    yield completer
    completer.close()


@pytest.fixture(scope="module")
def cold(warm: TokenCompleter) -> Iterator[LlamaCpp]:
    model = read_model(shipped_model())
    engine = llama_cpp.load(
        model.header, end_ids=model.tokens.stops, context_window=warm.engine.info.context_window, slots=1
    )
    yield engine
    engine.close()


def ask_at(step: Step, text: str, offset: int) -> Ask:
    place = Place(normalised(text), len(normalised(text[:offset])), step.path)
    return Ask(("", step.path), place)


def written(engine: Any, ids: list[int], slot: int) -> tuple[list[int], int]:
    """Return the ids written behind `ids`, and how many of the prompt were evaluated."""
    tokens: list[int] = []

    def take(token: Token) -> bool:
        tokens.append(token.id)
        return False

    outcome = engine.generate(ids, slot=slot, max_tokens=TOKENS, on_token=take, cancel=CancelToken())
    return tokens, outcome.prefill.evaluated


def forget(engine: LlamaCpp, ids: list[int]) -> None:
    """Fill the slot with something that shares not even the first token with `ids`."""
    engine.prefill([ids[0] + 1] * 2, slot=0, cancel=CancelToken())


def likely(engine: LlamaCpp, ids: list[int]) -> dict[int, float]:
    """Return the log-probabilities of the likeliest next tokens."""
    found: dict[int, float] = {}

    def take(event: dict[str, Any]) -> bool:
        for choice in event.get("choices", ()):
            for entry in ((choice.get("logprobs") or {}).get("content") or ())[:1]:
                found.update({int(one["id"]): float(one["logprob"]) for one in entry["top_logprobs"]})
        return False

    request = {"prompt": ids, "max_tokens": 1, "id_slot": 0, "cache_prompt": False, "temperature": 0.0, "n_probs": 10}
    engine._server.handle_completions({**request, "stream": True}, take)
    engine._cached[0] = []
    return found


def test_a_warm_cache_writes_what_a_cold_one_writes(warm: TokenCompleter, cold: LlamaCpp) -> None:
    compared, ties, asked, reused, count = 0, 0, 0, 0, 0
    for path in default_traces():
        for step in steps_of(read_trace(path)):
            ask = ask_at(step, step.text, step.offset)
            warm.warm(ask, CancelToken())
            count += 1
            if count % EVERY:
                continue
            choice, _quick = warm.planner.plan(ask)
            ids = list(choice.prompt.ids)
            tokens, evaluated = written(warm.engine, ids, choice.slot)
            forget(cold, ids)
            expected, all_evaluated = written(cold, ids, 0)
            assert all_evaluated == len(ids)
            asked += len(ids)
            reused += len(ids) - evaluated
            compared += 1
            if tokens != expected:
                ties += 1
                same = next(
                    (at for at, pair in enumerate(zip(tokens, expected, strict=False)) if pair[0] != pair[1]),
                    min(len(tokens), len(expected)),
                )
                chances = likely(cold, [*ids, *expected[:same]])
                best = sorted(chances.values(), reverse=True)
                ours = chances.get(tokens[same]) if same < len(tokens) else best[1]
                assert ours is not None, f"{path.stem}, step {count}: not even likely"
                assert best[0] - ours < TIE, f"{path.stem}, step {count}: {best[0] - ours:.3f} nats apart"
    assert compared >= 20
    # a share: on a slow machine windows are smaller
    assert reused > 0.9 * asked, f"the cache was not warm: {reused} of {asked} tokens"
    assert ties <= compared // 4
