from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.evaluation.git import History
from starcoder_lsp.evaluation.history import Change, Commit, Hunk
from starcoder_lsp.evaluation.proof import Asked, Seen, difference, figures, groups
from starcoder_lsp.evaluation.replay import Spots, spots_of
from tests.support.repositories import make

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = Commit("c" * 40, "p" * 40, 0)


def asked(commit: str, typed: int, right: int, wrong: int = 0, **more: object) -> Asked:
    seen = Seen(right, wrong, line=right >= typed and not wrong, tokens=right, ms=float(right))
    facts = {"language": "python", "folder": "src", "prompt": 100, "context": 10, **more}
    return Asked(commit=commit, typed=typed, seen={"balanced": seen}, **facts)  # type: ignore[arg-type]


def test_figures_of_known_places() -> None:
    places = [asked("a", 10, 10), asked("a", 30, 0), asked("b", 60, 15, 5)]
    found = figures(places, "balanced")
    assert (found.places, found.commits) == (3, 2)
    assert (found.saved, found.wrong) == (25.0, 5.0)
    assert (found.shown, found.right, found.lines) == (2 / 3, 1 / 2, 1 / 3)
    assert (found.ms, found.tokens, found.prompt) == (10.0, 25 / 3, 100.0)
    low, high = found.saved_interval
    assert low == pytest.approx(25.0)
    assert high == pytest.approx(25.0), "both commits save 10 of 40 and 15 of 60"


def test_an_interval_is_as_wide_as_commits_differ_and_narrower_with_more_of_them() -> None:
    few = figures([asked(f"{n}", 10, 10 * (n % 2)) for n in range(10)], "balanced")
    many = figures([asked(f"{n}", 10, 10 * (n % 2)) for n in range(200)], "balanced")
    wide, narrow = (high - low for low, high in (few.saved_interval, many.saved_interval))
    assert few.saved == many.saved == 50.0
    assert few.saved_interval[0] < 50 < few.saved_interval[1]
    assert narrow < wide / 3
    together = figures([asked("one", 10, 10 * (n % 2)) for n in range(200)], "balanced")
    assert together.saved_interval == (50.0, 50.0), "lines of one commit say what one commit says"


def test_a_difference_is_taken_place_by_place() -> None:
    without = [asked(f"{n}", 10, n % 7) for n in range(40)]
    context = [asked(f"{n}", 10, n % 7 + 2) for n in range(40)]
    more, interval = difference(without, context, "balanced")
    assert more == pytest.approx(20.0)
    assert interval == pytest.approx((20.0, 20.0)), "each place has the same gain, however places differ"
    with pytest.raises(ValueError, match="not the same places"):
        difference(without, context[::-1], "balanced")
    with pytest.raises(ValueError, match="not the same places"):
        difference([], [], "balanced")


def test_no_places_have_no_figures() -> None:
    with pytest.raises(ValueError, match="no place"):
        figures([], "balanced")


def test_groups_are_by_size() -> None:
    places = [asked("a", 1, 1, language="rust"), asked("b", 1, 1), asked("c", 1, 1)]
    assert {name: len(part) for name, part in groups(places, lambda one: one.language).items()} == {
        "python": 2,
        "rust": 1,
    }
    assert list(groups(places, lambda one: one.language)) == ["python", "rust"]


def change(path: str, before: str, after: str, *hunks: Hunk) -> Change:
    return Change(path, path, before, after, hunks)


def test_spots_stand_in_added_code_and_know_what_was_typed_next() -> None:
    before = "import os\n\n\ndef old():\n    return 1\n"
    added = "def new(first, second):\n    # a remark\n\n    total = first + second\n    return total\n"
    after = "import os\n\n\n" + added + "def old():\n    return 1\n"
    one = change("src/a.py", before, after, Hunk(3, 0, 3, 5))
    seen = {spot.task.task_id: spot for seed in range(30) for spot in spots_of(COMMIT, [one], 9, seed, "name")}
    assert seen
    for spot in seen.values():
        assert spot.task.prompt.startswith("import os\n\n\n")
        rest = spot.task.canonical_solution
        assert spot.task.prompt + rest + spot.task.suffix == after
        line = rest.partition("\n")[0]
        assert spot.typed == len(line.rstrip()) > 1
        assert spot.task.suffix == "\ndef old():\n    return 1\n"
        assert (spot.language, spot.folder, spot.task.path, spot.task.repo) == ("python", "src", "src/a.py", "name")
        assert "# a remark" not in line
    assert {spot.task.task_id.split(":")[2] for spot in seen.values()} == {"4", "7", "8"}


def test_what_was_not_typed_is_left_out() -> None:
    lines = "".join(f"value_{number} = {number}\n" for number in range(2_001))
    assert spots_of(COMMIT, [change("a.py", "", lines, Hunk(0, 0, 0, 2_001))], 9, 1) == []
    assert spots_of(COMMIT, [], 9, 1) == []


CODE = "def helper_of_names(first, second):\n    return first + second\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    make(
        folder,
        {"lib/names.py": CODE, "main.py": "import os\n", ".gitignore": "build/\n", "notes.md": "words\n"},
        {"main.py": "import os\nfrom lib.names import helper_of_names\n", "notes.md": "words\nand more words here\n"},
        {
            "lib/names.py": CODE.replace("helper_of_names", "another_name_here"),
            "main.py": "import os\nprint(os.name)\n",
        },
    )
    return folder


def test_neighbours_are_the_parents(repository: Path) -> None:
    with History(repository) as history:
        spots = Spots(history, repository, history.commits(9), ())
        drawn = list(spots.draw(50, 1))
        assert {spot.language for spot in drawn} == {"python"}, "prose is no code"
        first = next(spot for spot in drawn if "from lib" in spot.task.prompt + spot.task.canonical_solution)
        found = spots.with_neighbours(first, 500, len)
        text = "\n".join(one.text for one in found.task.neighbours)
        assert "helper_of_names" in text
        later = next(spot for spot in drawn if "print(" in spot.task.prompt + spot.task.canonical_solution)
        after = "\n".join(one.text for one in spots.with_neighbours(later, 500, len).task.neighbours)
        assert "another_name_here" not in after, "the parent's tree has the old name still"
        again = "\n".join(one.text for one in spots.with_neighbours(first, 500, len).task.neighbours)
        assert again == text, "going back in the history gives the same"


def test_languages_can_be_chosen(repository: Path) -> None:
    with History(repository) as history:
        drawn = list(Spots(history, repository, history.commits(9), ("markdown",)).draw(50, 1))
    assert {spot.language for spot in drawn} == {"markdown"}


def test_places_are_spread_over_the_commits_first(repository: Path) -> None:
    with History(repository) as history:
        drawn = list(Spots(history, repository, history.commits(9), ()).draw(2, 1))
    assert len({spot.commit.id for spot in drawn}) == 2
