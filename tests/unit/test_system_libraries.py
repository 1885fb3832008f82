"""What a user of a bare machine is told; tests/bare.sh tries it on such machines."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.errors import EngineFailed
from starcoder_lsp.system_libraries import explain, install_command, missing_libraries

if TYPE_CHECKING:
    from pathlib import Path

MISSING = ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "apt-get update && apt-get install -y libgomp1"),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "apt-get update && apt-get install -y libgomp1"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt-get update && apt-get install -y libgomp1"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install -y libgomp"),
        ({"ID": "rhel"}, "dnf install -y libgomp"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "zypper install -y libgomp1"),
        ({"ID": "arch"}, "pacman -S --noconfirm gcc-libs"),
    ],
)
def test_the_command_is_that_of_the_system(release: dict[str, str], command: str) -> None:
    assert install_command("libgomp.so.1", release, root=True) == command
    with_sudo = install_command("libgomp.so.1", release, root=False)
    assert with_sudo == " && ".join(f"sudo {step}" for step in command.split(" && "))


@pytest.mark.parametrize("release", [{}, {"ID": "nixos"}])
def test_an_unknown_system_gets_no_command(release: dict[str, str]) -> None:
    assert install_command("libgomp.so.1", release, root=True) is None


def test_the_message_names_the_library() -> None:
    assert "libgomp.so.1" in explain(MISSING)
    assert "nstall" in explain(MISSING)
    assert "undefined symbol: x" in explain(ImportError("undefined symbol: x"))


def test_nothing_is_missing_where_the_engine_runs() -> None:
    assert missing_libraries() == []


def test_it_runs_before_anything_is_installed() -> None:
    """`make` asks it with a Python that has nothing but its standard library."""
    command = [sys.executable, "-S", "-m", "starcoder_lsp.system_libraries"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_engine_that_cannot_be_loaded_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "xllamacpp.py").write_text(f"raise ImportError({str(MISSING)!r})\n")
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineFailed, match=r"libgomp\.so\.1"):
        llama_cpp.build_line()
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
