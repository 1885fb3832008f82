"""Git repositories made for a test, untouched by the settings of whoever runs it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WHO = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def git(folder: Path, *arguments: str, when: int = 0) -> str:
    dates = {"GIT_AUTHOR_DATE": f"{1_700_000_000 + when} +0000", "GIT_COMMITTER_DATE": f"{1_700_000_000 + when} +0000"}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, check=True, env={**os.environ, **_WHO, **dates}
    )
    return done.stdout.decode().strip()


def make(folder: Path, *trees: Mapping[str, str | bytes | None]) -> list[str]:
    """Commit one tree after another: paths and texts that change, None for what goes. Return the commits' ids."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q", "-b", "main")
    names = []
    for number, tree in enumerate(trees):
        for path, text in tree.items():
            file = folder / path
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text if isinstance(text, bytes) else text.encode())
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", f"{number}", when=number)
        names.append(git(folder, "rev-parse", "HEAD"))
    return names


def fingerprint(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file under a folder with its size and time of change."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }
