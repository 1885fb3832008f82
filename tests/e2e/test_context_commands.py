"""`context` and `eval repo`, as a person runs them, on a small repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.fakes import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

FILES = {
    "shop/__init__.py": "",
    "shop/basket.py": '"""Baskets."""\n\n\nclass Basket:\n    """What is bought."""\n\n    def add_item(self, item):\n'
    "        self.items.append(item)\n\n    def total_price(self):\n        return sum(self.items)\n",
    "shop/customer.py": "class Customer:\n    def greet_warmly(self):\n        return 'hello'\n",
    "shop/till.py": "from shop.basket import Basket\nfrom shop.customer import Customer\n\n\n"
    "def sell(customer: Customer):\n    basket = Basket()\n    basket.add_item(1)\n    customer.greet_warmly()\n"
    "    return basket.total_price()\n",
    "tests/test_basket.py": "from shop.basket import Basket\n\n\ndef test_adding():\n"
    "    assert Basket().add_item(2) is None\n",
    "ignored/generated.py": "def never_seen_name(): ...\n",
    ".gitignore": "ignored/\n",
    ".env": "SECRET=abc\n",
}  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "starcoder_lsp", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE * 4,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )


def answer(*arguments: str) -> dict[str, Any]:
    """Run a command with --json, and return what it printed."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "repository"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "shop")
    return root


def test_context_as_json(repository: Path) -> None:
    found = answer("context", f"{repository}/shop/till.py:7:12", "--budget", "200")
    assert set(found) >= {"root", "budget", "tokens", "rank_ms", "index", "snippets", "left_out"}
    assert found["root"] == str(repository.resolve())
    assert found["budget"] == 200
    assert found["tokens"] == sum(one["tokens"] for one in found["snippets"]) <= 200
    assert set(found["index"]) == {"files", "symbols", "ms"}
    assert found["index"]["files"] == 5
    assert found["index"]["symbols"] >= 7
    for one in found["snippets"]:
        assert set(one) == {"path", "start_line", "end_line", "text", "tokens", "score", "why"}
    text = "".join(one["text"] for one in found["snippets"])
    assert "self.items" in text
    assert "never_seen_name" not in text
    assert "SECRET" not in json.dumps(found["snippets"])
    assert any(one["why"] == "it is ignored by git" for one in found["left_out"])


def test_context_for_people(repository: Path) -> None:
    place = repository / "shop" / "gift.py"
    place.write_text(
        "from shop.basket import Basket\n\n\ndef wrap():\n    basket = Basket()\n    basket.\n", encoding="utf-8"
    )
    done = run("context", f"{place}:6:12", "--root", str(repository), "--budget", "100")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{repository.resolve()}: 6 files")
    assert any(line.startswith("shop/basket.py:") and "imported here" in line for line in lines), done.stdout
    assert "        def add_item(self, item):" in lines
    assert any(line.endswith("of 100 tokens") for line in lines)
    assert "Never read:" in lines


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shop/till.py:99:1",), "there is no line 99"),
        (("shop/till.py:1:99",), "the last column is"),
        (("shop/none.py:1:1",), "cannot be read"),
        (("shop/till.py",), "FILE:LINE:COL"),
        (("shop/till.py:1:1", "--root", "nowhere"), "is not a folder"),
        (("shop/till.py:1:1", "--root", "tests"), "is not in"),
        (("shop/till.py:1:1", "--budget", "0"), "--budget must be"),
    ],
)
def test_context_says_what_is_wrong(
    repository: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(repository)
    done = run("context", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_recall_in_a_repository(repository: Path) -> None:
    found = answer("eval", "repo", str(repository), "--n", "20", "--budget", "64")
    assert found["budgets"] == [64, 512, 1024, 2048]
    (one,) = found["repositories"]
    assert one["files"] == 5
    assert one["holes"] > 0
    assert one["names"] >= one["holes"]
    assert set(one["recall"]) == {"ours", "nothing", "folder", "jaccard", "bm25", "ring"}
    assert one["recall"]["ours"]["512"] == 1.0
    assert set(one["recall"]["nothing"].values()) == {0.0}
    assert found["mean"] == one["recall"]
    assert set(one["rank_ms"]) == {"median", "p95"}
    again = answer("eval", "repo", str(repository), "--n", "20", "--budget", "64")
    assert [row["recall"] for row in again["repositories"]] == [row["recall"] for row in found["repositories"]]


def test_a_model_in_a_repository(repository: Path) -> None:
    found = answer("eval", "repo", str(repository), "--n", "3", "--model", "nano", "--budget", "300")
    model = found["model"]
    assert model["name"] == "nano"
    assert model["holes"] == 3
    assert 0 < model["context_tokens"] <= 300
    for side in (model["without_context"], model["with_context"]):
        assert set(side) == {"exact_match", "names", "gate_on", "gate_off", "seconds_per_hole"}
        assert side["gate_on"]["shown"] <= side["gate_off"]["shown"]
        assert side["gate_on"]["wrong_per_100"] <= side["gate_off"]["wrong_per_100"]


def test_holes_in_what_commits_added(repository: Path) -> None:
    nothing = answer("eval", "repo", str(repository), "--history", "5")
    assert nothing["repositories"][0]["holes"] == 0, "the first commit has no parent"
    (repository / "shop" / "gift.py").write_text(
        "from shop.basket import Basket\n\n\ndef wrap(basket):\n    return basket.total_price()\n", encoding="utf-8"
    )
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "gifts")
    found = answer("eval", "repo", str(repository), "--history", "5", "--n", "10")
    (one,) = found["repositories"]
    assert one["holes"] >= 2
    assert one["files"] == 5, "the parent's tree"
    assert one["recall"]["ours"]["512"] == 1.0
    assert found["history"] == 5


def test_eval_repo_says_what_is_wrong(tmp_path: Path) -> None:
    for arguments, said in (
        ((str(tmp_path / "none"),), "is not a folder"),
        ((str(tmp_path), "--n", "0"), "--n must be"),
        ((str(tmp_path), "--history", "3"), "cannot be read by git"),
    ):
        done = run("eval", "repo", *arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    done = run("eval", "repo", str(tmp_path))
    assert done.returncode == 0
    assert "no name that only another file knows" in done.stdout
