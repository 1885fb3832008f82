"""The paths of a repository, and which of them an import means.

Nothing is looked up on disk and no build file is read: a module's name and the paths that exist say enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.repository.languages import KIN, language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from starcoder_lsp.repository.model import Import

__all__ = ["ENTRIES", "Files", "folder_of", "stem_of"]

ENTRIES = frozenset(("__init__", "index", "mod", "lib", "main", "__main__"))
"""Files that stand for their folder."""
_BY_PATH = frozenset(("c", "cpp", "objective-c", "objective-cpp", "ruby", "shellscript"))
"""Languages that name files; others, not known better, name modules with dots, or files with slashes."""
_SOURCES = frozenset(("src", "lib"))
_SCOPED = 2
"""Parts of `@scope/package`."""
_PHP = (".php", ".inc", ".phtml")
_LOOSE = frozenset(("php", "csharp"))
"""Their namespaces begin with a name that need not be a folder."""
_MOST = 40  # files that one import may mean: a folder of a Go package, a namespace
_SLASHED = {"php": "\\", "csharp": ".", "java": ".", "kotlin": ".", "scala": ".", "groovy": "."}


def stem_of(path: str) -> str:
    """Return the file's name without folder and extension."""
    return path.rpartition("/")[2].partition(".")[0]


def folder_of(path: str) -> str:
    """Return the folder, without a slash at its end."""
    return path.rpartition("/")[0]


