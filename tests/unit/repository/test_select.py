"""What an index selects for a place: names that only other files know, packed into a budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.repository.facts import extract, language_of
from starcoder_lsp.repository.index import Index
from starcoder_lsp.repository.query import Query, Spot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starcoder_lsp.repository.query import Selection

CURSOR = "║"


def count(text: str) -> int:
    """Return tokens as an evaluation without a model counts them."""
    return math.ceil(len(text) / 3.2)


def index_of(files: Mapping[str, str]) -> Index:
    """Return an index of some texts by path."""
    index = Index(files.get)
    for path, text in files.items():
        index.put(path, extract(path, language_of(path), text))
    return index


def selected(
    files: Mapping[str, str], path: str, marked: str, budget: int = 60, recent: tuple[Spot, ...] = ()
) -> Selection:
    """Return what is selected at the cursor's mark in `marked`, the text of the file `path`."""
    before, _, after = marked.partition(CURSOR)
    query = Query(path, language_of(path), before + after, len(before), recent=recent)
    return index_of({**files, path: before + after}).select(query, budget, count)


def text_of(selection: Selection) -> str:
    """Return all snippets' texts."""
    return "".join(one.text for one in selection.snippets)


NOISE = {f"noise/part{number}.py": f"def noise_{number}(value):\n    return value + {number}\n" for number in range(30)}
SHOP = {
    "shop/__init__.py": "",
    "shop/basket.py": "class Basket:\n    def add_item(self, item):\n        self.items.append(item)\n\n"
    "    def total_price(self):\n        return 0\n",
    "shop/unrelated.py": "def unrelated_helper(x):\n    return x\n",
}


@pytest.mark.parametrize(
    ("files", "path", "marked", "wanted"),
    [
        # what the receiver's class defines
        (SHOP, "shop/till.py", "from shop.basket import Basket\n\nbasket = Basket()\nbasket.║\n", "add_item"),
        # what an import names, before it is written
        (SHOP, "shop/till.py", "from .basket import ║\n", "class Basket"),
        # a method of the base class, to be overridden
        (SHOP, "shop/big.py", "from .basket import Basket\n\nclass Big(Basket):\n    def ║\n", "total_price"),
        # the twin of a test
        (SHOP, "tests/test_basket.py", "def test_adding():\n    ║\n", "Basket"),
        # another language
        (
            {"src/shapes.ts": "export class Circle {\n  radius = 1;\n  growBy(step: number): void {}\n}\n"},
            "src/app.ts",
            'import { Circle } from "./shapes";\n\nconst circle = new Circle();\ncircle.║\n',
            "growBy",
        ),
        (
            {"paint/colour.go": "package paint\n\nfunc MixColours(a, b int) int { return a }\n", "go.mod": ""},
            "main.go",
            'package main\n\nimport "example.com/app/paint"\n\nfunc main() {\n\tpaint.║\n}\n',
            "MixColours",
        ),
    ],
)
def test_what_is_wanted_is_there(files: dict[str, str], path: str, marked: str, wanted: str) -> None:
    assert wanted in text_of(selected({**NOISE, **files}, path, marked))


def test_the_best_stands_last_and_says_why() -> None:
    selection = selected({**NOISE, **SHOP}, "shop/till.py", "from shop.basket import Basket\n\nb = Basket()\nb.║\n")
    best = selection.snippets[-1]
    assert best.path == "shop/basket.py"
    assert best.why
    assert [one.score for one in selection.snippets] == sorted(one.score for one in selection.snippets)
    assert all(one.why for one in selection.left_out)
    assert {one.path for one in selection.snippets}.isdisjoint(one.path for one in selection.left_out)


def test_lines_are_the_file_s_own_in_their_order() -> None:
    selection = selected(
        {**NOISE, **SHOP}, "shop/till.py", "from shop.basket import Basket\n\nb = Basket()\nb.║\n", 400
    )
    for one in selection.snippets:
        lines = {**NOISE, **SHOP}[one.path].split("\n")
        assert one.text.endswith("\n")
        shown = one.text.split("\n")[:-1]
        assert shown[0] == lines[one.start_line - 1].rstrip()
        assert shown[-1] == lines[one.end_line - 1].rstrip()
        places = [lines.index(line) for line in shown]
        assert places == sorted(places)


def test_what_was_edited_just_now_counts() -> None:
    files = {f"a/m{number}.py": f"def made_{number}(value):\n    return value\n" for number in range(200)}
    marked = "import os\n\nresult = ║\n"
    recent = (Spot("a/m77.py", 1, 2),)
    assert "made_77" not in text_of(selected(files, "b/x.py", marked, 30))
    assert "made_77" in text_of(selected(files, "b/x.py", marked, 30, recent))


def test_a_name_that_the_window_shows_is_worth_nothing() -> None:
    files = {"a.py": "def only_name(value):\n    return value\n"}
    assert "only_name" in text_of(selected(files, "b.py", "import a\n\nx = ║\n"))
    assert text_of(selected(files, "b.py", "import a\n\na.only_name(value=1)\nx = ║\n")) == ""


@pytest.mark.parametrize("budget", [0, 1, 3, 5])
def test_a_budget_too_small_for_anything(budget: int) -> None:
    selection = selected({**NOISE, **SHOP}, "shop/till.py", "from shop.basket import Basket\nBasket().║\n", budget)
    assert selection.tokens <= budget


def test_an_empty_index_selects_nothing() -> None:
    index = Index(lambda _path: None)
    selection = index.select(Query("a.py", "python", "x = ", 4), 100, count)
    assert selection.snippets == ()
    assert selection.tokens == 0


def test_a_file_that_vanished_is_passed_over() -> None:
    files = {**NOISE, **SHOP}
    index = index_of(files)
    del files["shop/basket.py"]
    query = Query("shop/till.py", "python", "from .basket import ", 20)
    assert all(one.path != "shop/basket.py" for one in index.select(query, 100, count).snippets)


def test_a_changed_file_is_read_again() -> None:
    files = {"a.py": "def first_name(): ...\n"}
    index = index_of(files)
    query = Query("b.py", "python", "from a import ", 14)
    assert "first_name" in text_of(index.select(query, 100, count))
    files["a.py"] = "def second_name(): ...\n"
    index.put("a.py", extract("a.py", "python", files["a.py"]))
    assert "second_name" in text_of(index.select(query, 100, count))
    index.remove("a.py")
    assert text_of(index.select(query, 100, count)) == ""
    assert len(index) == 0
    assert index.symbols == 0
