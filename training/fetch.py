"""Fetch the corpus: packages named in corpus.toml become folders of source files, with a lock file of what was used.

Only prebuilt archives are unpacked (wheels, npm and Debian packages); nothing that was fetched is ever run. Resumable:
a package in the lock file whose folder is there is skipped. Registries are used through their ordinary clients.

    python training/fetch.py --data training/.data --limit 120
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from email.parser import HeaderParser
from pathlib import Path, PurePosixPath
from threading import Lock

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.languages import language_of
from training.licences import permissive

HERE = Path(__file__).resolve().parent
_MAX_FILE = 400_000  # bytes; larger files are data or generated
_VENDORED = re.compile(r"(^|/)(_?vendor(ed|s)?|third_?party|externals?|extern|node_modules|site-packages|\.?deps)(/|$)")

# (path inside the archive, content)
Files = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Entry:
    """One line of the lock file."""

    registry: str
    name: str
    version: str
    licence: str
    files: int
    bytes: int


class Refused(Exception):  # noqa: N818 (reads as the sentence it is)
    """A package that may not or cannot enter the corpus, with the reason."""


def wanted(path: str, excluded: frozenset[str]) -> bool:
    """Whether a path of an archive is source in a language of the corpus, and not a vendored or excluded copy."""
    parts = [part.lower() for part in PurePosixPath(path).parts]
    stems = set(parts[:-1]) | {PurePosixPath(path).stem.lower()}
    if stems & excluded or _VENDORED.search(path.lower()):
        return False
    return language_of(path) is not None


def _run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Refused(f"{command[0]}: {(done.stderr.strip() or 'failed').splitlines()[-1][:200]}")
    return done.stdout


def _zip(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir() and info.file_size <= _MAX_FILE:
                yield info.filename, archive.read(info)


def _tar(path: Path) -> Files:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.size <= _MAX_FILE:
                stream = archive.extractfile(member)
                if stream is not None:
                    yield member.name.split("/", 1)[-1], stream.read()


def _pypi(name: str, scratch: Path) -> tuple[str, str, Files]:
    _run(
        sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", ".", name, cwd=scratch
    )
    wheel = next(scratch.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        metadata_path = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(metadata_path).decode("utf-8", "replace"))
    classifiers = [c.removeprefix("License ::") for c in metadata.get_all("Classifier", []) if c.startswith("License")]
    stated = metadata.get("License-Expression") or "; ".join(c.split("::")[-1].strip() for c in classifiers)
    free_text = (metadata.get("License") or "").strip().splitlines()
    licence = stated if permissive(stated) or not free_text else free_text[0][:80]
    if stated and stated != "OSI Approved" and not permissive(stated):
        licence = stated
    return metadata["Version"], licence, _zip(wheel)


def _npm(name: str, scratch: Path) -> tuple[str, str, Files]:
    _run("npm", "pack", "--silent", "--ignore-scripts", name, cwd=scratch)
    archive = next(scratch.glob("*.tgz"))
    package = next(json.loads(text) for path, text in _tar(archive) if path == "package.json")
    licence = package.get("license", "")
    return package["version"], licence if isinstance(licence, str) else licence.get("type", ""), _tar(archive)


def _debian_licence(copyright_file: str) -> str:
    """The licence of upstream's files ("Files: *") in a machine-readable debian/copyright."""
    match = re.search(r"^Files:\s*\*.*?^License:\s*([^\n]+)", copyright_file, re.MULTILINE | re.DOTALL)
    if match:
        return match.group(1).strip()
    found = re.search(r"Apache License|MIT License|BSD|Permission is hereby granted", copyright_file)
    return {"Permission is hereby granted": "MIT"}.get(found.group(0), found.group(0)) if found else ""


def _walk(root: Path) -> Files:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= _MAX_FILE:
            yield str(path.relative_to(root)), path.read_bytes()


def _debian(name: str, scratch: Path) -> tuple[str, str, Files]:
    _run("apt-get", "download", "-q", name, cwd=scratch)
    deb = next(scratch.glob("*.deb"))
    _run("dpkg-deb", "-x", deb.name, "x", cwd=scratch)
    notice = next((scratch / "x/usr/share/doc").glob("*/copyright"), None)
    if notice is None:
        raise Refused("no copyright file")
    return deb.name.split("_")[1], _debian_licence(notice.read_text("utf-8", "replace")), _walk(scratch / "x")


def _debian_source(name: str, scratch: Path) -> tuple[str, str, Files]:
    _run("apt-get", "source", "-q", "--download-only", name, cwd=scratch)
    dsc = next(scratch.glob("*.dsc"))
    _run("dpkg-source", "--no-check", "-x", dsc.name, "x", cwd=scratch)
    notice = (scratch / "x/debian/copyright").read_text("utf-8", "replace")
    return dsc.stem.split("_")[1], _debian_licence(notice), _walk(scratch / "x")


