from __future__ import annotations

import pytest

from starcoder_lsp.completion.fim import CONTROL_SPELLINGS, FAMILIES, FimTokens, NoFimTokens, advice, resolve_family

STARCODER = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<filename>", "<gh_stars>"]
STARCODER2 = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>"]
QWEN = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]


def resolve(vocabulary: list[str], architecture: str = "llama", **named: int) -> FimTokens:
    return resolve_family(architecture, lambda text: vocabulary.index(text) if text in vocabulary else None, named)


@pytest.mark.parametrize(
    ("family", "architecture", "vocabulary"),
    [
        ("starcoder2", "starcoder2", STARCODER2),
        ("starcoder", "starcoder", [*STARCODER, "<reponame>"]),
        ("starcoder", "llama", [*STARCODER, "<reponame>"]),  # Granite Code 3B and 8B
        ("refact", "refact", [*STARCODER, "<reponame>"]),
        ("granite", "granite", ["<|end_of_text|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>"]),
        ("santacoder", "starcoder", ["<|endoftext|>", "<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>"]),
        ("qwen-coder", "qwen2", [*QWEN, "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]),
        ("codegemma", "gemma", ["<eos>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_separator|>"]),
        ("bars", "granite", QWEN),
        ("codellama", "llama", ["<s>", "</s>", "▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>"]),
        (
            "deepseek-coder",
            "llama",
            ["<｜end▁of▁sentence｜>", "<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>", "<|EOT|>"],  # noqa: RUF001
        ),
    ],
)
def test_a_family_is_known_by_its_tokens(family: str, architecture: str, vocabulary: list[str]) -> None:
    tokens = resolve(vocabulary, architecture)
    assert tokens.family.name == family
    for role in ("prefix", "suffix", "middle", "pad", "repo", "file_separator", "file_name"):
        spelling, token = getattr(tokens.family, role), getattr(tokens, role)
        assert token == (vocabulary.index(spelling) if spelling in vocabulary else None)
    ends = {vocabulary.index(end) for end in tokens.family.ends if end in vocabulary}
    assert ends
    assert ends | {tokens.prefix, tokens.suffix, tokens.middle} <= tokens.stops


def test_starcoder2_has_files_in_a_repository_and_both_layouts() -> None:
    tokens = resolve(STARCODER2, "starcoder2")
    family = tokens.family
    assert (tokens.repo, tokens.file_separator, tokens.pad) == (5, 6, 4)
    assert (family.repository, family.after_repo, family.after_path, family.after_file) == ("files", "", "\n", "")
    assert family.path_inside_prefix
    assert set(family.layouts) == {"psm", "spm"}
    assert tokens.stops == frozenset(range(7))


def test_starcoder_knows_one_file_and_its_name() -> None:
    tokens = resolve([*STARCODER, "<reponame>"], "starcoder")
    assert tokens.family.repository == "comments"
    assert tokens.file_name == 5
    assert tokens.file_separator is None


def test_qwen_puts_line_breaks_around_everything_and_knows_one_layout() -> None:
    family = resolve([*QWEN, "<|repo_name|>", "<|file_sep|>"]).family
    assert (family.after_repo, family.after_path, family.after_file) == ("\n", "\n", "\n")
    assert not family.path_inside_prefix
    assert family.layouts == ("psm",)


def test_codellama_begins_with_a_space() -> None:
    assert resolve(["▁<PRE>", "▁<MID>", "▁<SUF>"]).family.before_prefix == " "


def test_ids_that_the_file_names_are_the_last_resort() -> None:
    tokens = resolve([], "unheard-of", prefix=3, suffix=4, middle=5, pad=6, repo=7, separator=8, eos=9)
    assert (tokens.prefix, tokens.suffix, tokens.middle, tokens.pad, tokens.repo) == (3, 4, 5, 6, 7)
    assert tokens.family.name == "generic"
    assert tokens.family.layouts == ("psm",)
    assert tokens.family.repository == "comments"
    assert tokens.stops == frozenset(range(3, 10))


def test_spellings_come_before_the_ids_that_the_file_names() -> None:
    tokens = resolve(STARCODER2, prefix=90, suffix=91, middle=92)
    assert (tokens.prefix, tokens.suffix, tokens.middle) == (1, 3, 2)


def test_named_ends_stop_and_a_named_beginning_begins() -> None:
    tokens = resolve(STARCODER2, bos=40, eos=41, eot=42)
    assert tokens.bos == 40
    assert {41, 42} <= tokens.stops
    assert 40 not in tokens.stops
    assert resolve(STARCODER2).bos is None


@pytest.mark.parametrize("vocabulary", [[], ["<fim_prefix>", "<fim_suffix>"], ["<|im_start|>", "<|endoftext|>"]])
def test_a_model_that_cannot_fill_gaps_is_refused(vocabulary: list[str]) -> None:
    with pytest.raises(NoFimTokens):
        resolve(vocabulary, prefix=1)


def test_every_spelling_of_every_family_is_a_control_token() -> None:
    for family in FAMILIES:
        assert {family.prefix, family.suffix, family.middle, *family.ends} <= CONTROL_SPELLINGS
    assert {"<file_sep>", "<repo_name>", "<filename>", "<reponame>"} <= CONTROL_SPELLINGS


def test_starcoder2_15b_comes_with_a_warning() -> None:
    assert "15B" in (advice(architecture="starcoder2", block_count=40) or "")
    assert advice(architecture="starcoder2", block_count=30) is None
    assert advice(architecture="starcoder", block_count=40) is None
