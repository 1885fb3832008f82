"""The folder with the engine's socket: what is swept, and what is never touched."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

DEAD = 2**22 + 1


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder with a path short enough for sockets, which nothing else sweeps."""
    folder = Path(tempfile.mkdtemp(prefix="sweep-"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(private_folder, "_SHORT", str(folder))
    yield folder
    shutil.rmtree(folder)


def left(place: Path, name: str, *, mode: int = 0o700) -> Path:
    """A folder as an engine leaves it that was killed."""
    folder = place / name
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / private_folder.SOCKET))
    folder.chmod(mode)
    return folder


def test_what_a_dead_process_left_is_swept_and_a_living_one_s_is_not(place: Path) -> None:
    dead = left(place, f"starcoder-lsp-engine-{DEAD}-x")
    empty = place / f"starcoder-lsp-engine-{DEAD}-y"
    empty.mkdir(0o700)
    alive = left(place, f"starcoder-lsp-engine-{os.getpid()}-x")
    odd = left(place, "starcoder-lsp-engine-odd-x")
    private_folder.sweep()
    assert [folder.exists() for folder in (dead, empty, alive, odd)] == [False, False, True, True]


def test_a_user_s_folder_is_never_touched(place: Path) -> None:
    for name in ("starcoder-lsp-20261121-notes", f"starcoder-lsp-engine-{DEAD}-notes"):
        folder = place / name
        folder.mkdir(0o700)
        (folder / "thesis.txt").write_text("years of work")
    beside = left(place, f"starcoder-lsp-engine-{DEAD}-beside")
    (beside / "thesis.txt").write_text("years of work")
    named_so = place / f"starcoder-lsp-engine-{DEAD}-file"
    named_so.mkdir(0o700)
    (named_so / private_folder.SOCKET).write_text("a regular file")
    left(place, f"starcoder-lsp-engine-{DEAD}-open", mode=0o755)
    before = sorted(place.rglob("*"))
    private_folder.sweep()
    assert sorted(place.rglob("*")) == before


def test_a_link_is_not_followed(place: Path) -> None:
    target = left(place, "elsewhere")
    (place / f"starcoder-lsp-engine-{DEAD}-link").symlink_to(target)
    private_folder.sweep()
    assert (target / private_folder.SOCKET).exists()


def test_a_folder_is_made_and_removed(place: Path) -> None:
    folder = private_folder.make()
    assert folder.parent == place
    assert folder.stat().st_mode & 0o777 == 0o700
    private_folder.remove(folder)
    assert not folder.exists()
    private_folder.remove(folder)


def test_a_process_that_ends_removes_its_own_and_no_other(place: Path) -> None:
    own, other = private_folder.make(), place / f"starcoder-lsp-engine-{os.getppid()}-x"
    other.mkdir(mode=0o700)
    private_folder.remove_own()
    assert not own.exists()
    assert other.exists()
