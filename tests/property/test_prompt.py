"""Prompts: within the budget, the text exactly around the cursor, and only the control tokens that belong there."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from starcoder_lsp.completion.context import Neighbour, Neighbours, context_of
from starcoder_lsp.completion.cursor import CLOSERS
from starcoder_lsp.completion.fim import FimTokens, resolve_family
from starcoder_lsp.completion.prompt import Place, Prompt, candidates
from starcoder_lsp.completion.window import Anchor
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.tokens.lines import LineEncoder
from starcoder_lsp.tokens.tokenizer import Tokenizer
from tests.support.encoders import STARCODER, STARCODER2, Words, tokens_of
from tests.support.strategies import CODE, LONG_CODE
from tests.support.texts import NASTY

QWEN = tokens_of(
    "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>", architecture="qwen2"
)
CODELLAMA = tokens_of("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>", architecture="llama", bos=99)
SEED = tokens_of("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", architecture="llama")
MELLUM = tokens_of("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<filename>", architecture="llama", rule="mellum")
CODESTRAL = tokens_of("[PREFIX]", "[SUFFIX]", architecture="llama", bos=99, names="codestral")
DEEPSEEK = tokens_of("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", architecture="llama")  # noqa: RUF001
FAMILIES = st.sampled_from([STARCODER2, STARCODER, QWEN, CODELLAMA, SEED, MELLUM, CODESTRAL, DEEPSEEK])
ORDER = {
    "psm": ("prefix", "suffix", "middle"),
    "spm": ("prefix", "suffix", "middle"),
    "spm1": ("suffix", "prefix", "middle"),
}
LAYOUTS = st.sampled_from(["auto", "spm", "psm"])
BUDGETS = st.integers(24, 80) | st.integers(80, 4000)
NEIGHBOURS = st.lists(st.builds(Neighbour, st.just("lib/other.py"), CODE), max_size=3)
CONTROL = 100
"""Ids below are control tokens, in `Words`."""


def text_between(prompt: Prompt, start: int, end: int | None, words: Words) -> str:
    """Return the text between two control tokens of a prompt."""
    first = prompt.ids.index(start) + 1
    last = prompt.ids.index(end, first) if end is not None else len(prompt.ids)
    return words.decode(prompt.ids[first:last])


@settings(max_examples=80)
@given(LONG_CODE | CODE, st.floats(0, 1), BUDGETS, FAMILIES, LAYOUTS, NEIGHBOURS, st.booleans())
def test_prompts(
    text: str,
    part: float,
    budget: int,
    tokens: FimTokens,
    layout: str,
    neighbours: list[Neighbour],
    flag: bool,  # noqa: FBT001 - drawn
) -> None:
    offset = int(part * len(text))
    words = Words(break_first=flag)
    context = context_of(
        Neighbours("k", "me/it", tuple(neighbours)),
        language="python",
        tokens=tokens,
        budget=budget // 3,
        chunks=words.chunks,
    )
    found = candidates(
        Place(text, offset, "src/a.py"),
        tokens=tokens,
        budget=budget,
        anchor=Anchor(),
        chunks=words.chunks,
        layout=layout,  # type: ignore[arg-type]
        contexts=[context],
        skip_closers=flag,
    )
    assert found
    for prompt in found:
        assert len(prompt.ids) <= budget + len(prompt.context.ids)
        assert prompt.layout in tokens.family.layouts
        assert text.startswith(prompt.skipped, offset)
        assert set(prompt.skipped) <= CLOSERS
        assert prompt.prefix.end == offset
        assert prompt.suffix.start == offset + len(prompt.skipped)
        controls = [one for one in prompt.ids if one < CONTROL]
        expected = [getattr(tokens, role) for role in ORDER[prompt.layout]]
        expected = [one for one in expected if one is not None]
        bos = [tokens.bos] if tokens.bos else []
        in_front = [one for one in context.ids if one < CONTROL] if len(controls) > len(bos + expected) else []
        assert controls == [*bos, *in_front, *expected]
        if prompt.layout == "psm":
            before = text_between(prompt, tokens.prefix, tokens.suffix, words)
            after = text_between(prompt, tokens.suffix, tokens.middle, words)
        elif prompt.layout == "spm":
            assert tokens.middle is not None
            before = text_between(prompt, tokens.middle, None, words)
            after = text_between(prompt, tokens.suffix, tokens.middle, words)
        else:
            before = text_between(prompt, tokens.prefix, tokens.middle, words)
            after = text_between(prompt, tokens.suffix, tokens.prefix, words)
        assert before.endswith(text[prompt.prefix.start : offset])
        assert after == text[prompt.suffix.start : prompt.suffix.end]
        extra = before.removesuffix(text[prompt.prefix.start : offset]).removeprefix(tokens.family.before_prefix)
        plain = words.decode([one for one in context.ids if one >= CONTROL])
        assert extra in {"", "src/a.py\n", plain, plain + "#src/a.py\n"}


ALONE = {"starcoder2": [5], "starcoder": [], "qwen-coder": []}


@settings(max_examples=60)
@given(CODE, NEIGHBOURS, st.integers(0, 600), st.sampled_from([STARCODER2, STARCODER, QWEN]))
def test_contexts_keep_their_budget(code: str, neighbours: list[Neighbour], budget: int, tokens: FimTokens) -> None:
    words = Words()
    neighbours = [*neighbours, Neighbour("x.py", code)]
    chosen = Neighbours("k", "r", tuple(neighbours))
    context = context_of(chosen, language="c", tokens=tokens, budget=budget, chunks=words.chunks)
    assert len(context.ids) <= max(budget, len(ALONE[tokens.family.name]))
    text = words.decode([one for one in context.ids if one >= CONTROL])
    assert not context.inside_prefix or text.endswith("\n")
    again = context_of(chosen, language="c", tokens=tokens, budget=budget, chunks=words.chunks)
    assert again == context


# ---- the real tokenizer


@functools.cache
def nano() -> tuple[Tokenizer, LineEncoder, FimTokens]:
    path = Path(__file__).parents[2] / "starcoder_lsp" / "models" / "nano.gguf"
    header = read_header(path)
    tokenizer = Tokenizer.from_header(header)
    tokens = resolve_family(header.architecture, tokenizer.id_of, header.named_ids)
    return tokenizer, LineEncoder(tokenizer), tokens


LOOK_ALIKES = st.lists(
    st.sampled_from([
        "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<file_sep>", "<repo_name>", "<|endoftext|>",
        "<fim_", "prefix>", "<", "|", ">", "\n", " ", "x = 1", "é", "🎉", "\ud83d",
    ]),
    max_size=15,
).map("".join)  # fmt: skip


@settings(max_examples=80)
@given(LOOK_ALIKES | LONG_CODE, LOOK_ALIKES, st.integers(24, 600))
@example("<fim_middle>" * 9, "<|endoftext|>", 60)
@example("x = '🎉'", "🎉", 24)
def test_text_that_looks_like_control_tokens_is_text(before: str, after: str, budget: int) -> None:
    tokenizer, encoder, tokens = nano()
    context = context_of(
        Neighbours("k", "<repo_name>", (Neighbour("<file_sep>.py", before),)),
        language="",
        tokens=tokens,
        budget=200,
        chunks=encoder.chunks,
    )
    found = candidates(
        Place(before + after, len(before), "<fim_prefix>.py"),
        tokens=tokens,
        budget=budget,
        anchor=Anchor(),
        chunks=encoder.chunks,
        contexts=[context],
        skip_closers=True,
    )
    assert {prompt.layout for prompt in found} == {"psm", "spm"}
    frame = [one for one in context.ids if tokenizer.is_control(one)]
    assert frame in ([tokens.repo, tokens.file_separator, tokens.file_separator], [tokens.file_separator])
    for prompt in found:
        assert len(prompt.ids) <= budget + len(context.ids)
        controls = [one for one in prompt.ids if tokenizer.is_control(one)]
        expected = [tokens.prefix, tokens.suffix, tokens.middle]
        assert controls in ([*frame, *expected], expected)
        plain = tokenizer.decode_bytes([one for one in prompt.ids if one not in controls])
        for window in (prompt.prefix, prompt.suffix):
            part = (before + after)[window.start : window.end].replace("\ud83d", "\ufffd")
            assert part.encode() in plain


@pytest.mark.parametrize("text", NASTY)
def test_nasty_texts_are_cut_nowhere_but_at_the_cursor(text: str) -> None:
    tokenizer, encoder, tokens = nano()
    for offset in range(0, len(text) + 1, max(1, len(text) // 7)):
        for prompt in candidates(
            Place(text, offset), tokens=tokens, budget=4000, anchor=Anchor(), chunks=encoder.chunks
        ):
            plain = [one for one in prompt.ids if not tokenizer.is_control(one)]
            halves = [text[:offset], text[offset:]]
            expected = "".join(halves if prompt.layout == "psm" else halves[::-1])
            assert tokenizer.decode_bytes(plain).decode() == expected
