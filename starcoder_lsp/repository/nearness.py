"""Which files are near a place, and in what respect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from starcoder_lsp.repository.files import folder_of, stem_of
from starcoder_lsp.repository.languages import KIN, language_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from starcoder_lsp.repository.place import Place
    from starcoder_lsp.repository.query import Query
    from starcoder_lsp.repository.store import Store

    Floats = NDArray[np.float32]

__all__ = ["RESPECTS", "Near", "near_files"]

RESPECTS = (
    "imported", "hop", "importer", "twin", "folder", "similar", "definer", "recent", "line", "receiver",
)  # fmt: skip
"""imported: this file imports it; hop: one that this file imports does; importer: it imports this file; twin: test or
implementation of it, header or source; folder: stands beside it; similar: shares rare words with the cursor's
surroundings; definer: defines names that stand there; recent: was edited or viewed; line: what the import at the cursor
names; receiver: the module that stands in front of the dot."""
_AT = {name: index for index, name in enumerate(RESPECTS)}
_MOST = 64
"""Files that are looked into."""
_MOST_HOPS = 200
_MOST_FOLDER = 60
_LISTED = 200
"""Words near the cursor that are looked up, those that say most."""
_PROSE = frozenset(("markdown", "json", "yaml", "toml", "xml", "html", "css", "scss", "less", "makefile", "sql", ""))
"""Their words count, but less than code's."""


@frozen(eq=False)
class Near:
    """The nearest files: `slots` and, a row each, how near they are in which respect (0 to 1, `RESPECTS`).

    `words`: the words near the cursor that other files have; `rarity`: what each says, its weight by the inverse
    document frequency.
    """

    slots: list[int]
    respects: Floats
    words: NDArray[np.uint32]
    rarity: Floats
    foreign: NDArray[np.bool_]
    """Whether a file is of another language."""


def near_files(query: Query, place: Place, store: Store) -> Near:
    """Return the files nearest to a place, at most `_MOST`, the file itself not among them."""
    table: dict[int, Floats] = {}
    own = store.files.slots.get(query.path)

    def mark(slots: Iterable[int], respect: str, value: float = 1.0) -> None:
        for slot in slots:
            if slot != own:
                row = table.get(slot)
                if row is None:
                    row = table[slot] = np.zeros(len(RESPECTS), dtype=np.float32)
                row[_AT[respect]] = max(row[_AT[respect]], value)

    words, rarity = _words(query, place, store, mark)
    _imports(query, place, store, mark)
    _relatives(query, store, mark)
    _definers(place, store, mark)
    for index, spot in enumerate(query.recent):
        slot = store.files.slots.get(spot.path)
        if slot is not None:
            mark((slot,), "recent", 0.8**index)
    kin = KIN.get(query.language, frozenset((query.language,)))
    importance = np.array([4, 1.5, 1.5, 3, 1, 3, 3, 2, 6, 6], dtype=np.float32)
    scored = []
    for slot, row in table.items():
        language = store.entries[slot].language
        factor = 1.0 if language in kin else 0.3 if language in _PROSE else 0.6
        scored.append((float(row @ importance) * factor, slot))
    scored.sort(key=lambda one: (-one[0], one[1]))
    chosen = [slot for _, slot in scored[:_MOST]]
    respects = np.array([table[slot] for slot in chosen], dtype=np.float32).reshape(len(chosen), len(RESPECTS))
    foreign = np.array([store.entries[slot].language not in kin for slot in chosen], dtype=np.bool_)
    return Near(chosen, respects, words, rarity, foreign)


