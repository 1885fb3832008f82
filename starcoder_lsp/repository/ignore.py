"""What of a root is left out.

git's rules, `.starcoderignore`, the setting `context.exclude`, vendored and secret files. Rules of the first three
kinds have `.gitignore`'s form, and each kind decides alone: what one leaves out, none of the others brings back.
Within a kind, the deepest folder's last matching pattern decides, and a folder that is left out takes all with it, as
in git. What a pattern `!…` of `.starcoderignore` names is read although its folder is known for other people's code.

git's own sources are all there: the `.gitignore` of each folder from the work tree's top, `.git/info/exclude`, and
the user's own file (`core.excludesFile` of the user's settings, else `~/.config/git/ignore`).
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen
from pathspec import GitIgnoreSpec

from starcoder_lsp.repository.secret_files import why_secret
from starcoder_lsp.repository.texts import Text, read
from starcoder_lsp.repository.vendored import why_foreign_file, why_foreign_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OWN_FILE", "Ignore", "is_rule_file"]

OWN_FILE: Final = ".starcoderignore"
_GIT_FILE: Final = ".gitignore"
_CACHE_TAG: Final = "CACHEDIR.TAG"
_VENV_TAG: Final = "pyvenv.cfg"
_MOST_RULES: Final = 20_000_000
"""Bytes of a file of rules. It is read to its end, whatever is in it: to miss a rule would show what it hides."""
_POSIX: Final = re.compile(r"\[:([a-z]{5,6}):\]")
_CLASSES: Final = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "xdigit": "0-9A-Fa-f",
    "space": r"\s", "blank": r" \t", "punct": r"!-/:-@\[-`{-~",
}  # fmt: skip
"""git knows these in brackets, pathspec does not."""
_CORE: Final = re.compile(r"(?ims)^[ \t]*\[core\](.*?)(?=^[ \t]*\[|\Z)")
_EXCLUDES_FILE: Final = re.compile(r"(?im)^[ \t]*excludesfile[ \t]*=[ \t]*(.+?)[ \t]*$")


@frozen
class _Rules:
    """Patterns, and the folder that they are relative to: the root's own path from there, with a slash, or empty."""

    spec: GitIgnoreSpec
    prefix: str
    depth: int
    """Characters of a path, relative to the root, that name this folder, with its slash."""

    def says(self, path: str) -> bool | None:
        """Return True for left out, False for brought back, None for nothing. A folder's path ends with a slash."""
        return self.spec.check_file(self.prefix + path[self.depth :]).include


@frozen
class _Folder:
    """What holds inside a folder: its own rules in front of its parents', and whether it is left out."""

    why: str
    git: tuple[_Rules, ...] = ()
    own: tuple[_Rules, ...] = ()
    kept: bool = False
    """`.starcoderignore` brought it back, or one of its parents."""
    beside: frozenset[str] = frozenset()


