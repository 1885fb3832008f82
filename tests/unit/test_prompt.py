from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.completion.prompt import Context, Place, candidates, closers_behind
from starcoder_lsp.completion.window import Anchor
from tests.support.encoders import STARCODER, STARCODER2, Words, tokens_of
from tests.support.places import split

if TYPE_CHECKING:
    from starcoder_lsp.completion.fim import FimTokens

PRE, SUF, MID, REPO, SEP = 1, 2, 3, 4, 5
QWEN = tokens_of(
    "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>", architecture="qwen2"
)
CODELLAMA = tokens_of("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>", architecture="llama", bos=99)
SPELLED = {PRE: "{pre}", SUF: "{suf}", MID: "{mid}", REPO: "{repo}", SEP: "{sep}", 99: "{bos}"}


def prompts(
    marked: str, tokens: FimTokens = STARCODER2, *, context: str = "", path: str = "", **options: object
) -> list[str]:
    """Return the prompts at a place, spelled out. `context`: text and spelled control tokens."""
    words = Words()
    text, offset = split(marked)
    ids = encode(words, context)
    found = candidates(
        Place(text, offset, path),
        tokens=tokens,
        budget=options.pop("budget", 200),  # type: ignore[arg-type]
        anchor=Anchor(),
        chunks=words.chunks,
        contexts=[Context(ids, names_path=bool(path), inside_prefix=bool(options.pop("inside", False)))],
        **options,  # type: ignore[arg-type]
    )
    return ["".join(SPELLED.get(one) or words.decode([one]) for one in prompt.ids) for prompt in found]


def encode(words: Words, text: str) -> tuple[int, ...]:
    ids: list[int] = []
    while text:
        control = next((one for one, spelled in SPELLED.items() if text.startswith(spelled)), None)
        if control is not None:
            ids.append(control)
            text = text.removeprefix(SPELLED[control])
        else:
            ids += words.chunks(text[0])[0][1]
            text = text[1:]
    return tuple(ids)


def test_both_layouts_the_cheaper_to_type_in_first() -> None:
    assert prompts("a = ▌\nb") == ["{pre}{suf}\nb{mid}a = ", "{pre}a = {suf}\nb{mid}"]


def test_a_prompt_ends_in_front_of_the_word_that_may_go_on() -> None:
    assert prompts("a = fo▌\nb", open_end=lambda _text: 2) == ["{pre}{suf}\nb{mid}a = ", "{pre}a = {suf}\nb{mid}"]
    words = Words()
    found = candidates(
        Place("a = fo)\nb", 6), tokens=STARCODER2, budget=200, anchor=Anchor(), chunks=words.chunks,
        skip_closers=True, open_end=lambda text: len(text) - text.rfind(" ") - 1,
    )  # fmt: skip
    assert [prompt.begin for prompt in found] == ["fo", "fo", "fo"]


def test_one_layout_where_one_is_asked_for() -> None:
    assert prompts("a▌b", layout="psm") == ["{pre}a{suf}b{mid}"]
    assert prompts("a▌b", layout="spm") == ["{pre}{suf}b{mid}a"]


def test_never_a_layout_that_the_family_was_not_trained_on() -> None:
    assert prompts("a▌b", QWEN) == ["{pre}a{suf}b{mid}"]
    assert prompts("a▌b", QWEN, layout="spm") == ["{pre}a{suf}b{mid}"]


def test_an_empty_file() -> None:
    assert prompts("▌") == ["{pre}{suf}{mid}", "{pre}{suf}{mid}"]


def test_starcoder2_repository() -> None:
    context = "{repo}me/it{sep}b.py\nx = 1{sep}"
    assert prompts("a▌b", context=context, path="src/a.py") == [
        context + "{pre}{suf}b{mid}src/a.py\na",
        context + "{pre}src/a.py\na{suf}b{mid}",
    ]


def test_qwen_repository_has_the_path_before_the_prefix() -> None:
    context = "{repo}it\n{sep}b.py\nx = 1\n{sep}"
    assert prompts("a▌b", QWEN, context=context, path="a.py") == [context + "a.py\n{pre}a{suf}b{mid}"]