def _words(query: Query, place: Place, store: Store, mark) -> tuple[NDArray[np.uint32], Floats]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Mark files that share rare words with the place."""
    if not len(place.near):
        return place.near, place.weights
    listed = np.sort(np.argsort(-place.weights, kind="stable")[:_LISTED])
    words, weights = place.near[listed], place.weights[listed]
    frequency = store.frequency(words)
    count = max(2, len(store.entries))
    idf = np.log((count + 1) / (frequency + 0.5)) / np.log(count + 1)
    rarity = (weights * np.where(frequency > 0, np.maximum(idf, 0), 0)).astype(np.float32)
    telling = np.flatnonzero(frequency <= max(40, 0.3 * count))
    slots, which = store.words.find(words[telling])
    live = store.alive(slots)
    scores = np.bincount(slots[live], weights=rarity[telling[which[live]]], minlength=store.size)
    own = store.files.slots.get(query.path)
    if own is not None:
        scores[own] = 0
    top = np.argpartition(-scores, min(40, len(scores) - 1))[:40]
    lengths = np.array([store.entries[int(slot)].words if int(slot) in store.entries else 1 for slot in top])
    normal = scores[top] / np.sqrt(lengths + 60)
    best = normal.max(initial=0)
    if best > 0:
        for slot, value in zip(top, normal / best, strict=True):
            if value > 0.05:  # noqa: PLR2004 - nothing in common
                mark((int(slot),), "similar", float(value))
    return words, rarity


def _imports(query: Query, place: Place, store: Store, mark) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Mark what the file imports, what that imports, and what imports the file."""
    files = store.files
    first: dict[int, None] = {}
    line_modules = {one.module for one in place.line_imports}
    for one in place.imports:
        targets = [files.slots[path] for path in files.resolve(query.path, query.language, one)]
        mark(targets, "imported", 1.0 if len(targets) < 4 else 0.6)  # noqa: PLR2004 - a whole folder says less
        first |= dict.fromkeys(targets)
        if one.module in line_modules and targets:
            mark(targets, "line", 1.0)
        if place.receiver and (
            one.alias == place.receiver
            or one.alias.partition(".")[0] == place.receiver
            or any(here == place.receiver for _, here in one.names)
        ):
            mark(targets, "receiver", 1.0)
    for one in place.line_imports:
        mark((files.slots[path] for path in files.resolve(query.path, query.language, one)), "line", 1.0)
    hops: dict[int, None] = {}
    for slot in list(first)[:80]:
        hops |= dict.fromkeys(store.targets(slot))
        if len(hops) > _MOST_HOPS:
            break
    mark((slot for slot in hops if slot not in first), "hop")
    for slot in store.importers(query.path):
        mark((slot,), "importer")


_TEST = re.compile(r"^(?:test|tests|spec)[_-]?|[_.-]?(?:test|tests|spec|specs|impl)$", re.IGNORECASE)


def _relatives(query: Query, store: Store, mark) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Mark twins and the folder."""
    files = store.files
    name = query.path.rpartition("/")[2]
    stem = name.partition(".")[0]
    second = name.split(".")[1] if name.count(".") > 1 else ""
    core = _TEST.sub("", stem) or stem
    for twin in {
        core,
        f"test_{core}",
        f"{core}_test",
        f"{core}Test",
        f"{core}Tests",
        f"Test{core}",
        f"{core}_spec",
        f"{core}-test",
        f"test-{core}",
        f"{core}-inl",
        f"{core}Impl",
        f"Abstract{core}",
        f"{core}.{second}",
    }:
        others = [other for other in files.with_stem(twin) if other != query.path]
        mark((files.slots[other] for other in others[:8]), "twin", 1.0 if len(others) <= 3 else 0.5)  # noqa: PLR2004
    folder = folder_of(query.path)
    siblings = files.in_folder(folder)
    if len(siblings) <= 4 * _MOST_FOLDER:
        mine = language_of(query.path)
        kin = KIN.get(mine, {mine})
        close = [other for other in siblings if language_of(other) in kin]
        mark((files.slots[other] for other in close[:_MOST_FOLDER]), "folder")
    parent = folder_of(folder)
    for entry in ("__init__.py", "index.ts", "index.js", "mod.rs", "lib.rs"):
        for where in (folder, parent):
            slot = files.slots.get(f"{where}/{entry}".lstrip("/"))
            if slot is not None:
                mark((slot,), "folder", 0.7)


def _definers(place: Place, store: Store, mark) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Mark files that define names of the surroundings, where few do."""
    wanted = [(place.near, place.weights / 3), (place.clues, None), (place.bases, None), (place.calls, None)]
    for numbers, weights in wanted:
        if not len(numbers):
            continue
        slots, which = store.names.find(numbers)
        live = store.alive(slots)
        slots, which = slots[live], which[live]
        if not len(slots):
            continue
        frequency = np.bincount(which, minlength=len(numbers))
        few = frequency[which] <= 6  # noqa: PLR2004 - a name that many files define names none of them
        slots, which = slots[few], which[few]
        value = 1.0 / frequency[which] * (1.0 if weights is None else weights[which])
        sums = np.bincount(slots, weights=value, minlength=1)
        hits = np.flatnonzero(sums)
        for slot in hits[np.argsort(-sums[hits])][:30]:
            mark((int(slot),), "definer", float(min(1.0, sums[slot])))


__all__ += ["stem_of"]
