from __future__ import annotations

import pytest

from starcoder_lsp.completion.families import CONTROL_SPELLINGS, FAMILIES
from starcoder_lsp.completion.fim import FimTokens, NoFimTokens, advice, resolve_family

STARCODER = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<filename>", "<gh_stars>"]
STARCODER2 = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<repo_name>", "<file_sep>"]
QWEN = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"]

GLM = ["<|endoftext|>", "<|user|>", "<|assistant|>", "[gMASK]", "<sop>"]
GLM += ["<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"]
MISTRAL = ["<s>", "</s>", "[PREFIX]", "[SUFFIX]", "[MIDDLE]"]


def resolve(
    vocabulary: list[str], architecture: str = "llama", rule: str = "", names: str = "", **named: int
) -> FimTokens:
    def id_of(text: str) -> int | None:
        return vocabulary.index(text) if text in vocabulary else None

    return resolve_family(architecture, id_of, named, rule=rule, names=names)


@pytest.mark.parametrize(
    ("family", "architecture", "vocabulary"),
    [
        ("starcoder2", "starcoder2", STARCODER2),
        ("starcoder", "starcoder", [*STARCODER, "<reponame>"]),
        ("granite", "llama", [*STARCODER, "<reponame>"]),  # Granite Code 3B and 8B
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
        ("seed-coder", "llama", ["<[end▁of▁sentence]>", "<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"]),
        ("aixcoder", "llama", ["</s>", "▁<AIX-SPAN-PRE>", "▁<AIX-SPAN-POST>", "▁<AIX-SPAN-MIDDLE>"]),
        ("glm", "glm4moe", GLM),
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
    assert (family.repository, family.after_repo, family.file_head, family.after_file) == ("files", "", "{path}\n", "")
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
    assert (family.after_repo, family.neighbour_head, family.after_file) == ("\n", "{path}\n", "\n")
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
        assert {family.prefix, family.suffix, *family.ends} <= CONTROL_SPELLINGS
        assert family.middle is None or family.middle in CONTROL_SPELLINGS
    assert {"<file_sep>", "<repo_name>", "<filename>", "<reponame>"} <= CONTROL_SPELLINGS


def test_starcoder2_15b_comes_with_a_warning() -> None:
    assert "15B" in (advice(architecture="starcoder2", block_count=40) or "")
    assert advice(architecture="starcoder2", block_count=30) is None
    assert advice(architecture="starcoder", block_count=40) is None


@pytest.mark.parametrize(
    ("rule", "architecture", "name"),
    [("mellum", "llama", ""), ("mellum2", "mellum", ""), ("default", "llama", "Mellum 4b")],
)
def test_mellum_is_not_taken_for_starcoder_whose_tokens_it_has(rule: str, architecture: str, name: str) -> None:
    tokens = resolve([*STARCODER, "<reponame>"], architecture, rule, name, prefix=1, suffix=3, middle=2)
    assert tokens.family.name == "mellum"
    assert tokens.family.layouts == ("spm1",)
    assert tokens.file_separator == 5
    assert {0, 5} <= tokens.stops


def test_what_no_source_proves_is_not_asked() -> None:
    assert {family.name: family.layouts for family in FAMILIES if family.name in {"granite", "codegemma", "bars"}} == {
        "granite": ("psm",),
        "codegemma": ("psm",),
        "bars": ("psm",),
    }


@pytest.mark.parametrize("names", ["Codestral 22B v0.1", "/models/codestral-22b-v0.1.q4_k_m.gguf"])
def test_codestral_is_known_by_its_name_and_has_no_middle_token(names: str) -> None:
    tokens = resolve(MISTRAL, names=names, bos=0, eos=1)
    assert (tokens.family.name, tokens.prefix, tokens.suffix, tokens.middle) == ("codestral", 2, 3, None)
    assert {1, 2, 3, 4} <= tokens.stops


def test_mistrals_other_models_have_its_tokens_and_cannot_fill_gaps() -> None:
    with pytest.raises(NoFimTokens):
        resolve(MISTRAL, names="Mistral 7B Instruct v0.3", bos=0, eos=1)


def test_a_file_that_names_codestrals_tokens_is_not_asked_as_if_it_were_any_model() -> None:
    tokens = resolve(MISTRAL, names="my finetune", prefix=2, suffix=3, middle=4)
    assert tokens.family.name == "codestral"
    assert tokens.middle is None


def test_codegeex_is_asked_in_its_chat_and_glm_4_without_its_name_not_at_all() -> None:
    tokens = resolve(GLM, "chatglm", names="CodeGeeX4 All 9b")
    assert tokens.family.name == "codegeex"
    assert tokens.opening == (3, 4, 1, "\n")
    assert tokens.closing == (2, "\n")
    with pytest.raises(NoFimTokens):
        resolve(GLM, "chatglm", names="glm-4-9b-chat")


def test_qwens_chat_markup_is_an_option() -> None:
    vocabulary = [*QWEN, "<|repo_name|>", "<|file_sep|>"]
    ids = {text: number for number, text in enumerate(vocabulary)}
    plain, chat = (resolve_family("qwen3moe", ids.get, chat_markup=markup) for markup in (False, True))
    assert (plain.family.name, plain.opening, plain.closing) == ("qwen-coder", (), ())
    assert chat.opening == (1, "system\nYou are a code completion assistant.", 2, "\n", 1, "user\n")
    assert chat.closing == (2, "\n", 1, "assistant\n")
    assert resolve_family("llama", {"<fim_prefix>": 1, "<fim_suffix>": 2, "<fim_middle>": 3}.get, chat_markup=True)