class Files:
    """Paths and their slots."""

    def __init__(self) -> None:
        self.slots: dict[str, int] = {}
        self._by_stem: dict[str, list[str]] = {}
        self._by_folder: dict[str, list[str]] = {}
        self._folders_by_name: dict[str, list[str]] = {}
        self._go_modules: set[str] = set()

    def add(self, path: str, slot: int) -> None:
        """Add a path, or give a known one another slot."""
        if path not in self.slots:
            self._by_stem.setdefault(stem_of(path), []).append(path)
            folder = folder_of(path)
            if folder not in self._by_folder:
                self._by_folder[folder] = []
                for one in _named(folder):
                    self._folders_by_name.setdefault(_plain(one.rpartition("/")[2]), []).append(one)
            self._by_folder[folder].append(path)
        self.slots[path] = slot

    def remove(self, path: str) -> int | None:
        """Forget a path; returns its slot."""
        slot = self.slots.pop(path, None)
        if slot is None:
            return None
        folder = folder_of(path)
        for table, key in ((self._by_stem, stem_of(path)), (self._by_folder, folder)):
            table[key].remove(path)
            if not table[key]:
                del table[key]
        if folder not in self._by_folder:
            for one in _named(folder):
                name = _plain(one.rpartition("/")[2])
                self._folders_by_name[name].remove(one)
                if not self._folders_by_name[name]:
                    del self._folders_by_name[name]
        return slot

    def in_folder(self, folder: str) -> Sequence[str]:
        """The paths directly in a folder."""
        return self._by_folder.get(folder, ())

    def with_stem(self, stem: str) -> Sequence[str]:
        """The paths whose name without extension is `stem`."""
        return self._by_stem.get(stem, ())

    def resolve(self, path: str, language: str, one: Import) -> list[str]:
        """Return the paths that an import in the file `path` means, the likeliest first; none where it is not ours."""
        if language == "python":
            found = self._python(path, one)
        elif language in KIN["javascript"]:
            found = self._javascript(path, one)
        elif language == "go":
            found = self._go(one)
        elif language == "rust":
            found = self._rust(path, one)
        elif language in _SLASHED:
            found = self._dotted(path, language, one)
        else:
            dotted = language not in _BY_PATH and "/" not in one.module
            found = self._by_path(path, one.module.replace(".", "/") if dotted else one.module)
        return [other for other in dict.fromkeys(found) if other != path][:_MOST]

    # --- by language ---

    def _python(self, path: str, one: Import) -> Iterator[str]:
        dots = len(one.module) - len(one.module.lstrip("."))
        parts = [part for part in one.module.split(".") if part]
        tails = [*([*parts, name] for name, _ in one.names if name != "*"), parts]
        for tail in tails:
            if dots:
                base = folder_of(path).split("/") if folder_of(path) else []
                if dots - 1 > len(base):
                    return
                base = base[: len(base) - (dots - 1)]
                yield from self._exact("/".join([*base, *tail]), ("py", "pyi", "pyx"), ("__init__.py", "__init__.pyi"))
            elif tail:
                yield from self._package(path, tail)

    def _package(self, path: str, parts: Sequence[str]) -> Iterator[str]:
        """Absolute Python modules: the folder that they are counted from is no package itself."""
        ending = "/".join(parts)
        found = []
        for other in (*self.with_stem(parts[-1]), *self._entries(parts[-1])):
            whole = other.rpartition(".")[0].removesuffix("/__init__")
            if language_of(other) == "python" and (whole == ending or whole.endswith("/" + ending)):
                root = whole[: -len(ending)].rstrip("/")
                if (f"{root}/__init__.py" if root else "__init__.py") not in self.slots:
                    found.append(other)
        yield from _nearest(path, found)

    def _javascript(self, path: str, one: Import) -> Iterator[str]:
        extensions = ("ts", "tsx", "js", "jsx", "mjs", "cjs", "mts", "cts", "d.ts", "vue", "svelte")
        module = one.module.partition("?")[0]
        if module.startswith("."):
            where = _joined(folder_of(path), module)
            if where is not None:
                yield from self._exact(where, extensions, tuple(f"index.{one}" for one in extensions))
            return
        parts = [part for part in module.split("/") if part not in ("@", "~", "#", "")]
        if (len(parts) > 1 and not module.startswith("@")) or module[:2] in ("@/", "~/", "#/"):
            yield from self._by_path(path, "/".join(parts))
        elif len(parts) > _SCOPED:  # an alias, or a file of a package of the workspace
            yield from self._by_path(path, "/".join(parts[1:]))
        for folder in self._folders_by_name.get(_plain(parts[-1]), ()) if parts else ():
            for main in (f"{folder}/src/index", f"{folder}/index", f"{folder}/lib/index"):
                yield from self._exact(main, extensions, ())

    def _go(self, one: Import) -> Iterator[str]:
        parts = one.module.split("/")
        ours = "." in parts[0]
        if one.module in self._go_modules:
            yield from self._code("", "go")
        for at in range(len(parts) if ours else 1):
            folder = "/".join(parts[at:])
            if folder in self._by_folder:
                if at:
                    self._go_modules.add("/".join(parts[:at]))
                yield from self._code(folder, "go")
                return

    def _rust(self, path: str, one: Import) -> Iterator[str]:
        if one.module.startswith("mod "):
            name = one.module[4:]
            for folder in (folder_of(path), f"{folder_of(path)}/{stem_of(path)}".lstrip("/")):
                yield from self._exact(f"{folder}/{name}".lstrip("/"), ("rs",), ("mod.rs",))
            return
        parts = one.module.split("::")
        folder = folder_of(path)
        inner = folder if stem_of(path) in ENTRIES else f"{folder}/{stem_of(path)}".lstrip("/")
        if parts[0] == "crate":
            base = folder
            while base and not any(f"{base}/{root}.rs" in self.slots for root in ("lib", "main")):
                base = folder_of(base)
            parts = parts[1:]
        elif parts[0] in ("self", "super"):
            base = inner
            while parts and parts[0] in ("self", "super"):
                base = folder_of(base) if parts[0] == "super" else base
                parts = parts[1:]
        else:
            crates = self._folders_by_name.get(_plain(parts[0]), ())
            base = next((f"{crate}/src" for crate in crates if f"{crate}/src/lib.rs" in self.slots), "")
            if not base:
                if f"{inner}/{parts[0]}.rs" not in self.slots:
                    return
                base = inner
            else:
                parts = parts[1:]
        tail = [*parts, *(name for name, _ in one.names)]
        for size in range(len(tail), 0, -1):
            yield from self._exact("/".join([base, *tail[:size]]).lstrip("/"), ("rs",), ("mod.rs",))
        yield from (root for root in (f"{base}/lib.rs", f"{base}/mod.rs", f"{base}.rs") if root in self.slots)

    def _dotted(self, path: str, language: str, one: Import) -> Iterator[str]:
        if language == "php" and "\\" not in one.module and one.module.endswith(_PHP):
            yield from self._by_path(path, one.module)
            return
        parts = [part for part in one.module.replace(_SLASHED[language], "/").split("/") if part]
        if not parts:
            return
        for name, _ in one.names:
            if name != "*":
                yield from _nearest(path, self._ending([*parts, name], language))
        if one.names and one.names[0][0] != "*":
            yield from _nearest(path, self._ending(parts, language))  # a static member: the class is the module
            return
        yield from _nearest(path, self._ending(parts, language))
        for size in range(len(parts), 0, -1):  # a namespace: the folder that ends as it does, without its beginning too
            ending = "/".join(parts[len(parts) - size :])
            folders = [
                folder
                for folder in self._folders_by_name.get(_plain(parts[-1]), ())
                if folder == ending or folder.endswith("/" + ending)
            ]
            for folder in folders:
                yield from self._code(folder, language)
            if folders or language not in _LOOSE:
                return

    def _ending(self, parts: Sequence[str], language: str) -> list[str]:
        """Files whose path ends with the given parts; of namespaces the first ones may be left out."""
        least = len(parts) if language not in _LOOSE else min(2, len(parts))
        for size in range(len(parts), least - 1, -1):
            ending = "/".join(parts[len(parts) - size :])
            found = [
                other
                for other in self.with_stem(parts[-1])
                if (whole := other.rpartition(".")[0]) == ending or whole.endswith("/" + ending)
            ]
            if found:
                return found
        return []

    def _by_path(self, path: str, module: str) -> Iterator[str]:
        """Includes and requires: relative to the file, else by the path's end."""
        where = _joined(folder_of(path), module)
        name = module.rpartition("/")[2]
        extension = name.rpartition(".")[2] if "." in name else ""
        if where in self.slots:
            yield where
            return
        if where is not None and not extension:
            yield from self._exact(where, ("rb", "sh", "php", "lua", "js", "ts", "tsx", "py"), ())
        if module.startswith("."):
            return
        ending = module.lstrip("/")
        found = [
            other
            for other in self.with_stem(stem_of(name))
            if other == ending
            or other.endswith("/" + ending)
            or (
                not extension
                and (other.rpartition(".")[0] == ending or other.rpartition(".")[0].endswith("/" + ending))
            )
        ]
        yield from _nearest(path, found)

    # --- helpers ---

    def _exact(self, where: str, extensions: Iterable[str], entries: Iterable[str]) -> Iterator[str]:
        where = where.strip("/")
        if where in self.slots:
            yield where
        base = where.rpartition(".")[0] if where.endswith((".js", ".mjs", ".cjs")) else where  # TypeScript writes .js
        for extension in extensions:
            if f"{base}.{extension}" in self.slots:
                yield f"{base}.{extension}"
        for entry in entries:
            name = f"{where}/{entry}" if where else entry
            if name in self.slots:
                yield name

    def _entries(self, folder_name: str) -> Iterator[str]:
        for folder in self._folders_by_name.get(_plain(folder_name), ()):
            name = f"{folder}/__init__.py"
            if name in self.slots:
                yield name

    def _code(self, folder: str, language: str) -> Iterator[str]:
        kin = KIN.get(language, {language})
        for path in self.in_folder(folder):
            if language_of(path) in kin:
                yield path


def _named(folder: str) -> Iterator[str]:
    """The folders that a package's name may mean: itself, and where it is the sources' folder, what it stands in."""
    yield folder
    parent, _, name = folder.rpartition("/")
    if parent and name in _SOURCES:
        yield parent


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()


def _joined(folder: str, relative: str) -> str | None:
    """`relative` seen from `folder`; None where it leaves the root."""
    parts = folder.split("/") if folder else []
    for part in relative.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in (".", ""):
            parts.append(part)
    return "/".join(parts)


def _nearest(path: str, others: Sequence[str]) -> list[str]:
    """Those with the longest common beginning first."""
    if len(others) < 2:  # noqa: PLR2004 - nothing to sort
        return list(others)
    mine = path.split("/")

    def shared(other: str) -> int:
        same = 0
        for left, right in zip(mine, other.split("/"), strict=False):
            if left != right:
                break
            same += 1
        return same

    return sorted(others, key=lambda other: (-shared(other), len(other), other))
