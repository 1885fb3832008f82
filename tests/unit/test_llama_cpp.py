"""The llama.cpp engine on nano: what it evaluates, what it keeps, and what it claims to keep.

What every engine promises is in tests/conformance; here is what only this one does: several slots, multi-token
characters, its socket and its folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.engine.base import CancelToken, Token
from starcoder_lsp.errors import BadTokens, ContextFull, EngineClosed, EngineFailed
from starcoder_lsp.loading import read_model
from starcoder_lsp.models.catalogue import shipped_model
from tests.support.generation import CancelAfter, generate, prefill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from starcoder_lsp.engine.llama_cpp import LlamaCpp
    from starcoder_lsp.loading import Model

WINDOW, SLOTS = 512, 2
CODE = "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n\n\n"


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model(shipped_model())


def open_engine(model: Model) -> LlamaCpp:
    return llama_cpp.load(
        model.header, end_ids=model.tokens.stops, context_window=WINDOW, slots=SLOTS, threads=1, gpu_layers=0
    )


@pytest.fixture(scope="module")
def shared(model: Model) -> Iterator[LlamaCpp]:
    engine = open_engine(model)
    yield engine
    engine.close()


@pytest.fixture
def engine(shared: LlamaCpp) -> LlamaCpp:
    """The shared engine with other things in its slots than any test asks for."""
    for slot in range(SLOTS):
        shared.prefill([5, 6, 7], slot=slot, cancel=CancelToken())
    return shared


@pytest.fixture(scope="module")
def ids(model: Model) -> list[int]:
    return model.tokenizer.encode(CODE * 40)


def test_only_the_new_end_of_a_prompt_is_evaluated(engine: LlamaCpp, ids: list[int]) -> None:
    first = prefill(engine, ids[:100])
    assert (first.cached, first.evaluated, first.completed) == (0, 100, True)
    second = prefill(engine, ids[:130])
    assert (second.cached, second.evaluated) == (100, 30)
    _tokens, generation = generate(engine, ids[:131])
    assert (generation.prefill.cached, generation.prefill.evaluated) == (130, 1)


def test_a_prefill_of_what_is_cached_costs_no_call(
    engine: LlamaCpp, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefill(engine, ids[:100])
    monkeypatch.setattr(engine, "_server", object())  # any call of it would raise
    for count in (100, 99, 1):
        again = prefill(engine, ids[:count])
        assert (again.cached, again.evaluated, again.ms, again.completed) == (count, 0, 0.0, True)


def test_slots_are_independent(engine: LlamaCpp, ids: list[int]) -> None:
    prefill(engine, ids[:100], slot=0)
    prefill(engine, ids[40:120], slot=1)
    assert (list(engine.cached(0)), list(engine.cached(1))) == (ids[:100], ids[40:120])
    assert prefill(engine, ids[:110], slot=0).evaluated == 10
    assert prefill(engine, ids[40:125], slot=1).evaluated == 5


def test_a_cancelled_prefill_keeps_its_chunks(engine: LlamaCpp, ids: list[int]) -> None:
    cut = prefill(engine, ids[:400], cancel=CancelAfter(3))
    held = len(engine.cached(0))
    assert not cut.completed
    assert 0 < held < 400
    rest = prefill(engine, ids[:400])
    assert rest.completed
    assert rest.cached >= held
    assert rest.evaluated <= 400 - held


def test_a_call_cancelled_before_it_began_changes_nothing(engine: LlamaCpp, ids: list[int]) -> None:
    prefill(engine, ids[:50])
    cancel = CancelToken()
    cancel.cancel()
    assert not prefill(engine, ids[:200], cancel=cancel).completed
    tokens, generation = generate(engine, ids[:200], cancel=cancel)
    assert (tokens, generation.finish, generation.generated) == ([], "cancelled", 0)
    assert list(engine.cached(0)) == ids[:50]


def test_a_cancelled_decode_keeps_what_it_wrote(engine: LlamaCpp, ids: list[int]) -> None:
    cancel = CancelToken()

    def stop(_token: Token) -> bool:
        cancel.cancel()
        return False

    tokens, generation = generate(engine, ids[:50], 100, cancel=cancel, on_token=stop)
    assert generation.finish == "cancelled"
    assert generation.generated <= 2
    written = ids[:50] + [token.id for token in tokens]
    held = len(engine.cached(0))
    assert list(engine.cached(0)) == written[:held]
    assert prefill(engine, [*written, 9]).cached >= held


def test_a_generation_stops_at_its_limit(engine: LlamaCpp, ids: list[int]) -> None:
    for limit in (1, 3):
        tokens, generation = generate(engine, ids[:60], limit)
        assert (len(tokens), generation.generated, generation.finish) == (limit, limit, "length")


def test_a_generation_stops_with_the_context(engine: LlamaCpp, ids: list[int]) -> None:
    tokens, generation = generate(engine, ids[: WINDOW - 3], 50)
    assert 1 <= len(tokens) <= 3
    assert generation.finish in {"length", "stop"}


@pytest.mark.parametrize("more", [0, 1, 300])
def test_a_prompt_that_is_too_long_is_refused_before_the_library_sees_it(
    engine: LlamaCpp, ids: list[int], more: int
) -> None:
    before = list(engine.cached(0))
    with pytest.raises(ContextFull) as caught:
        prefill(engine, ids[: WINDOW + more])
    assert (caught.value.needed, caught.value.context) == (WINDOW + more + 1, WINDOW)
    assert list(engine.cached(0)) == before


@pytest.mark.parametrize("bad", [[], [-1], [10**6], [5, 6, 8192], [5, -7, 6]])
def test_bad_ids_are_refused_and_the_engine_goes_on(engine: LlamaCpp, ids: list[int], bad: list[int]) -> None:
    with pytest.raises((BadTokens, EngineFailed)):
        prefill(engine, bad)
    with pytest.raises((BadTokens, EngineFailed)):
        generate(engine, bad)
    assert prefill(engine, ids[:40]).completed


def test_greedy_decoding_says_the_same_twice_and_in_every_slot(engine: LlamaCpp, ids: list[int]) -> None:
    said = [[token.id for token in generate(engine, ids[:77], 12, slot=slot)[0]] for slot in (0, 0, 1)]
    assert said[0] == said[1] == said[2]


def test_pieces_are_the_tokenizer_s(engine: LlamaCpp, model: Model, ids: list[int]) -> None:
    for token in generate(engine, ids[:90], 12)[0]:
        assert token.piece == model.tokenizer.piece(token.id)
        assert token.logprob <= 0


class Dictating:
    """The library's server, told by a grammar what to write."""

    def __init__(self, server: Any, text: str) -> None:
        self._server, self._text = server, text

    def handle_completions(self, request: dict[str, Any], callback: Callable[[dict[str, Any]], bool]) -> Any:
        return self._server.handle_completions(request | {"grammar": f'root ::= "{self._text}"'}, callback)