CLIENTS: dict[str, Callable[[str, Path], tuple[str, str, Files]]] = {
    "pypi": _pypi,
    "npm": _npm,
    "debian": _debian,
    "debian-source": _debian_source,
    "evaluation": _pypi,
}


def store(folder: Path, files: Files, excluded: frozenset[str], cap: int) -> tuple[int, int]:
    """Write the wanted files under `folder`, up to a few times `cap` bytes; returns (files, bytes)."""
    count = size = 0
    for path, content in files:
        clean = PurePosixPath(path)
        if clean.is_absolute() or ".." in clean.parts or not wanted(path, excluded):
            continue
        if size + len(content) > 4 * cap:
            continue
        target = folder / clean
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        count, size = count + 1, size + len(content)
    return count, size


def fetch(registry: str, name: str, data: Path, excluded: frozenset[str], cap: int) -> Entry:
    """Fetch one package into `data/src/registry/name`."""
    with tempfile.TemporaryDirectory() as scratch:
        version, licence, files = CLIENTS[registry](name, Path(scratch))
        if not permissive(licence):
            raise Refused(f"licence {licence!r}")
        folder = data / "src" / registry / name.replace("/", "__")
        shutil.rmtree(folder, ignore_errors=True)
        count, size = store(folder, files, excluded, cap)
    return Entry(registry, name, version, licence, count, size)


def standard_library(data: Path, excluded: frozenset[str], cap: int) -> Entry:
    """The running interpreter's own library (PSF licence), without its tests' data."""
    root = Path(sysconfig.get_path("stdlib"))
    files = (f for f in _walk(root) if not re.search(r"(^|/)(test|lib2to3|idlelib|ensurepip|site-packages)/", f[0]))
    count, size = store(data / "src" / "stdlib" / "cpython", files, excluded, 8 * cap)
    return Entry("stdlib", "cpython", sys.version.split()[0], "PSF-2.0", count, size)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / ".data")
    parser.add_argument("--skip", type=int, default=0, help="packages per registry that are passed over first")
    parser.add_argument("--limit", type=int, default=10_000, help="packages per registry")
    parser.add_argument("--registries", default="stdlib,evaluation,pypi,npm,debian,debian-source")
    parser.add_argument("--lock", type=Path, default=HERE / "corpus.lock.json", help="the listing that is kept")
    parser.add_argument("--jobs", type=int, default=4)
    options = parser.parse_args()

    corpus = tomllib.loads((HERE / "corpus.toml").read_text())
    excluded, cap = frozenset(corpus["excluded"]), int(corpus["package_cap_bytes"])
    names = {
        "pypi": corpus["pypi"]["packages"],
        "npm": corpus["npm"]["packages"],
        "debian": corpus["debian"]["packages"],
        "debian-source": corpus["debian"]["sources"],
        "evaluation": corpus["evaluation"],
    }
    locked = (
        {(e["registry"], e["name"]): Entry(**e) for e in json.loads(options.lock.read_text())}
        if options.lock.exists()
        else {}
    )
    guard = Lock()

    def keep(entry: Entry) -> None:
        with guard:
            locked[entry.registry, entry.name] = entry
            lines = ",\n".join(json.dumps(asdict(e)) for _, e in sorted(locked.items()))
            options.lock.write_text(f"[\n{lines}\n]\n")

    def one(registry: str, name: str) -> None:
        folder = options.data / "src" / registry / name.replace("/", "__")
        if (registry, name) in locked and folder.exists():
            return
        if name in excluded and registry != "evaluation":
            print(f"excluded {name}", flush=True)
            return
        try:
            rule: frozenset[str] = frozenset() if registry == "evaluation" else excluded
            entry = fetch(registry, name, options.data, rule, cap)
        except (
            Refused,
            OSError,
            StopIteration,
            subprocess.TimeoutExpired,
            ValueError,
            KeyError,
            tarfile.TarError,
            zipfile.BadZipFile,
        ) as reason:
            print(f"skipped  {registry} {name}: {reason!r}", flush=True)
            return
        keep(entry)
        print(f"fetched  {registry} {name} {entry.version} [{entry.licence}] {entry.bytes / 1e6:.2f} MB", flush=True)

    registries = options.registries.split(",")
    if "stdlib" in registries:
        keep(standard_library(options.data, excluded, cap))
    jobs = [(r, n) for r in registries if r in names for n in names[r][options.skip :][: options.limit]]
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda job: one(*job), jobs))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
