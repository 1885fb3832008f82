"""The state that shares most with a prompt is found as by looking at all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from starcoder_lsp.engine.base import common_prefix
from starcoder_lsp.engine.states.index import Index
from starcoder_lsp.engine.states.sealed import packed

ids = st.lists(st.sampled_from([0, 1, 255, 256, 65_536]), min_size=1, max_size=8)


@given(st.lists(ids, max_size=12), ids)
def test_the_longest_is_found(known: list[list[int]], prompt: list[int]) -> None:
    index = Index()
    index.set(map(packed, known))
    best, shared = index.longest(packed(prompt))
    assert shared == max((common_prefix(one, prompt) for one in known), default=0)
    assert (best == b"") == (shared == 0)
    assert not best or best in map(packed, known)


def test_what_is_removed_is_not_found() -> None:
    index = Index()
    index.set([packed([1, 2]), packed([1, 2, 3])])
    index.remove(packed([1, 2, 3]))
    index.remove(packed([9]))
    assert index.longest(packed([1, 2, 3])) == (packed([1, 2]), 2)
    assert list(index) == [packed([1, 2])]