@define
class Ignore:
    """The rules of one root. Not thread-safe; rules are read once a folder: make a new one when they change.

    `exclude`: patterns relative to the root. `others`: other roots, whole paths; what is inside them is theirs.
    """

    root: Path
    exclude: Iterable[str] = ()
    others: Iterable[Path] = ()
    _excluded: _Rules = field(init=False)
    _folders: dict[str, _Folder] = field(factory=dict, init=False)
    _theirs: frozenset[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Read what does not depend on a folder."""
        self._excluded = _Rules(_spec(list(self.exclude)), "", 0)
        inside = [other.relative_to(self.root) for other in self.others if self.root in other.parents]
        self._theirs = frozenset(one.as_posix() for one in inside)

    def why(self, path: str) -> str:
        """Return why a file is left out, as the end of "it is …"; empty where nothing says so.

        `path` is relative to the root, with slashes. Looks at names and rules only, at no file itself.
        """
        folder, _slash, name = path.rpartition("/")
        inside = self.folder(folder)
        return inside.why or self._why_file(inside, path, name)

    def why_folder(self, path: str) -> str:
        """The same for a folder; the root is the empty path."""
        return self.folder(path).why

    def folder(self, path: str, names: Iterable[str] | None = None) -> _Folder:
        """Return what holds inside a folder. `names`: what stands in it, where that is known already."""
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = self._enter(path, names)
        return known

    def _enter(self, path: str, names: Iterable[str] | None) -> _Folder:
        if not path:
            git, own = _above(self.root)
            return self._with_rules(_Folder("", git, own), "", names)
        parent_path, _slash, name = path.rpartition("/")
        parent = self.folder(parent_path)
        if parent.why:
            return parent
        if path in self._theirs:
            return _Folder("another folder of the workspace")
        with_slash = path + "/"
        why, kept = self._ruled(parent, with_slash)
        if not why and not kept:
            why = why_foreign_folder(name, parent.beside)
        if not why:
            why = why_secret(with_slash)
        if why:
            return _Folder(why)
        folder = self._with_rules(_Folder("", parent.git, parent.own, kept), with_slash, names)
        if not kept and folder.beside & {_CACHE_TAG, _VENV_TAG}:
            return _Folder("a tool's cache" if _CACHE_TAG in folder.beside else "other people's code")
        return folder

    def _with_rules(self, folder: _Folder, with_slash: str, names: Iterable[str] | None) -> _Folder:
        here = os.path.join(self.root, *with_slash.split("/")) if with_slash else str(self.root)  # noqa: PTH118 - hot
        if names is None:
            try:
                names = os.listdir(here)  # noqa: PTH208 - names are all that is wanted
            except OSError:
                names = ()
        names = set(names)
        git, own = folder.git, folder.own
        if ".git" in names and with_slash:
            git = (*_info_exclude(Path(here), "", len(with_slash)), *git)
        if _GIT_FILE in names:
            git = (*_read_rules(os.path.join(here, _GIT_FILE), "", len(with_slash)), *git)  # noqa: PTH118
        if OWN_FILE in names:
            own = (*_read_rules(os.path.join(here, OWN_FILE), "", len(with_slash), linked=True), *own)  # noqa: PTH118
        beside = frozenset(names | {os.path.splitext(name)[1] for name in names if "." in name})  # noqa: PTH122
        return _Folder(folder.why, git, own, folder.kept, beside)

    def _ruled(self, parent: _Folder, path: str) -> tuple[str, bool]:
        """Return why the three kinds of rules leave a path out, and whether `.starcoderignore` names it as wanted."""
        if _decided(parent.git, path):
            return "ignored by git", False
        own = _decided(parent.own, path)
        if own:
            return f"named in {OWN_FILE}", False
        if self._excluded.says(path):
            return 'named in the setting "context.exclude"', False
        return "", parent.kept or own is False

    def _why_file(self, folder: _Folder, path: str, name: str) -> str:
        if why := why_secret(path):
            return why
        why, kept = self._ruled(folder, path)
        return why or ("" if kept else why_foreign_file(name))


def is_rule_file(path: str) -> bool:
    """Return whether a change of this file changes what is left out. `path` has slashes."""
    return path.rpartition("/")[2] in {_GIT_FILE, OWN_FILE} or path.endswith(".git/info/exclude")


def _decided(rules: tuple[_Rules, ...], path: str) -> bool | None:
    for one in rules:
        if (said := one.says(path)) is not None:
            return said
    return None


def _spec(lines: list[str]) -> GitIgnoreSpec:
    """Return the patterns of these lines; one that is none is left out alone, and the others count."""
    lines = [_POSIX.sub(lambda found: _CLASSES.get(found[1], found[0]), line) for line in lines]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of `re`, about brackets in brackets
        try:
            return GitIgnoreSpec.from_lines(lines, backend="simple")
        except ValueError:
            return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)], backend="simple")


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line], backend="simple")
    except ValueError:
        return False
    return True


def _read_rules(path: str, prefix: str, depth: int, *, linked: bool = False) -> tuple[_Rules, ...]:
    """Return the rules of a file, none where there is none. `linked`: it may be a symbolic link."""
    if linked:
        path = os.path.realpath(path)
    found = read(path, _MOST_RULES, binary=True)
    if not isinstance(found, Text):
        return ()
    spec = _spec(found.text.split("\n"))
    return (_Rules(spec, prefix, depth),) if any(one.include is not None for one in spec.patterns) else ()


def _above(root: Path) -> tuple[tuple[_Rules, ...], tuple[_Rules, ...]]:
    """Return git's rules and our own from above a root, the nearest first; git's only inside a work tree."""
    top = next((one for one in (root, *root.parents) if os.path.lexists(one / ".git")), None)
    git: list[_Rules] = []
    own: list[_Rules] = []
    if top is not None:
        for folder in root.parents if top != root else ():
            prefix = root.relative_to(folder).as_posix() + "/"
            git += _read_rules(str(folder / _GIT_FILE), prefix, 0)
            own += _read_rules(str(folder / OWN_FILE), prefix, 0, linked=True)
            if folder == top:
                break
        prefix = "" if top == root else root.relative_to(top).as_posix() + "/"
        git += _info_exclude(top, prefix, 0)
    git += _read_rules(_users_file(), "", 0, linked=True)
    return tuple(git), tuple(own)


def _users_file() -> str:
    """Return the user's own file of patterns: `core.excludesFile`, or where git looks for it without that setting."""
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111 - may have no home
    named = ""
    for path in (os.path.join(settings, "git", "config"), os.path.expanduser("~/.gitconfig")):  # noqa: PTH111, PTH118
        found = read(os.path.realpath(path))
        for section in _CORE.findall(found.text) if isinstance(found, Text) else ():
            for one in _EXCLUDES_FILE.finditer(section):
                named = one[1].strip().strip('"')
    return os.path.expanduser(named) if named else os.path.join(settings, "git", "ignore")  # noqa: PTH111, PTH118


def _info_exclude(top: Path, prefix: str, depth: int) -> tuple[_Rules, ...]:
    """Return the rules of `.git/info/exclude`; in linked work trees and submodules the file `.git` says where."""
    folder = top / ".git"
    if folder.is_file():
        found = read(str(folder))
        if not isinstance(found, Text) or not found.text.startswith("gitdir:"):
            return ()
        folder = top / found.text.removeprefix("gitdir:").strip()
        common = read(str(folder / "commondir"))
        if isinstance(common, Text):
            folder /= common.text.strip()
    return _read_rules(str(folder / "info" / "exclude"), prefix, depth)
