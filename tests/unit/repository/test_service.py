from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from starcoder_lsp.repository.questions import Questions
from starcoder_lsp.repository.service import ContextSettings, Repository, Status
from starcoder_lsp.repository.watch import Watch
from tests.support.waiting import until
from tests.support.workspaces import fill, following, select, shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starcoder_lsp.repository.root import Root
    from starcoder_lsp.repository.scan import Entry

pytestmark = pytest.mark.slow

SHOP = "class Basket:\n    def total_of_items(self):\n        return 1\n"
USE = "from shop import Basket\n\nbasket = Basket()\nbasket.tot"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return fill(tmp_path / "work", {"shop.py": SHOP, "main.py": "import shop\n"})


def shop(total: str) -> str:
    return SHOP.replace("total_of_items", total)


def shows(repository: Repository, work: Path, name: str) -> Callable[[], bool]:
    """Return whether a name is selected at the end of `USE`, whenever that is asked."""
    return lambda: name in shown(select(repository, work / "main.py", USE))


def test_what_another_file_defines_is_selected(work: Path) -> None:
    with following(work) as repository:
        selection = select(repository, work / "main.py", USE)
        assert "def total_of_items(self)" in shown(selection)
        assert [one.path for one in selection.snippets] == ["shop.py"]
        assert repository.status.files == 2
        assert repository.root_of(work / "main.py") == work.resolve()


def test_a_budget_of_nothing_and_a_switch_that_is_off_select_nothing(work: Path) -> None:
    with following(work) as repository:
        assert not select(repository, work / "main.py", USE, 0).snippets
        repository.set_settings(ContextSettings(enabled=False))
        assert not select(repository, work / "main.py", USE).snippets
        assert repository.wait(60)
        assert repository.status == Status()
        repository.set_settings(ContextSettings())
        assert repository.wait(60)
        assert select(repository, work / "main.py", USE).snippets


def test_a_file_that_is_saved_made_moved_or_deleted_on_disk_is_followed(work: Path) -> None:
    with following(work) as repository:

        def now() -> str:
            return shown(select(repository, work / "main.py", USE))

        (work / "shop.py").write_text(shop("total_saved"))
        until(lambda: "total_saved" in now())
        (work / "new").mkdir()
        (work / "new" / "shop.py").write_text(shop("total_in_a_new_folder"))
        until(lambda: "total_in_a_new_folder" in now())
        (work / "shop.py").rename(work / "store.py")
        until(lambda: "store.py" in now() or "total_saved" not in now())
        assert "\nshop.py\n" not in "\n" + now()
        (work / "store.py").unlink()
        until(lambda: "total_saved" not in now())
        shutil.rmtree(work / "new")
        until(lambda: not now())


def test_an_atomic_save_is_followed(work: Path) -> None:
    with following(work) as repository:
        (work / ".shop.py.tmp").write_text(shop("total_swapped_in"))
        (work / ".shop.py.tmp").replace(work / "shop.py")
        until(shows(repository, work, "total_swapped_in"))


def test_folders_are_followed_where_others_beside_them_are_left_out(work: Path) -> None:
    fill(work, {"node_modules/x/index.js": "x", "lib/a.py": "def a(): ...\n"})
    with following(work) as repository:
        for name in ("first", "second"):
            fill(work, {f"{name}/deep/inner/shop.py": shop(f"total_{name}")})
            until(shows(repository, work, f"total_{name}"))
            (work / name / "deep/inner/shop.py").write_text(shop(f"total_{name}_again"))
            until(shows(repository, work, f"total_{name}_again"))


def test_a_folder_that_is_deleted_and_made_again_is_followed(work: Path) -> None:
    fill(work, {"node_modules/x/index.js": "x", "lib/shop.py": shop("total_before")})
    with following(work) as repository:
        for turn in range(4):
            shutil.rmtree(work / "lib")
            if turn % 2:
                until(lambda: "lib/shop.py" not in shown(select(repository, work / "main.py", USE)))
            fill(work, {"lib/shop.py": shop(f"total_{turn}")})
            until(shows(repository, work, f"total_{turn}"))
            fill(work, {"lib/shop.py": shop(f"total_{turn}_again")})
            until(shows(repository, work, f"total_{turn}_again"))


