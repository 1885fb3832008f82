"""What is known of a root survives a start: the same answers, whatever was put, replaced and removed before."""

from __future__ import annotations

import os
import random
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from attrs import evolve

from starcoder_lsp.repository.cache import cache_path, read, write
from starcoder_lsp.repository.facts import extract
from starcoder_lsp.repository.index import Index
from starcoder_lsp.repository.known import Known
from starcoder_lsp.repository.postings import SEGMENT
from starcoder_lsp.repository.words import numbers_of

NAMES = [f"name_{number}" for number in range(200)]


def put(index: Index, path: str, draw: random.Random) -> None:
    lines = [
        f"import {draw.choice(NAMES)}",
        *(f"def {name}({draw.choice(NAMES)}): ..." for name in draw.sample(NAMES, 5)),
    ]
    index.put(path, evolve(extract(path, "python", "\n".join(lines)), names=b""))


def random_index(seed: int, steps: int) -> Index:
    """An index in which files came, changed and went."""
    draw, index = random.Random(seed), Index(lambda _path: None)  # noqa: S311 - reproducible
    paths = [f"folder_{number % 7}/file_{number}.py" for number in range(steps // 2)]
    for _ in range(steps):
        if draw.random() < 0.2:
            index.remove(draw.choice(paths))
        else:
            put(index, draw.choice(paths), draw)
    return index


def known(index: Index) -> Known:
    stamps = {one.path: (len(one.path), 10**18 + number) for number, one in enumerate(index.parts()[0].values())}
    shallow = frozenset(list(stamps)[::3])
    stamps |= {"data.py": (1, 2), "data2.py": (3, 4)}
    return Known(*index.parts(), stamps, {"data.py": "binary", "data2.py": "minified"}, shallow)


def told(index: Index) -> list[object]:
    """Return all that an index says of its files, in terms of their paths."""
    store, words = index._store, numbers_of(NAMES)
    found: list[object] = [index.symbols, store.frequency(words).tolist()]
    for postings in (store.words, store.names):
        slots, which = postings.find(words)
        live = store.alive(slots)
        pairs = zip(slots[live].tolist(), which[live].tolist(), strict=True)
        found.append(sorted((store.entries[slot].path, word) for slot, word in pairs))
    found.append(sorted((one.path, one.language, one.table, one.needs, one.words) for one in store.entries.values()))
    found.append(sorted((path, sorted(store.files.in_folder(path.rpartition("/")[0]))) for path in store.files.slots))
    return found


@pytest.mark.parametrize(
    ("seed", "steps"), [(1, 0), (2, 3), (3, 60), (4, 900), pytest.param(5, 3 * SEGMENT, marks=pytest.mark.slow)]
)
def test_an_index_says_the_same_after_a_start_and_goes_on(tmp_path: Path, seed: int, steps: int) -> None:
    before, now, after = random_index(seed, steps), known(random_index(seed, steps)), Index(lambda _path: None)
    assert write(tmp_path / "cache.npz", now.arrays())
    arrays = read(tmp_path / "cache.npz")
    assert arrays is not None
    again = Known.of(arrays)
    after.fill(again.entries, again.words, again.names)
    assert told(after) == told(before)
    assert (again.stamps, again.left_out, again.shallow) == (now.stamps, now.left_out, now.shallow)
    assert sorted(again.entries) == list(range(len(before)))
    assert sum(one.span for one in again.words) == len(before), "nothing is kept of what went"
    for index in (before, after):
        draw = random.Random(seed)  # noqa: S311 - reproducible
        for number in range(100):
            put(index, f"folder_{number % 9}/new_{number}.py", draw)
            put(index, f"folder_{number % 7}/file_{number}.py", draw)
    assert told(after) == told(before)


def test_files_without_a_stamp_are_not_written() -> None:
    index = random_index(3, 60)
    gone = next(iter(index.parts()[0].values())).path
    now = known(index)
    again = Known.of(dict(evolve(now, stamps={path: one for path, one in now.stamps.items() if path != gone}).arrays()))
    assert {one.path for one in again.entries.values()} == {one.path for one in now.entries.values()} - {gone}


@pytest.mark.parametrize("harm", ["deleted", "overwritten", "emptied", "cut off", "a bit", "a folder"])
def test_what_is_harmed_is_no_cache_and_can_be_written_again(tmp_path: Path, harm: str) -> None:
    path, now = tmp_path / "cache.npz", known(random_index(3, 60))
    write(path, now.arrays())
    whole = path.read_bytes()
    path.unlink()
    if harm == "a folder":
        path.mkdir()
    elif harm != "deleted":
        middle = len(whole) // 2
        path.write_bytes(
            {
                "overwritten": b"no archive at all" * 1_000,
                "emptied": b"",
                "cut off": whole[:-3_000],
                "a bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            }[harm]
        )
    assert read(path) is None
    assert write(path, now.arrays()) is (harm != "a folder")
    assert (read(path) is None) is (harm == "a folder")
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(
    "arrays", [{}, {"files.0.paths": np.zeros(3, dtype=np.uint8)}, {"left_out.paths": np.zeros(2)}]
)
def test_arrays_of_something_else_are_refused(arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises((KeyError, ValueError, IndexError, TypeError)):
        Known.of(arrays)


def test_roots_do_not_share(tmp_path: Path) -> None:
    assert cache_path(Path("/project"), tmp_path) != cache_path(Path("/other"), tmp_path)


def test_a_folder_that_cannot_be_made_means_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not write(tmp_path / "file" / "cache" / "x.npz", iter(()))
    assert read(tmp_path / "file" / "cache" / "x.npz") is None


def test_what_is_old_or_was_never_finished_is_removed(tmp_path: Path) -> None:
    path = cache_path(Path("/project"), tmp_path)
    names = ["new.tmp", "old.tmp", "another-1.sqlite3", "another-1.sqlite3-wal", path.name.replace("-", "-0.")]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    unused, used = cache_path(Path("/unused"), tmp_path), cache_path(Path("/used"), tmp_path)
    for one in (unused, used):
        one.write_bytes(b"x")
    os.utime(unused, (0, 0))
    os.utime(tmp_path / "old.tmp", (0, 0))
    assert write(path, iter(()))
    assert {one.name for one in tmp_path.iterdir()} == {"CACHEDIR.TAG", "new.tmp", used.name, path.name}


@pytest.mark.skipif(sys.platform == "win32", reason="the folder's own rights count there")
def test_only_its_user_can_read_it_and_backups_pass_it_by(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    write(folder / "x.npz", known(random_index(3, 60)).arrays())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "x.npz").stat().st_mode) & 0o077 == 0
    assert (folder / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