def test_starcoder_comments_stand_in_the_prefix() -> None:
    assert prompts("a▌b", STARCODER, context="# x\n", inside=True) == [
        "{pre}{suf}b{mid}# x\na",
        "{pre}# x\na{suf}b{mid}",
    ]


def test_a_path_is_not_named_where_neighbours_are_not() -> None:
    words = Words()
    found = candidates(Place("ab", 1, "a.py"), tokens=STARCODER2, budget=100, anchor=Anchor(), chunks=words.chunks)
    assert words.decode([one for one in found[0].ids if one > PRE + 10]) == "ba"


def test_a_text_that_sentencepiece_gives_a_space() -> None:
    assert prompts("a▌b", CODELLAMA, layout="psm") == ["{bos}{pre} a{suf}b{mid}"]
    assert prompts("a▌b", CODELLAMA, layout="spm") == ["{bos}{pre}{suf}b{mid} a"]


def test_the_windows_do_not_depend_on_the_context() -> None:
    words, text = Words(), "".join(f"line {number}\n" for number in range(90))
    place, anchor = Place(text, len(text) // 2, "src/a.py"), Anchor()
    contexts = [Context(tuple([MID + 40] * size), names_path=size > 1, key=str(size)) for size in (1, 30, 90)]
    found = candidates(
        place, tokens=STARCODER2, budget=100, anchor=anchor, chunks=words.chunks, layout="spm", contexts=contexts
    )
    assert [one.context.key for one in found] == ["1", "30", "90"]
    assert len({(one.prefix, one.suffix) for one in found}) == 1
    assert all(len(one.ids) - len(one.context.ids) <= 100 for one in found)


def test_a_budget_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="budget of 23 tokens"):
        prompts("a▌b", budget=23)
    assert prompts("a▌b", budget=24)


@pytest.mark.parametrize(
    ("marked", "closers"),
    [
        ("foo(▌)", ")"), ("foo(▌) \nx", ")"), ("foo([▌]);\n", "]);"), ('"▌"', '"'), ("foo(▌", ""), ("foo(▌\n)", ""),
        ("foo(▌x)", ""), ("foo(▌) # x", ""), ("▌" + ")" * 8, ")" * 8), ("▌" + ")" * 9, ""), ("foo(▌  ", ""),
    ],
)  # fmt: skip
def test_closers_that_an_editor_put_behind_the_cursor(marked: str, closers: str) -> None:
    assert closers_behind(*split(marked)) == closers


def test_a_variant_skips_the_closers_so_that_its_front_stays() -> None:
    found = prompts("foo(▌);\nb", skip_closers=True)
    assert found == ["{pre}{suf});\nb{mid}foo(", "{pre}foo({suf});\nb{mid}", "{pre}{suf}\nb{mid}foo("]
    front = prompts("foo▌\nb", skip_closers=True)[0]
    assert found[2].startswith(front)


def test_no_variant_without_closers_or_without_spm() -> None:
    assert len(prompts("foo(▌\nb", skip_closers=True)) == 2
    assert len(prompts("foo(▌)", skip_closers=True, layout="psm")) == 1


SEED = tokens_of("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", architecture="llama")


@pytest.mark.parametrize("layout", ["auto", "spm", "psm"])
def test_a_family_that_knows_one_order_keeps_it_whatever_is_asked_for(layout: str) -> None:
    assert prompts("a▌b", SEED, layout=layout) == ["{suf}b{pre}a{mid}"]


def test_a_keystroke_in_spm1_changes_what_was_typed_and_one_token() -> None:
    words = Words()
    before, after = (
        candidates(Place(text + "\nend", len(text)), tokens=SEED, budget=200, anchor=Anchor(), chunks=words.chunks)[
            0
        ].ids
        for text in ("x = 1\ny", "x = 1\ny =")
    )
    common = next(at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    assert len(before) - common == 1
    assert words.decode(after[common:-1]) == " ="


def test_closers_are_skipped_in_spm1_too() -> None:
    assert prompts("foo(▌);\nb", SEED, skip_closers=True) == ["{suf});\nb{pre}foo({mid}", "{suf}\nb{pre}foo({mid}"]