def test_what_the_editor_says_of_files_counts_where_nothing_watches(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starcoder_lsp.repository.watch.Watch.follow", lambda *_: False)
    with following(work) as repository:
        (work / "shop.py").write_text(shop("total_told_of"))
        repository.watched_files([work / "shop.py"])
        until(shows(repository, work, "total_told_of"))
        (work / "shop.py").write_text(shop("total_saved"))
        repository.saved(work / "shop.py")
        until(shows(repository, work, "total_saved"))
        (work / "shop.py").unlink()
        repository.watched_files([str(work / "shop.py"), "/nowhere/at/all.py", ""])
        until(lambda: not shown(select(repository, work / "main.py", USE)))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no limit")
def test_where_the_system_does_not_watch_files_are_looked_at_every_so_often(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starcoder_lsp.repository.watch._limit", lambda: 0)
    monkeypatch.setattr("starcoder_lsp.repository.service.Watch", partial(Watch, poll_s=0.2))
    monkeypatch.setattr("starcoder_lsp.repository.follow._WALKS_S", 0.1)
    with following(work) as repository:
        assert repository.status.polled == (str(work.resolve()),)
        (work / "shop.py").write_text(shop("total_found_later"))
        until(shows(repository, work, "total_found_later"))
        (work / ".gitignore").write_text("shop.py\n")
        until(lambda: not shown(select(repository, work / "main.py", USE)))
        assert repository.why_not(work / "shop.py") == "ignored by git"


def test_an_open_document_beats_the_disk_until_it_is_closed(work: Path) -> None:
    with following(work) as repository:
        path = work / "shop.py"
        repository.opened(path, shop("total_opened"))
        assert "total_of_items" not in shown(select(repository, work / "main.py", USE))
        until(shows(repository, work, "total_opened"))
        path.write_text(shop("total_on_disk"))
        repository.watched_files([path])
        repository.changed(path, shop("total_changed"))
        repository.saved(path)
        until(shows(repository, work, "total_changed"))
        assert "total_on_disk" not in shown(select(repository, work / "main.py", USE))
        repository.closed(path)
        until(shows(repository, work, "total_on_disk"))
        assert "total_changed" not in shown(select(repository, work / "main.py", USE))


def test_a_document_that_was_never_on_disk_is_a_neighbour_while_it_is_open(work: Path) -> None:
    with following(work) as repository:
        repository.opened(work / "fresh.py", "class Fresh:\n    def total_of_the_unsaved(self): ...\n")
        text = "from fresh import Fresh\n\nFresh().tot"
        until(lambda: "total_of_the_unsaved" in shown(select(repository, work / "main.py", text)))
        repository.closed(work / "fresh.py")
        until(lambda: "total_of_the_unsaved" not in shown(select(repository, work / "main.py", text)))


def test_a_document_that_is_open_under_a_link_is_the_file_it_links_to(work: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(work)
    with following(link) as repository:
        repository.opened(link / "shop.py", shop("total_by_the_link"))
        until(shows(repository, work, "total_by_the_link"))
        assert repository.status.files == 2


def test_rules_that_change_count_for_what_was_read_before(work: Path) -> None:
    with following(work) as repository:
        assert "total_of_items" in shown(select(repository, work / "main.py", USE))
        (work / ".gitignore").write_text("shop.py\n")
        repository.saved(work / ".gitignore")
        assert repository.wait(60)
        assert not shown(select(repository, work / "main.py", USE))
        assert repository.why_not(work / "shop.py") == "ignored by git"
        (work / ".gitignore").unlink()
        until(shows(repository, work, "total_of_items"))
        repository.set_settings(ContextSettings(exclude=("shop.*",)))
        assert repository.wait(60)
        assert not shown(select(repository, work / "main.py", USE))
        assert repository.why_not(work / "shop.py") == 'named in the setting "context.exclude"'


def test_roots_are_strangers_to_each_other_and_the_inner_one_is_its_own(tmp_path: Path) -> None:
    one = fill(tmp_path / "one", {"shop.py": shop("total_of_one"), "inner/shop.py": shop("total_of_inner")})
    two = fill(tmp_path / "two", {"shop.py": shop("total_of_two")})
    with following(one, two, one / "inner") as repository:
        for root, name in ((one, "one"), (two, "two"), (one / "inner", "inner")):
            found = shown(select(repository, root / "main.py", USE))
            assert f"total_of_{name}" in found
            assert sum(f"total_of_{other}" in found for other in ("one", "two", "inner")) == 1
        repository.set_roots([one])
        assert repository.wait(60)
        assert "total_of_inner" in shown(select(repository, one / "main.py", USE))
        assert repository.root_of(two / "main.py") is None
        assert not select(repository, two / "main.py", USE).snippets


def test_a_lone_file_has_no_neighbours_and_is_none(work: Path, tmp_path: Path) -> None:
    fill(tmp_path, {"lone.py": "class Lone: ...\n", "other.py": SHOP})
    with following(work) as repository:
        repository.opened(tmp_path / "lone.py", "class Lone: ...\n")
        assert not select(repository, tmp_path / "lone.py", USE).snippets
        assert "Lone" not in shown(select(repository, work / "main.py", "from lone import Lone\nLone("))
        assert repository.why_not(tmp_path / "lone.py") == "outside of the workspace's folders"


def test_odd_roots_harm_nobody(tmp_path: Path, work: Path) -> None:
    fill(tmp_path, {"file.py": ""})
    with following(tmp_path / "gone", tmp_path / "file.py", work, work, work / ".") as repository:
        assert repository.status.files == 2


def test_a_start_with_the_cache_reads_no_file_again(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    with following(work, cache=cache) as repository:
        first = select(repository, work / "main.py", USE)
    asked: list[object] = []
    monkeypatch.setattr("starcoder_lsp.repository.questions.Questions.facts", lambda *_, **__: asked.append(_))
    with following(work, cache=cache) as repository:
        assert shown(select(repository, work / "main.py", USE)) == shown(first)
    assert not asked


@pytest.mark.slow
def test_two_windows_share_a_cache_and_a_harmed_one_is_made_again(work: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    fill(work, {f"many/m{at}.py": f"def function_{at}(): ...\n" for at in range(300)})
    with following(work, cache=cache) as one, following(work, cache=cache) as other:
        assert one.status.files == other.status.files == 302
        (work / "shop.py").write_text(shop("total_in_both"))
        for repository in (one, other):
            until(shows(repository, work, "total_in_both"))
    for path in cache.glob("*.npz"):
        path.write_bytes(b"harmed" * 5_000)
    with following(work, cache=cache) as repository:
        assert repository.status.files == 302
        assert "total_in_both" in shown(select(repository, work / "main.py", USE))
    with following(work, cache=cache) as repository:
        for path in cache.iterdir():
            path.unlink()
        (work / "shop.py").write_text(shop("total_without_a_cache"))
        until(shows(repository, work, "total_without_a_cache"))


def test_what_becomes_ignored_leaves_the_cache(work: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with following(work, cache=cache):
        pass
    assert b"shop.py" in everything(cache)
    assert b"total_of_items" not in everything(cache), "names are numbers there"
    (work / ".gitignore").write_text("shop.py\n")
    with following(work, cache=cache):
        until(lambda: b"shop.py" not in everything(cache))


def test_an_open_document_leaves_nothing_in_the_cache(work: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with following(work, cache=cache) as repository:
        repository.opened(work / "shop.py", "import a_module_of_the_unsaved_text\n")
        until(lambda: not shown(select(repository, work / "main.py", USE)))
        fill(work, {f"m{at}.py": "x = 1\n" for at in range(9)})
        until(lambda: repository.status.files == 11)
    assert b"m8.py" in everything(cache)
    assert b"the_unsaved" not in everything(cache)
    with following(work, cache=cache) as repository:
        until(shows(repository, work, "total_of_items"))


def test_a_scan_that_is_ended_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = fill(tmp_path / "work", {f"m{at}.py": f"def function_{at}(): ...\n" for at in range(2_000)})
    repository = Repository(cache_folder=tmp_path / "cache")
    repository.set_roots([work])
    until(lambda: repository.status.files > 0)
    repository.close()
    known = repository.status.files
    read: list[int] = []
    real = Questions.facts

    def facts(self: Questions, priority: int, root: Root, batch: list[Entry], *arguments: Any, **more: Any) -> None:
        read.append(len(batch))
        real(self, priority, root, batch, *arguments, **more)

    monkeypatch.setattr(Questions, "facts", facts)
    with following(work, cache=tmp_path / "cache") as repository:
        assert repository.status.files == 2_000
    assert sum(read) == 2_000 - known


def everything(cache: Path) -> bytes:
    return b"".join(path.read_bytes() for path in cache.glob("*.npz"))


@pytest.mark.slow
def test_thousands_of_changes_at_once_are_caught_up_with(tmp_path: Path) -> None:
    work = fill(tmp_path, {f"p{at % 40}/m{at}.py": f"def before_{at}(): ...\n" for at in range(3_000)})
    with following(work) as repository:
        assert repository.status.files == 3_000
        for at in range(2_900):
            (work / f"p{at % 40}" / f"m{at}.py").write_text(
                f"def after_{at}(argument_{at}): ...\ndef also_{at}(): ...\n"
            )
        for at in range(2_900, 3_000):
            (work / f"p{at % 40}" / f"m{at}.py").unlink()
        until(lambda: (repository.status.files, repository.status.symbols) == (2_900, 5_800), seconds=240)
        text = "from p5.m45 import after_45\nafter_45("
        assert "def after_45(argument_45)" in shown(select(repository, work / "main.py", text))


def test_files_that_a_first_scan_did_not_parse_are_once_they_are_considered(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = "class Basket:\n    def total(\n        self, several_lines_long\n    ):\n        return 1\n"
    fill(work, {"shop.py": several})
    monkeypatch.setattr("starcoder_lsp.repository.follow._PARSED_BYTES", 0)
    monkeypatch.setattr("starcoder_lsp.repository.follow._DEEPENED", 0)
    with following(work) as repository:
        assert repository._roots[work.resolve()].shallow == {"shop.py", "main.py"}
        select(repository, work / "main.py", USE)
        until(lambda: "shop.py" not in repository._roots[work.resolve()].shallow)
        until(shows(repository, work, "several_lines_long"))


def test_a_workspace_over_the_limit_keeps_what_is_near_open_documents(tmp_path: Path) -> None:
    work = fill(tmp_path, {f"d{at}/m.py": f"def function_{at}(argument_{at}): ...\n" for at in range(30)})
    repository = Repository(ContextSettings(max_files=5), cached=False)
    try:
        repository.opened(work / "d7" / "open.py", "x = 1\n")
        repository.set_roots([work])
        assert repository.wait(60)
        until(lambda: repository.status.files >= 5)
        assert dict(repository.status.left_out)['beyond the setting "context.maxFiles"'] == 25
        assert repository.why_not(work / "d7" / "m.py") == ""
        text = "from d7.m import function_7\nfunction_7("
        assert "def function_7(argument_7)" in shown(select(repository, work / "d7" / "open.py", text))
    finally:
        repository.close()


def test_progress_is_told_of_and_ends(work: Path) -> None:
    told: list[Status] = []
    with following(work, progress=told.append):
        pass
    assert told[0].scanning
    assert any(not one.scanning and one.files == one.wanted == 2 for one in told)


def test_odd_files_are_read_or_passed_by(tmp_path: Path) -> None:
    work = fill(tmp_path, {"good.py": "def good(): ...\n"})
    (work / "latin.py").write_bytes("def with_umlaut(argument_of_with_umlaut): return 'ä'\n".encode("latin-1"))
    (work / "wide.py").write_bytes("def wide(argument_of_wide): ...\n".encode("utf-16"))
    (work / "crlf.py").write_bytes(b"def windows(argument_of_windows): ...\r\n")
    (work / "binary.py").write_bytes(b"\0\1\2" * 100)
    (work / "empty.py").write_bytes(b"")
    (work / "minified.js").write_text("function a(){" + "b();" * 5_000 + "}")
    (work / "deep.py").write_text("(" * 60_000)
    (work / "locked.py").write_text("x = 1\n")
    (work / "locked.py").chmod(0)
    with following(work) as repository:
        assert repository.why_not(work / "binary.py") == "binary"
        assert repository.why_not(work / "minified.js") == "minified"
        for module, name in (("latin", "with_umlaut"), ("wide", "wide"), ("crlf", "windows")):
            found = shown(select(repository, work / "main.py", f"from {module} import {name}\n{name}("))
            assert f"def {name}(argument_of_{name})" in found
            assert "\r" not in found


def test_a_neighbour_of_which_nothing_is_left_harms_nobody(work: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(work, {"a.py": "password = 'correct-horse-12'\n", "b.py": "\n\n", "c.py": "  # é\n", "d.py": "1\n2\n"})
    with following(work) as repository:
        text = "from a import password\nfrom b import *\nimport c, d\npassword"
        assert "horse" not in shown(select(repository, work / "main.py", text))
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_a_fault_in_ranking_costs_the_context_only(
    work: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with following(work) as repository:

        def fail(*_: object) -> None:
            raise IndexError("as a bug would")

        monkeypatch.setattr("starcoder_lsp.repository.index.Index.select", fail)
        assert not select(repository, work / "main.py", USE).snippets
    assert "Choosing the context failed" in caplog.text


def test_a_reading_process_that_dies_is_replaced(work: Path) -> None:
    with following(work) as repository:
        for process in reading():
            process.kill()
        (work / "shop.py").write_text(shop("total_after_death"))
        until(shows(repository, work, "total_after_death"))


def test_nothing_is_left_behind(work: Path) -> None:
    before = {thread.name for thread in threading.enumerate()}
    with following(work) as repository:
        assert reading()
    until(lambda: not reading())
    until(lambda: {one.name for one in threading.enumerate()} <= before)
    repository.close()
    repository.opened(work / "shop.py", SHOP)
    repository.set_roots([work])
    repository.watched_files([work])
    assert repository.status.scanning is False


def reading() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "starcoder_lsp.repository.child" in command_of(one)]


def command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def test_closing_in_the_middle_of_a_scan_ends_it_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    work = fill(tmp_path, {f"m{at}.py": f"def function_{at}(): ...\n" for at in range(2_000)})
    repository = Repository(cached=False)
    repository.set_roots([work])
    until(lambda: repository.status.files > 0)
    repository.close()
    until(lambda: not reading())
    assert not caplog.records


def test_a_module_of_the_workspace_is_never_imported(work: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for name in ("attrs", "numpy", "starcoder_lsp", "psutil", "sitecustomize"):
        (work / f"{name}.py").write_text(f"open({str(mark)!r}, 'w')\n")
    script = (
        "import sys, pathlib; sys.path[:] = [one for one in sys.path if one]\n"
        "from tests.support.workspaces import following\n"
        f"with following(pathlib.Path({str(work)!r})) as one: assert one.status.files == 7, one.status\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in (os.getcwd(), *sys.path) if one)}  # noqa: PTH109
    subprocess.run([sys.executable, "-c", script], cwd=work, check=True, env=environment)
    assert not mark.exists()
