from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from starcoder_lsp.completion.context import Neighbour, Neighbours, context_of
from starcoder_lsp.completion.prompt import Context
from tests.support.encoders import STARCODER, STARCODER2, Words, tokens_of

if TYPE_CHECKING:
    from starcoder_lsp.completion.fim import FimTokens

REPO, SEP = 4, 5
SHORT = Neighbour("src/b.py", "x = 1\ny = 2\n")
LONG = Neighbour("src/c.py", "".join(f"value_{number} = {number}\n" for number in range(200)))
QWEN = tokens_of(
    "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>", architecture="qwen2"
)


def make(
    neighbours: list[Neighbour], tokens: FimTokens = STARCODER2, budget: int = 500, language: str = "python"
) -> tuple[Context, str]:
    words = Words()
    context = context_of(
        Neighbours("k", "me/it", tuple(neighbours)),
        language=language,
        tokens=tokens,
        budget=budget,
        chunks=words.chunks,
    )
    spelled = {REPO: "{repo}", SEP: "{sep}"}
    return context, "".join(spelled.get(one) or words.decode([one]) for one in context.ids)


def test_starcoder2_files() -> None:
    context, text = make([SHORT, Neighbour("d.py", "z")])
    assert text == "{repo}me/it{sep}src/b.py\nx = 1\ny = 2\n{sep}d.py\nz{sep}"
    assert context.names_path
    assert not context.inside_prefix


def test_qwen_files_have_newlines_around_everything() -> None:
    assert make([Neighbour("d.py", "z")], QWEN)[1] == "{repo}me/it\n{sep}d.py\nz\n{sep}"


def test_comments() -> None:
    context, text = make([SHORT, Neighbour("d.py", "\nz\n")], STARCODER)
    assert text == "# Path: src/b.py\n# x = 1\n# y = 2\n# Path: d.py\n#\n# z\n"
    assert context.inside_prefix
    assert not context.names_path


@pytest.mark.parametrize(("language", "comment"), [("python", "#"), ("rust", "//"), ("lua", "--"), ("nobody", "//")])
def test_comments_in_the_language_of_the_file(language: str, comment: str) -> None:
    assert make([Neighbour("a", "b")], STARCODER, language=language)[1] == f"{comment} Path: a\n{comment} b\n"


@pytest.mark.parametrize("tokens", [STARCODER2, STARCODER])
def test_without_neighbours_or_room_a_file_stands_as_in_training(tokens: FimTokens) -> None:
    alone = Context((SEP,), names_path=True) if tokens is STARCODER2 else Context()
    for neighbours, budget in (([], 100), ([LONG], 5), ([LONG], 0)):
        made = make(neighbours, tokens, budget=budget)[0]
        assert made.key == "k"  # the same neighbours need not be tried again
        assert evolve(made, key="") == alone


@pytest.mark.parametrize("tokens", [STARCODER2, STARCODER])
def test_the_best_is_kept_and_the_first_that_does_not_fit_is_cut_at_a_line_end(tokens: FimTokens) -> None:
    context, text = make([Neighbour("never.py", "n"), LONG, SHORT], tokens, budget=100)
    assert len(context.ids) <= 100
    assert "value_3 = 3" in text
    assert "never" not in text
    assert text.index("src/c.py") < text.index("src/b.py")
    number = text[: text.index("src/b.py")].rsplit("value_", 1)[1].splitlines()[0].split("{")[0]
    assert number == "{0} = {0}".format(number.split(" ")[0])


def test_a_comment_cut_short_does_not_run_into_the_file() -> None:
    assert make([LONG], STARCODER, budget=50)[1].endswith("\n")


@pytest.mark.parametrize("tokens", [STARCODER2, STARCODER, QWEN])
@pytest.mark.parametrize("neighbour", [SHORT, LONG, Neighbour("d.py", "x\n" * 100)])
def test_the_budget_is_kept(tokens: FimTokens, neighbour: Neighbour) -> None:
    for budget in range(120):
        assert len(make([neighbour, LONG, SHORT], tokens, budget=budget)[0].ids) <= max(1, budget)


def test_in_front_of_a_file_cut_short_there_is_no_other() -> None:
    for budget in range(60, 90):
        assert "never" not in make([Neighbour("never.py", ""), LONG], STARCODER2, budget=budget)[1]


def test_the_budget_is_used() -> None:
    assert len(make([LONG], STARCODER2, budget=200)[0].ids) > 185


def test_the_ids_of_the_best_do_not_depend_on_the_others() -> None:
    words = Words()

    def ids(neighbours: list[Neighbour]) -> tuple[int, ...]:
        found = Neighbours("k", "r", tuple(neighbours))
        return context_of(found, language="python", tokens=STARCODER2, budget=900, chunks=words.chunks).ids

    one, two = ids([SHORT]), ids([LONG, SHORT])
    head = 1 + len(words.chunks("r"))
    assert two[-len(one) + head :] == one[head:]
    assert ids([SHORT]) == one


def test_a_huge_neighbour_is_not_encoded_whole() -> None:
    seen = 0

    def chunks(text: str) -> list[tuple[str, list[int]]]:
        nonlocal seen
        seen += len(text)
        return [(line, [7, 7, 7]) for line in text.splitlines(keepends=True)]

    huge = Neighbour("a.py", "x = 1\n" * 1_000_000)
    context_of(Neighbours("k", "r", (huge,)), language="python", tokens=STARCODER2, budget=100, chunks=chunks)
    assert seen < 10_000
