"""Whatever the files and the place: no budget is exceeded, no text stands twice, none that the window holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from starcoder_lsp.repository.facts import extract, language_of
from starcoder_lsp.repository.index import Index
from starcoder_lsp.repository.postings import Postings
from starcoder_lsp.repository.query import Query, Spot
from starcoder_lsp.repository.words import numbers_of, parts_of, words_of

NAMES = st.sampled_from(
    ["alpha", "beta", "gammaRay", "delta_wave", "epsilon", "zeta", "ETA", "theta_one", "iota", "kappa"]
)
LINES = st.one_of(
    st.builds("def {0}({1}, {2}):".format, NAMES, NAMES, NAMES),
    st.builds("    self.{0} = {1}.{2}({0})".format, NAMES, NAMES, NAMES),
    st.builds("class {0}({1}):".format, NAMES, NAMES),
    st.builds("from {0} import {1}".format, NAMES, NAMES),
    st.builds("    return {0}".format, NAMES),
    st.builds("  # {0} Ärger {1} €".format, NAMES, NAMES),
    st.text(max_size=30),
)
TEXTS = st.builds("\n".join, st.lists(LINES, max_size=15))
FOLDERS, EXTENSIONS = st.sampled_from(["", "a/", "a/b/", "tests/test_"]), st.sampled_from(["py", "ts", "go", "rs", "x"])
PATHS = st.builds("{0}{1}.{2}".format, FOLDERS, NAMES, EXTENSIONS)
FILES = st.dictionaries(PATHS, TEXTS, max_size=8)


@pytest.mark.slow
@settings(max_examples=60)
@given(FILES, PATHS, TEXTS, st.data())
def test_a_selection(files: dict[str, str], path: str, text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)), label="offset")
    start = data.draw(st.integers(0, offset), label="start")
    end = data.draw(st.integers(offset, len(text)), label="end")
    budget = data.draw(st.integers(0, 120), label="budget")
    recent = tuple(Spot(one, 1, 3) for one in data.draw(st.lists(PATHS, max_size=3), label="recent"))
    index = Index(files.get)
    for one, content in files.items():
        index.put(one, extract(one, language_of(one), content))
    query = Query(path, language_of(path), text, offset, (start, end), recent)
    selection = index.select(query, budget, len)
    assert selection.tokens <= budget
    assert selection.tokens == sum(len(one.text) + len(one.path) + 1 for one in selection.snippets)
    shown = [line for one in selection.snippets for line in one.text.split("\n")[:-1]]
    assert len(shown) == len(set(shown))
    assert {line.strip() for line in shown}.isdisjoint(line.strip() for line in text[start:end].split("\n"))
    paths = [one.path for one in selection.snippets]
    assert path not in paths
    assert len(paths) == len(set(paths))
    for snippet in selection.snippets:
        lines = [line.rstrip() for line in files[snippet.path].encode("utf-8", "replace").decode().split("\n")]
        assert all(line in lines[snippet.start_line - 1 : snippet.end_line] for line in snippet.text.split("\n")[:-1])
    again = index.select(query, budget, len)
    assert [(one.path, one.text) for one in again.snippets] == [(one.path, one.text) for one in selection.snippets]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(1, 40), max_size=12)), max_size=400))
def test_postings_find_what_was_added_and_not_removed(steps: list[tuple[bool, set[int]]]) -> None:
    import numpy as np  # noqa: PLC0415 - one test's

    postings, present = Postings(), dict[int, set[int]]()
    alive = np.zeros(len(steps) + 1, dtype=np.bool_)
    for slot, (kept, words) in enumerate(steps):
        postings.add(slot, np.array(sorted(words), dtype=np.uint32))
        if kept:
            present[slot], alive[slot] = words, True
        else:
            postings.remove(slot)
    postings.sweep(alive)
    asked = np.arange(1, 41, dtype=np.uint32)
    slots, which = postings.find(asked)
    found = {(int(slot), int(asked[index])) for slot, index in zip(slots, which, strict=True) if alive[slot]}
    assert found == {(slot, word) for slot, words in present.items() for word in words}


@given(st.text(max_size=200))
def test_words_are_those_of_a_regular_expression(text: str) -> None:
    import re  # noqa: PLC0415 - one test's

    data = text.encode("utf-8", "surrogatepass")
    expected = [one for one in re.findall(rb"[A-Za-z0-9_$\x80-\xff]+", data) if len(one) > 1 and not one[:1].isdigit()]
    found = words_of(data)
    assert [data[start:end] for start, end in zip(found.starts, found.ends, strict=True)] == expected
    assert len(found.line_starts) == data.count(b"\n") + 1


@given(NAMES, NAMES)
def test_a_name_s_parts(one: str, other: str) -> None:
    parts, lines = parts_of(f"{one}_{other}\n{other.upper()}")
    assert set(parts_of(one.lower())[0]) <= set(parts) | set(numbers_of([one.lower()]))
    assert set(lines) <= {0, 1}
