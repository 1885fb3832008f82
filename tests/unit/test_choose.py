from __future__ import annotations

import pytest

from starcoder_lsp.completion.choose import choose
from starcoder_lsp.completion.prompt import Prompt
from starcoder_lsp.completion.window import Window

_NONE = Window(0, 0, ())


def prompt(size: int) -> Prompt:
    return Prompt(list(range(size)), "spm", _NONE, _NONE)


def chosen(sizes: list[int], shared: dict[tuple[int, int], int], stalest: list[int]) -> tuple[int, int, int]:
    """`shared`: by (size of the prompt, slot). Returns (size of the prompt, slot, cost)."""
    choice = choose(
        [prompt(size) for size in sizes], sorted(stalest), lambda ids, slot: shared.get((len(ids), slot), 0), stalest
    )
    return len(choice.prompt.ids), choice.slot, choice.cost


@pytest.mark.parametrize(
    ("sizes", "shared", "stalest", "expected"),
    [
        # one prompt: the slot that shares most
        ([100], {(100, 0): 40, (100, 1): 90}, [0, 1], (100, 1, 10)),
        ([100], {(100, 0): 90, (100, 1): 40}, [1, 0], (100, 0, 10)),
        # what shares next to nothing goes where it does least harm
        ([100], {(100, 0): 3}, [1, 0], (100, 1, 100)),
        ([100], {}, [1, 0], (100, 1, 100)),
        ([100], {(100, 0): 16}, [1, 0], (100, 0, 84)),
        # a tie goes to the stalest
        ([100], {(100, 0): 50, (100, 1): 50}, [1, 0], (100, 1, 50)),
        ([100], {(100, 0): 50, (100, 1): 50}, [0, 1], (100, 0, 50)),
        # a prompt shorter than the threshold may still be shared whole
        ([10], {(10, 1): 10}, [0, 1], (10, 1, 0)),
        # another prompt only if it saves much
        ([100, 101], {(100, 0): 60, (101, 0): 92}, [0], (100, 0, 40)),
        ([100, 101], {(100, 0): 60, (101, 0): 93}, [0], (101, 0, 8)),
        ([100, 101, 102], {(100, 0): 10, (101, 0): 60, (102, 0): 80}, [0], (101, 0, 41)),
    ],
)
def test_choice(
    sizes: list[int], shared: dict[tuple[int, int], int], stalest: list[int], expected: tuple[int, int, int]
) -> None:
    assert chosen(sizes, shared, stalest) == expected


@pytest.mark.parametrize(("held", "asked"), [(69, {100}), (68, {100, 101})])
def test_where_nothing_can_be_saved_no_other_prompt_is_looked_at(held: int, asked: set[int]) -> None:
    seen: set[int] = set()

    def common(ids: object, _slot: int) -> int:
        assert isinstance(ids, list)
        seen.add(len(ids))
        return held

    choose([prompt(100), prompt(101)], [0], common, [0])
    assert seen == asked
