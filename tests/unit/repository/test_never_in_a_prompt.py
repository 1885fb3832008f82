"""Secrets of every shape, in every place where a workspace may hold one: none of them is ever selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.repository.service import ContextSettings
from tests.support.planted_secrets import PLANTED
from tests.support.waiting import until
from tests.support.workspaces import fill, following, select, shown

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.repository.service import Repository

NAMES = list(PLANTED)
PLACES = ("def before_{at}(first_{at}): ...", "def behind_{at}(second_{at}): ...")


def module(at: int) -> str:
    """Return a module with a secret between two functions."""
    lines = PLANTED[NAMES[at]][0]
    return "\n".join((PLACES[0].format(at=at), lines, PLACES[1].format(at=at), ""))


def using(*modules: int, package: str = "holds") -> str:
    """Return a file that wants all that stands in modules, and names the words around the secrets."""
    imports = "\n".join(f"from {package}.m{at} import before_{at}, behind_{at}" for at in modules)
    words = "password secret token api_key AWS_ID KEY client session salt engine cfg connect config url"
    return f"{imports}\n{words}\n{' '.join(f'before_{at}(behind_{at}(' for at in modules)}"


def everything(repository: Repository, work: Path, package: str = "holds") -> str:
    """Return what is selected for modules, a few at a time."""
    groups = [range(start, min(start + 5, len(NAMES))) for start in range(0, len(NAMES), 5)]
    return "\n".join(shown(select(repository, work / "main.py", using(*group, package=package))) for group in groups)


def leaked(text: str) -> list[str]:
    return [name for name, (_lines, secret) in PLANTED.items() if secret in text]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    files = {f"holds/m{at}.py": module(at) for at in range(len(NAMES))}
    return fill(tmp_path / "work", {"main.py": "", "holds/__init__.py": "", **files})


def test_secrets_would_be_selected_if_they_were_not_looked_for(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starcoder_lsp.repository.root.without_secrets", lambda text: text)
    with following(work) as repository:
        assert len(leaked(everything(repository, work))) > len(NAMES) // 2


def test_no_secret_of_a_neighbour_is_selected_and_what_stands_beside_it_is(work: Path) -> None:
    with following(work) as repository:
        found = everything(repository, work)
    assert not leaked(found)
    beside = [at for at in range(len(NAMES)) if f"first_{at}" in found and f"second_{at}" in found]
    assert len(beside) > len(NAMES) // 2


def test_no_secret_of_an_open_document_is_selected(work: Path) -> None:
    with following(work) as repository:
        for at in range(len(NAMES)):
            repository.opened(work / "opened" / f"m{at}.py", module(at))
            repository.saved(work / "opened" / f"m{at}.py")
        until(lambda: repository.status.files == 2 + 2 * len(NAMES))
        found = everything(repository, work, "opened")
    assert not leaked(found)
    assert "first_7" in found


PLACES_LEFT_OUT = (
    ".env.py", ".env/settings.py", ".envs/production.py", "config/.env.local.py", "prod.env", "id_rsa.py",
    ".ssh/config.py", ".aws/credentials.py", "secrets.yaml", "config/credentials.json", "server.key", "cert.pem",
    "terraform.tfvars", "ignored/by_git.py", "named.secret.py", "vendor/lib.py", "node_modules/lib/index.js",
    "excluded/of_the_setting.py",
)  # fmt: skip


def test_nothing_of_files_that_are_left_out_is_selected_be_they_open_or_not(tmp_path: Path) -> None:
    text = "def only_here(argument_of_it):\n    unmistakable_mark = 1\n"
    rules = {".gitignore": "ignored/\n", ".starcoderignore": "*.secret.py\n", "main.py": ""}
    work = fill(tmp_path, {**dict.fromkeys(PLACES_LEFT_OUT, text), **rules})
    modules = {place.rpartition("/")[2].partition(".")[0] for place in PLACES_LEFT_OUT} - {""}
    use = "\n".join(f"from {one} import only_here" for one in sorted(modules)) + "\nonly_here(argument_of_it, unmis"
    with following(work, settings=ContextSettings(exclude=("excluded/",))) as repository:

        def now() -> str:
            return shown(select(repository, work / "main.py", use))

        assert not now()
        for place in PLACES_LEFT_OUT:
            repository.opened(work / place, text + "def one_more(): ...\n")
            repository.saved(work / place)
            assert repository.why_not(work / place), place
        settled(repository, work, 1)
        assert "unmistakable_mark" not in now()
        for place in PLACES_LEFT_OUT:
            repository.closed(work / place)
            (work / place).write_text(text + "# written again\n")
            repository.watched_files([work / place])
        settled(repository, work, 2)
        assert "unmistakable_mark" not in now()
        fill(work, {"shown.py": text})
        until(lambda: "unmistakable_mark" in now())


def settled(repository: Repository, work: Path, turn: int) -> None:
    """Wait until what was told before is known, since what is told now is."""
    repository.opened(work / f"marker_{turn}.py", f"def marker_{turn}(argument_of_marker_{turn}): ...\n")
    repository.saved(work / f"marker_{turn}.py")
    text = f"from marker_{turn} import marker_{turn}\nmarker_{turn}("
    until(lambda: f"argument_of_marker_{turn}" in shown(select(repository, work / "main.py", text)))


def test_a_link_leads_to_nothing_that_is_left_out(tmp_path: Path) -> None:
    text = "def only_here(argument_of_it): ...\n"
    work = fill(tmp_path / "work", {"hidden/.env": text, "main.py": "", ".gitignore": "hidden/\n"})
    fill(tmp_path / "outside", {"lib.py": text})
    (work / "shown.py").symlink_to(work / "hidden" / ".env")
    (work / "lib").symlink_to(tmp_path / "outside")
    with following(work) as repository:
        repository.watched_files([work / "shown.py", work / "lib" / "lib.py"])
        repository.opened(work / "shown.py", text)
        repository.saved(work / "shown.py")
        assert repository.wait(60)
        use = "from shown import only_here\nfrom lib.lib import only_here\nonly_here("
        assert "argument_of_it" not in shown(select(repository, work / "main.py", use))


def test_people_and_machines_are_masked_in_what_is_selected(tmp_path: Path) -> None:
    head = "# Author: Jane Doe <jane@doe.dev>\n"
    body = "def reach(host='203.0.113.7', mail='jane@doe.dev', home='/home/jdoe/x', peer='2001:db8:0:1::7'): ...\n"
    work = fill(tmp_path, {"net.py": head + body, "main.py": ""})
    with following(work) as repository:
        found = shown(select(repository, work / "main.py", "from net import reach\nreach("))
    assert "def reach(host='<IP_ADDRESS>', mail='<EMAIL>', home='/home/<USERNAME>/x', peer='<IP_ADDRESS>')" in found
    assert "Jane" not in found
    assert "doe" not in found