@pytest.mark.parametrize("text", ["🦀🐍🦀", "a🦀b", "日本語のコメント", "é", "👩‍👩‍👧‍👦", "x = 1"])
def test_a_character_of_several_tokens_comes_whole(
    engine: LlamaCpp, model: Model, ids: list[int], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_server", Dictating(engine._server, text))
        patch.setattr(llama_cpp, "_LONG_STEP_MS", 1e9)  # a slow machine's calls of one step would each begin the text
        tokens, generation = generate(engine, ids[:30], 60)
    assert b"".join(token.piece for token in tokens).decode() == text
    assert generation.generated >= len(tokens)
    held = list(engine.cached(0))
    assert held[:30] == ids[:30]
    assert text.encode().startswith(model.tokenizer.decode_bytes(held[30:]))
    _tokens, after = generate(engine, [*held, 11, 12], 1)
    assert after.prefill.cached >= len(held)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_it_never_claims_to_hold_more_than_it_does(engine: LlamaCpp, ids: list[int], data: st.DataObject) -> None:
    """After any mixture of calls, cancelled or not, the library finds at least what `cached` says."""
    for _ in range(data.draw(st.integers(1, 3))):
        start, length = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 150))
        cancel = CancelAfter(data.draw(st.integers(0, 8)))
        if data.draw(st.booleans()):
            prefill(engine, ids[start : start + length], cancel=cancel)
        else:
            generate(engine, ids[start : start + length], data.draw(st.integers(1, 6)), cancel=cancel)
    held = list(engine.cached(0))
    _tokens, generation = generate(engine, [*held, 11, 12], 1)
    assert generation.prefill.cached >= len(held)


def test_closing_frees_the_folder_and_what_comes_later_is_refused(model: Model, ids: list[int]) -> None:
    engine = open_engine(model)
    folder = engine._private
    assert folder.is_dir()
    prefill(engine, ids[:20])
    engine.close()
    engine.close()
    assert not folder.exists()
    with pytest.raises(EngineClosed):
        prefill(engine, ids[:20])
    with pytest.raises(EngineClosed):
        generate(engine, ids[:20])
    again = open_engine(model)
    assert prefill(again, ids[:20]).evaluated == 20
    again.close()


def open_copy(model: Model, path: Path) -> LlamaCpp:
    path.write_bytes(shipped_model().read_bytes())
    return llama_cpp.load(
        evolve(model.header, path=path), end_ids=frozenset(), context_window=WINDOW, slots=1, threads=1, gpu_layers=0
    )


def test_a_file_cut_off_while_it_is_loaded_is_an_error_and_not_the_end(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    engine = open_copy(model, path)
    ids = model.tokenizer.encode(CODE)
    assert prefill(engine, ids[:20]).completed
    os.truncate(path, 1000)
    with pytest.raises(EngineFailed, match="was changed while it was in use"):
        generate(engine, ids[:30])
    with pytest.raises(EngineFailed):
        prefill(engine, ids[:30])
    engine.close()


def test_a_file_moved_over_that_of_a_loaded_model_harms_nothing(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    engine = open_copy(model, path)
    (tmp_path / "new").write_bytes(b"other")
    (tmp_path / "new").replace(path)
    assert prefill(engine, model.tokenizer.encode(CODE)[:20]).completed
    path.unlink()
    assert prefill(engine, model.tokenizer.encode(CODE)[:25]).completed
    engine.close()


def test_decoding_leaves_a_core_to_the_editor() -> None:
    cores = os.cpu_count() or 1
    decoding, reading = llama_cpp.default_threads()
    assert 1 <= decoding <= max(1, cores - 1)
    assert 1 <= reading <= cores


@pytest.fixture
def slow(engine: LlamaCpp, monkeypatch: pytest.MonkeyPatch) -> LlamaCpp:
    """An engine of which a step takes so long that each token is a call of its own."""
    monkeypatch.setattr(llama_cpp, "_LONG_STEP_MS", 0.0)
    return engine


@pytest.mark.parametrize("begin", ["", "\n    ", " val", "resu", "é", "漢字"])
@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_call_for_each_token_writes_the_same(
    begin: str, count: int, engine: LlamaCpp, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = []
    for long_ms, slot in ((1e9, 0), (0.0, 1)):
        monkeypatch.setattr(llama_cpp, "_LONG_STEP_MS", long_ms)
        tokens, outcome = generate(engine, ids[:90], count, slot=slot, begin=begin)
        counts = (outcome.prefill.cached, outcome.prefill.evaluated, outcome.generated, outcome.finish)
        outcomes.append(([(one.id, one.piece) for one in tokens], counts, engine.cached(slot)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("count", [1, 2, 3, 11, 12, 13])
def test_characters_of_several_tokens_come_from_a_call_for_each_as_from_one(
    count: int, engine: LlamaCpp, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = model.tokenizer.encode('names = ["' + "漢字" * 20)
    outcomes = []
    for long_ms, slot in ((1e9, 0), (0.0, 1)):
        monkeypatch.setattr(llama_cpp, "_LONG_STEP_MS", long_ms)
        tokens, outcome = generate(engine, ids, count, slot=slot)
        outcomes.append((b"".join(one.piece for one in tokens).decode(), outcome.generated, outcome.finish))
    assert outcomes[0] == outcomes[1]
    assert "漢字漢字".startswith(outcomes[0][0][:4])


def test_where_each_token_is_a_call_a_cancel_leaves_no_step_behind(slow: LlamaCpp, ids: list[int]) -> None:
    cancel, written = CancelToken(), []

    def third(token: Token) -> bool:
        written.append(token.id)
        if len(written) == 3:
            cancel.cancel()
        return False

    tokens, outcome = generate(slow, ids[:90], 20, on_token=third, cancel=cancel)
    assert outcome.finish == "cancelled"
    assert len(tokens) == outcome.generated == 3
    again = prefill(slow, [*ids[:90], *written, 5, 6])
    assert again.cached == 92, "the library evaluated the third, too"
