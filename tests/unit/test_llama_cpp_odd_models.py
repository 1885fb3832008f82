"""Models whose cache cannot be cut back at will: what the engine promises, it keeps."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from starcoder_lsp.completer import Ask, TokenCompleter
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.engine.base import CancelToken, common_prefix
from starcoder_lsp.loading import read_model
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.tokens.lines import LineEncoder
from tests.support.generation import generate, prefill
from tests.support.odd_models import WINDOW, write_odd_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starcoder_lsp.engine.llama_cpp import LlamaCpp


@pytest.fixture(scope="module", params=["mamba", "gemma2"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_odd_model(tmp_path_factory.mktemp("odd") / f"{request.param}.gguf", request.param)


@pytest.fixture(scope="module")
def engine(path: Path) -> Iterator[LlamaCpp]:
    engine = llama_cpp.load(
        read_header(path), end_ids=frozenset(), context_window=1024, slots=2, threads=1, gpu_layers=0
    )
    yield engine
    engine.close()


def test_which_can_be_cut_is_known_from_the_header(path: Path, engine: LlamaCpp) -> None:
    assert engine.info.cuts_back == (path.stem == "gemma2")


IDS = [20 + number * 7 % 900 for number in range(500)]
EDITS = st.lists(st.tuples(st.integers(1, len(IDS)), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=8)


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(edits=EDITS)
def test_no_more_is_evaluated_than_was_promised(engine: LlamaCpp, edits: list[tuple[int, int, int]]) -> None:
    prefill(engine, [7] * 30)
    for kept, added, generated in edits:
        ids = [*IDS[:kept], *range(950, 950 + added)]
        promised = len(ids) - engine.reusable(ids, 0)
        if generated:
            _tokens, generation = generate(engine, ids, generated)
            evaluation = generation.prefill
        else:
            evaluation = prefill(engine, ids)
        assert evaluation.evaluated <= max(1, promised)
        assert common_prefix(ids, engine.cached(0)) == len(ids)


def test_after_a_cut_the_tokens_are_those_of_an_empty_cache(engine: LlamaCpp) -> None:
    prefill(engine, [*IDS, 30, 31])
    prompt = [*IDS[: len(IDS) - 2 * WINDOW], 40, 41]
    warm, _generation = generate(engine, prompt, 4)
    prefill(engine, [7] * 30)
    cold, generation = generate(engine, prompt, 4)
    assert generation.prefill.cached == 0
    assert [token.id for token in warm] == [token.id for token in cold]
    assert [token.logprob for token in warm] == pytest.approx([token.logprob for token in cold], abs=0.02)


def test_a_window_is_kept_whole_and_a_state_is_not(engine: LlamaCpp) -> None:
    prefill(engine, [7] * 30)
    prefill(engine, IDS)
    evaluated = prefill(engine, [*IDS[:100], 9]).evaluated
    if engine.info.cuts_back:
        assert evaluated == 1
    else:  # a checkpoint may stand behind the first token
        assert evaluated >= 100


def test_a_keystroke_does_not_evaluate_what_stands_in_front_of_the_prefix_s_end(path: Path) -> None:
    model = read_model(path)
    assert model.tokens.family.layouts == ("psm",)
    engine = llama_cpp.load(
        model.header, end_ids=model.tokens.stops, context_window=1024, slots=2, threads=1, gpu_layers=0
    )
    completer = TokenCompleter(engine, model.tokenizer, LineEncoder(model.tokenizer), model.tokens, "odd")
    before = "".join(f"value_{number} = {number}\n" for number in range(30)) + "total = value_1 + "
    after = "\n\nprint(total)\n"
    asks = [
        Ask(("", "file:///a.py"), Place(text + after, len(text), "a.py"), max_tokens=4, progressive=False)
        for text in (before + "value_2 + value_3 + value_4"[:typed] for typed in range(0, 27, 3))
    ]
    answers = [completer.suggest(ask, CancelToken()) for ask in asks]
    assert answers[0].prompt is not None
    suffix = len(answers[0].prompt.suffix.ids)
    for earlier, later in pairwise(answers):
        assert earlier.prompt is not None
        assert later.prompt is not None
        typed = len(later.prompt.ids) - len(earlier.prompt.ids)
        assert later.evaluated <= suffix + 2 + typed + 8  # control tokens; the tokens in front of a checkpoint
    again = completer.suggest(evolve(asks[-1]), CancelToken())
    assert again.text == answers[-1].text
    completer.close()
