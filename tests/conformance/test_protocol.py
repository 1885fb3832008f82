"""What `engine.base.Engine` promises, asked of every engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine.base import CancelToken, Token
from starcoder_lsp.errors import BadTokens, ContextFull, EngineClosed
from tests.conformance.models import CONTEXT
from tests.support.generation import CancelAfter, generate, ids_of, prefill

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conformance.conftest import Opener

pytestmark = pytest.mark.slow


def test_info_says_what_it_is(open_model: Opener, model: Callable[[str], Path]) -> None:
    info = open_model(model("F16")).info
    assert info.engine.split(" at ")[0] in {"llama.cpp", "ctransformers", "llama-server", "llama.cpp, shared"}
    assert (info.context_window, info.slots) == (CONTEXT, 1)
    assert info.detail


def test_a_prompt_is_evaluated_once(open_model: Opener, model: Callable[[str], Path], text_ids: list[int]) -> None:
    engine = open_model(model("F16"))
    prompt = text_ids[:200]
    first = prefill(engine, prompt)
    assert (first.cached, first.evaluated, first.completed) == (0, 200, True)
    assert list(engine.cached(0)) == prompt
    again = prefill(engine, prompt)
    assert again.completed
    assert again.evaluated <= 1


def test_what_is_typed_at_the_end_costs_only_itself(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    engine = open_model(model("F16"))
    prefill(engine, text_ids[:200])
    more = prefill(engine, text_ids[:203])
    assert (more.cached, more.evaluated) == (200, 3)


def test_a_warm_cache_gives_what_a_cold_one_gives(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    warm, cold = open_model(model("F16")), open_model(model("F16"))
    shared, other = text_ids[:150], text_ids[7:60]
    generate(warm, text_ids[:300])
    generate(warm, shared + other[:20])
    expected, _ = generate(cold, shared + other)
    tokens, generation = generate(warm, shared + other)
    assert generation.prefill.cached >= len(shared)
    assert ids_of(tokens) == ids_of(expected)
    assert [token.logprob for token in tokens] == pytest.approx([token.logprob for token in expected], abs=2e-3)


@pytest.mark.parametrize("begin", ["re", "\n        ", ' "', "é→🎉", "\\x", "]"])
def test_a_generation_begins_as_it_must(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int], begin: str
) -> None:
    engine = open_model(model("F16"))
    tokens, _ = generate(engine, text_ids[:60], 24, begin=begin)
    text = b"".join(token.piece for token in tokens)
    assert text.startswith(begin.encode())
    assert len(text) > len(begin.encode())
    assert all(token.logprob <= 0 for token in tokens)
    free, _ = generate(engine, text_ids[:60])
    again, _ = generate(engine, text_ids[:60], begin=free[0].piece.decode("utf-8", "ignore"))
    assert ids_of(again) == ids_of(free)  # what it would have written anyway changes nothing


def test_a_beginning_that_does_not_fit_is_begun(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    tokens, _ = generate(open_model(model("F16")), text_ids[:60], 2, begin="return_the_whole_thing")
    written = b"".join(token.piece for token in tokens)
    assert b"return_the_whole_thing".startswith(written)
    assert written


def test_going_back_into_the_cached_prompt(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    warm, cold = open_model(model("F16")), open_model(model("F16"))
    prefill(warm, text_ids[:300])
    expected, _ = generate(cold, text_ids[:100])
    tokens, generation = generate(warm, text_ids[:100])
    assert ids_of(tokens) == ids_of(expected)
    assert generation.prefill.evaluated <= 1
    assert generation.prefill.cached + generation.prefill.evaluated == 100


def test_generated_tokens_stay_cached(open_model: Opener, model: Callable[[str], Path], text_ids: list[int]) -> None:
    engine = open_model(model("F16"))
    tokens, _ = generate(engine, text_ids[:50], 10)
    accepted = text_ids[:50] + ids_of(tokens)
    evaluation = prefill(engine, accepted)
    assert evaluation.evaluated <= 2
    assert list(engine.cached(0)) == accepted


def test_a_cancelled_call_does_nothing(open_model: Opener, model: Callable[[str], Path], text_ids: list[int]) -> None:
    engine = open_model(model("F16"))
    cancel = CancelToken()
    cancel.cancel()
    evaluation = prefill(engine, text_ids[:200], cancel)
    assert (evaluation.evaluated, evaluation.completed) == (0, False)
    tokens, generation = generate(engine, text_ids[:200], cancel=cancel)
    assert (tokens, generation.generated, generation.finish) == ([], 0, "cancelled")


def test_cancelling_a_prefill_keeps_what_was_evaluated(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    engine, cold = open_model(model("F16")), open_model(model("F16"))
    prompt = text_ids[:400]
    evaluation = prefill(engine, prompt, CancelAfter(5))  # four come before the first chunk's, in the shared engine
    held = list(engine.cached(0))
    assert not evaluation.completed
    assert 0 < evaluation.evaluated < 400
    assert held == prompt[: len(held)]
    expected, _ = generate(cold, prompt)
    tokens, generation = generate(engine, prompt)
    assert generation.prefill.cached >= len(held) > 0
    assert ids_of(tokens) == ids_of(expected)


def test_cancelling_a_decode_takes_one_step(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    engine, cancel = open_model(model("F16")), CancelToken()
    seen: list[Token] = []

    def third(token: Token) -> bool:
        seen.append(token)
        if len(seen) == 3:
            cancel.cancel()
        return False

    tokens, generation = generate(engine, text_ids[:50], 100, cancel=cancel, on_token=third)
    assert generation.finish == "cancelled"
    assert 3 <= len(tokens) <= 4
    expected, _ = generate(engine, text_ids[:50], 8)
    assert ids_of(expected)[: len(tokens)] == ids_of(tokens)


def test_the_receiver_ends_a_generation(open_model: Opener, model: Callable[[str], Path], text_ids: list[int]) -> None:
    engine = open_model(model("F16"))
    tokens, generation = generate(engine, text_ids[:50], 100, on_token=lambda _token: True)
    assert (len(tokens), generation.generated, generation.finish) == (1, 1, "stop")


def test_an_error_of_the_receiver_is_raised_and_the_engine_goes_on(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    engine = open_model(model("F16"))

    def fail(_token: Token) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        generate(engine, text_ids[:50], on_token=fail)
    tokens, _ = generate(engine, text_ids[:50])
    assert len(tokens) == 12


def test_an_end_token_ends_it_and_is_not_handed_out(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    tokens, _ = generate(open_model(model("F16")), text_ids[:50])
    end = next(token.id for token in tokens[3:] if token.id not in ids_of(tokens[:3]))
    before = ids_of(tokens)[: ids_of(tokens).index(end)]
    ended, generation = generate(open_model(model("F16"), end_ids=frozenset({end})), text_ids[:50])
    assert ids_of(ended) == before
    assert (generation.generated, generation.finish) == (len(before) + 1, "stop")


def test_a_generation_ends_at_its_limit(open_model: Opener, model: Callable[[str], Path], text_ids: list[int]) -> None:
    tokens, generation = generate(open_model(model("F16")), text_ids[:50], 7)
    assert (len(tokens), generation.generated, generation.finish) == (7, 7, "length")


def test_a_generation_ends_with_the_context(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    engine = open_model(model("F16"))
    tokens, generation = generate(engine, text_ids[: CONTEXT - 4], 100)
    assert 1 <= len(tokens) <= 4
    assert generation.finish == "length"


@pytest.mark.parametrize("length", [CONTEXT, CONTEXT + 1, CONTEXT + 100])
def test_a_prompt_beyond_the_context_is_refused(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int], length: int
) -> None:
    engine = open_model(model("F16"))
    with pytest.raises(ContextFull):
        generate(engine, text_ids[:length])
    assert generate(engine, text_ids[:50])[1].generated == 12


@pytest.mark.parametrize("ids", [[], [-1], [1024], [5, 6, 1 << 30], [5, -(1 << 30)]])
def test_bad_ids_are_refused(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int], ids: list[int]
) -> None:
    engine = open_model(model("F16"))
    with pytest.raises(BadTokens):
        prefill(engine, ids)
    with pytest.raises(BadTokens):
        generate(engine, ids)
    assert generate(engine, text_ids[:50])[1].generated == 12


def test_closing(open_model: Opener, model: Callable[[str], Path], text_ids: list[int]) -> None:
    engine = open_model(model("F16"))
    expected, _ = generate(engine, text_ids[:50])
    engine.close()
    engine.close()
    with pytest.raises(EngineClosed):
        prefill(engine, text_ids[:50])
    with pytest.raises(EngineClosed):
        generate(engine, text_ids[:50])
    tokens, _ = generate(open_model(model("F16")), text_ids[:50])
    assert ids_of(tokens) == ids_of(expected)


def test_pieces_are_the_bytes_of_the_text(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int]
) -> None:
    tokens, _ = generate(open_model(model("F16")), text_ids[:50])
    assert all(token.piece.isascii() and token.piece for token in tokens)


def test_nothing_is_printed(
    open_model: Opener, model: Callable[[str], Path], text_ids: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    engine = open_model(model("F16"))
    generate(engine, text_ids[:50])
    engine.close()
    assert capfd.readouterr().out == ""
