"""A workspace in which everything happens at random: edits, saves, moves, links, rules that come and go.

`RandomWorkspace.step` does one thing and tells the repository what an editor would tell; `wrong` says what of a text
should not be in a prompt. What is planted is known by its form, so any text can be asked about: a selection, a prompt.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
from typing import TYPE_CHECKING, Final

from starcoder_lsp.repository.root import readable
from starcoder_lsp.repository.service import ContextSettings
from tests.support.planted_secrets import PLANTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starcoder_lsp.repository.query import Selection
    from starcoder_lsp.repository.service import Repository

_FOLDERS: Final = (
    "",
    "app",
    "app/core",
    "gen",
    "gen/deep",
    "excluded",
    "tests",
    "own",
    "node_modules/lib",
    ".envs",
    ".ssh",
)
_NAMES: Final = ("one", "two", "three", "id_rsa", ".env", "shop", "test_shop", "util.secret")
_RULES: Final = {".gitignore": ("gen/\n", "gen/"), ".starcoderignore": ("own/\n*.secret.py\n", "own/")}
_PERSONAL: Final = ("jane.doe@planted.dev", "203.0.113.77", "2001:db8:0:77::7")
_SECRETS: Final = [one for name, one in PLANTED.items() if name != "password on the next line"]
"""What an edit can part from the word that shows what it is, nobody can tell from any other string."""
_LINKS: Final = "links"
_WAIT_S: Final = 120.0


class RandomWorkspace:
    """Files below a folder, and what should be known of them."""

    def __init__(self, folder: Path, repository: Repository, seed: int) -> None:
        """Begin with some files; the repository follows nothing else."""
        self.folder = folder
        self.repository = repository
        self.draw = random.Random(seed)  # noqa: S311 - repeatable
        self.paths = [f"{one}/{name}.py".lstrip("/") for one in _FOLDERS for name in _NAMES]
        self.opened: dict[str, str] = {}
        self.history: dict[str, set[str]] = {path: set() for path in self.paths}
        self.rules: set[str] = set()
        self.excluded = False
        self.cursor: tuple[str, int] = (self.paths[0], 0)
        self.done: list[str] = []
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.draw.sample(self.paths, len(self.paths) // 2):
            self._write(path, self._text())

    # --- what happens ---

    def step(self) -> None:
        """Do one thing, chosen at random."""
        happening: Callable[[], None] = self.draw.choices(
            (self._edit, self._open, self._close, self._save, self._written, self._delete, self._move, self._rule,
             self._exclude, self._link, self._folder_gone),
            (40, 8, 5, 8, 12, 4, 5, 2, 1, 2, 1),
        )[0]  # fmt: skip
        self.done.append(happening.__name__)
        happening()

    def _edit(self) -> None:
        path = self._opened_one()
        lines = self.opened[path].split("\n")
        at = self.draw.randrange(len(lines))
        if len(lines) > 60 or self.draw.random() < 0.2:
            del lines[at : at + self.draw.randrange(1, 8)]
        else:
            lines[at:at] = self._lines()
        self._set(path, "\n".join(lines))
        offset = sum(map(len, lines[:at])) + at
        self.cursor = (path, min(offset, len(self.opened[path])))

    def _open(self) -> None:
        path = self.draw.choice(self.paths)
        if path not in self.opened:
            whole = self.folder / path
            text = whole.read_text(encoding="utf-8") if whole.is_file() else self._text()
            self.opened[path] = text
            self._note(path, text)
            self.repository.opened(whole, text)
        self.cursor = (path, self.draw.randrange(len(self.opened[path]) + 1))

    def _close(self) -> None:
        if self.opened:
            path = self.draw.choice(list(self.opened))
            del self.opened[path]
            self.repository.closed(self.folder / path)

    def _save(self) -> None:
        path = self._opened_one()
        self._write(path, self.opened[path])
        self.repository.saved(self.folder / path)

    def _written(self) -> None:
        path = self.draw.choice(self.paths)
        self._write(path, self._text())
        if self.draw.random() < 0.5:
            self.repository.watched_files([self.folder / path])

    def _delete(self) -> None:
        path = self.draw.choice(self.paths)
        (self.folder / path).unlink(missing_ok=True)
        if self.draw.random() < 0.5:
            self.repository.watched_files([self.folder / path])

    def _move(self) -> None:
        there, here = self.draw.sample(self.paths, 2)
        if (self.folder / there).is_file():
            (self.folder / here).parent.mkdir(parents=True, exist_ok=True)
            self.history[here] |= self.history[there]
            (self.folder / there).replace(self.folder / here)
            self.repository.watched_files([self.folder / there, self.folder / here])

    def _rule(self) -> None:
        name = self.draw.choice(list(_RULES))
        if name in self.rules:
            (self.folder / name).unlink()
            self.rules.discard(name)
        else:
            (self.folder / name).write_text(_RULES[name][0], encoding="utf-8")
            self.rules.add(name)
        self.repository.saved(self.folder / name)
        assert self.repository.wait(_WAIT_S)

    def _exclude(self) -> None:
        self.excluded = not self.excluded
        self.repository.set_settings(ContextSettings(exclude=("excluded/",) if self.excluded else ()))
        assert self.repository.wait(_WAIT_S)

    def _link(self) -> None:
        if sys.platform == "win32":
            return
        (self.folder / _LINKS).mkdir(exist_ok=True)
        link = self.folder / _LINKS / f"l{self.draw.randrange(5)}.py"
        link.unlink(missing_ok=True)
        link.symlink_to(self.folder / self.draw.choice(self.paths))
        self.repository.watched_files([link])

    def _folder_gone(self) -> None:
        folder = self.draw.choice(_FOLDERS[1:])
        shutil.rmtree(self.folder / folder, ignore_errors=True)
        self.repository.watched_files([self.folder / folder])

    # --- what is true of it ---

    def left_out(self, path: str) -> bool:
        """Return whether nothing of a file may be in a prompt as it is now."""
        name = path.rpartition("/")[2]
        folder = path.rpartition("/")[0]
        return (
            folder.startswith((".ssh", ".env", "node_modules", _LINKS))
            or name.startswith((".env", "id_rsa"))
            or (self.excluded and folder.startswith("excluded"))
            or (".gitignore" in self.rules and folder.startswith("gen"))
            or (".starcoderignore" in self.rules and (folder.startswith("own") or name.endswith(".secret.py")))
        )

    def wrong(self, text: str) -> list[str]:
        """Return what of a text should not be in any prompt, whatever it was made of."""
        found = [name for name, (_lines, secret) in PLANTED.items() if secret in text]
        return found + [one for one in _PERSONAL if one in text]

    def wrong_in(self, selection: Selection, budget: int) -> list[str]:
        """Return what is wrong with what was selected at the cursor."""
        found: list[str] = []
        for one in selection.snippets:
            found += [f"{name} in {one.path}" for name in self.wrong(one.text)]
            if self.left_out(one.path):
                found.append(f"{one.path} is left out")
            if one.path == self.cursor[0]:
                found.append("the file at the cursor")
            present = self.opened.get(one.path)
            known = self.history[one.path] if present is None else set(readable(present).split("\n"))
            found += [f"{line!r} is not in {one.path}" for line in one.text.split("\n") if line and line not in known]
        if selection.tokens > budget:
            found.append(f"{selection.tokens} tokens, and the budget is {budget}")
        return found

    # --- texts ---

    def _opened_one(self) -> str:
        if not self.opened:
            self._open()
        if self.cursor[0] in self.opened and self.draw.random() < 0.8:
            return self.cursor[0]
        return self.draw.choice(list(self.opened) or self.paths[:1])

    def _set(self, path: str, text: str) -> None:
        self.opened[path] = text
        self._note(path, text)
        self.repository.changed(self.folder / path, text)

    def _write(self, path: str, text: str) -> None:
        whole = self.folder / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        temporary = whole.with_name(whole.name + ".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, whole)  # noqa: PTH105 - as editors do
        self._note(path, text)

    def _note(self, path: str, text: str) -> None:
        self.history[path].update(readable(text).split("\n"))

    def _text(self) -> str:
        return "\n".join(line for _ in range(self.draw.randrange(1, 8)) for line in self._lines()) + "\n"

    def _lines(self) -> list[str]:
        """Return some lines: a definition, a use of one, an import, now and then a secret or a person."""
        self._number += 1
        number, other = self._number, self.draw.randrange(1, self._number + 1)
        kind = self.draw.random()
        if kind < 0.35:
            return [f"def function_{number}(argument_{number}, other_{number}=None):", f"    return argument_{number}"]
        if kind < 0.5:
            module = self.draw.choice(self.paths).removesuffix(".py").replace("/", ".")
            return [f"from {module} import function_{other}"]
        if kind < 0.7:
            return [f"value_{number} = function_{other}(password, token, client)"]
        if kind < 0.95:
            return self.draw.choice(_SECRETS)[0].split("\n")
        return [f"def mail_{number}(to='{_PERSONAL[0]}', host='{_PERSONAL[1]}', peer='{_PERSONAL[2]}'): ..."]
