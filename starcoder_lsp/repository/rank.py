"""How much each name of the other files is wanted at a place.

The name to be written is taken for one of many, with a probability that a log-linear model gives it: of features of its
best definition in the near files, and of the code that is like the cursor's surroundings and uses it. The weights were
fitted on repositories that no report is about (ADR 6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from starcoder_lsp.repository.facts import HIDDEN, KIND, SPECIAL, TABLE, TEST, UPPER
from starcoder_lsp.repository.likeness import USAGE, Usages, like_files, resemblance, usages
from starcoder_lsp.repository.model import KINDS
from starcoder_lsp.repository.nearness import RESPECTS
from starcoder_lsp.repository.weights import OF_DEFINITION, OF_NAME
from starcoder_lsp.repository.words import among

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from starcoder_lsp.repository.nearness import Near
    from starcoder_lsp.repository.place import Place
    from starcoder_lsp.repository.store import Store, Text

    Floats = NDArray[np.float32]
    Numbers = NDArray[np.uint32]

__all__ = ["DEFINITION_FEATURES", "NAME_FEATURES", "Wanted", "wanted_names"]

DEFINITION_FEATURES = (
    *RESPECTS,
    "class", "function", "attribute", "constant", "module",
    "member owned", "member free", "other owned", "other free",
    "owner clue", "owner base", "owner call", "owner near", "owner shown",
    "imported owned member", "line free", "receiver free", "many rows",
    "hidden", "hidden beside", "test", "special", "upper", "foreign", "type class", "member attribute",
)  # fmt: skip
"""`clue`, `base`, `call`: as in `Place`; `member`: one is wanted, `other`: none; `owned`, `free`: in a class or not."""
NAME_FEATURES = (*USAGE, "usage defined", "usage member", "undefined", "common", "parts", "parts shown")
DEFINITION = np.array([OF_DEFINITION[one] for one in DEFINITION_FEATURES], dtype=np.float32)
NAME = np.array([OF_NAME[one] for one in NAME_FEATURES], dtype=np.float32)
_CLASS, _ATTRIBUTE = KINDS.index("class"), KINDS.index("attribute")
_READ = 28
"""Files that are read for their definitions, beside those that are read for their likeness."""
_LEADING = 500
"""Definitions that may be packed, those wanted most."""


@frozen(eq=False)
class Wanted:
    """Names and how much each is wanted.

    Attributes:
        numbers: of the names, sorted.
        wants: the probability of each; their sum is 1.
        rows: definitions in the near files, rows of `TABLE`; `row_files`: index in `near.slots` of each.
        leading: indices in `rows` of those wanted most, in files that were read.
        texts: those of the files that were read, by index in `near.slots`.
        usages: of names in code like the surroundings.
        features: of each name: those of its best definition (zeros without), then its own; what `wants` are made of.
    """

    numbers: Numbers = field(repr=False)
    wants: Floats = field(repr=False)
    rows: NDArray[np.void] = field(repr=False)
    row_files: NDArray[np.int64] = field(repr=False)
    leading: NDArray[np.int64] = field(repr=False)
    texts: dict[int, Text] = field(repr=False)
    usages: Usages = field(repr=False)
    features: Floats = field(repr=False)


def wanted_names(place: Place, near: Near, store: Store) -> Wanted:
    """Weigh the names of the near files, those that the prompt shows already left out."""
    rows, row_files = _definitions(place, near, store)
    row_features = _definition_features(rows, row_files, place, near)
    row_scores = row_features @ DEFINITION

    texts = _read(like_files(near), near, store)
    used = usages(place, near, texts)
    numbers = np.union1d(rows["name"], used.numbers)
    row_names = np.searchsorted(numbers, rows["name"])
    best = np.full(len(numbers), -1, dtype=np.int64)
    order = np.argsort(row_scores, kind="stable")
    best[row_names[order]] = order  # the last, the highest, stays

    name_features = _name_features(numbers, best >= 0, used, place, store)
    order = np.argsort(-(row_scores + (name_features @ NAME)[row_names]), kind="stable")[:_LEADING]
    more = [file for file in dict.fromkeys(row_files[order].tolist()) if file not in texts]
    texts |= _read(more[:_READ], near, store)
    name_features[:, -2:] = resemblance(numbers, place, texts)

    name_scores = name_features @ NAME
    wants = np.exp(_limited(np.append(row_scores, 0)[best] + name_scores))
    row_wants = row_scores + name_scores[row_names]
    leading = np.flatnonzero(np.isin(row_files, list(texts)))
    leading = leading[np.argsort(-row_wants[leading], kind="stable")[:_LEADING]]
    none = np.zeros((1, len(DEFINITION_FEATURES)), dtype=np.float32)
    features = np.hstack((np.vstack((row_features, none))[best], name_features))
    wants = (wants / max(1e-9, float(wants.sum()))).astype(np.float32)
    return Wanted(
        numbers, wants, rows, row_files, leading, texts, used, features
    )  # fmt: skip


def _limited(scores: Floats) -> Floats:
    return scores - scores.max(initial=-1e9) if len(scores) else scores


def _definitions(place: Place, near: Near, store: Store) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """Definitions of the near files whose names the prompt does not show, and the file of each."""
    tables = [store.entries[slot].table for slot in near.slots]
    rows = np.frombuffer(b"".join(tables), dtype=TABLE)
    files = np.repeat(np.arange(len(tables)), [len(table) // TABLE.itemsize for table in tables])
    kept = (rows["name"] != 0) & ~among(rows["name"], place.shown)
    return rows[kept], files[kept]


def _read(files: Iterable[int], near: Near, store: Store) -> dict[int, Text]:
    """The texts of files, indices in `near.slots`; those that cannot be had are left out."""
    read = ((file, store.text(store.entries[near.slots[file]].path)) for file in files)
    return {file: text for file, text in read if text is not None}


def _name_features(
    numbers: Numbers, defined: NDArray[np.bool_], used: Usages, place: Place, store: Store
) -> Floats:  # fmt: skip
    """A row of `NAME_FEATURES` for each name; those of its parts are left zero."""
    found = np.zeros((len(numbers), len(NAME_FEATURES)), dtype=np.float32)
    found[np.searchsorted(numbers, used.numbers), : len(USAGE)] = used.features
    slots, which = store.names.find(numbers[~defined])
    elsewhere = np.zeros(len(numbers), dtype=np.bool_)
    elsewhere[np.flatnonzero(~defined)[which[store.alive(slots)]]] = True
    frequency = store.frequency(numbers)
    columns = [found[:, 0] * defined, found[:, 0] * place.member, ~defined & ~elsewhere, np.log2(1 + frequency)]
    for index, column in enumerate(columns, start=len(USAGE)):
        found[:, index] = column
    return found


def _definition_features(rows: NDArray[np.void], row_files: NDArray[np.int64], place: Place, near: Near) -> Floats:
    found = np.zeros((len(rows), len(DEFINITION_FEATURES)), dtype=np.float32)
    if not len(rows):
        return found
    respects = near.respects[row_files]
    width = len(RESPECTS)
    found[:, :width] = respects
    found[np.arange(len(rows)), width + np.minimum(rows["kind"] & KIND, len(KINDS) - 1)] = 1
    owner, kind = rows["owner"], rows["kind"]
    owned = (owner != 0).astype(np.float32)
    member = float(place.member)
    columns = [
        owned * member,
        (1 - owned) * member,
        owned * (1 - member),
        (1 - owned) * (1 - member),
        among(owner, place.clues),
        among(owner, place.bases),
        among(owner, place.calls),
        _near_weight(owner, place),
        among(owner, place.shown),
        respects[:, RESPECTS.index("imported")] * owned * member,
        respects[:, RESPECTS.index("line")] * (1 - owned),
        respects[:, RESPECTS.index("receiver")] * (1 - owned),
        np.log2(np.bincount(row_files, minlength=len(near.slots))[row_files]) / 8,
        (kind & HIDDEN) > 0,
        ((kind & HIDDEN) > 0) * respects[:, RESPECTS.index("folder")],
        (kind & TEST) > 0,
        (kind & SPECIAL) > 0,
        (kind & UPPER) > 0,
        near.foreign[row_files],
        ((kind & KIND) == _CLASS) * float(place.typed),
        ((kind & KIND) == _ATTRIBUTE) * member,
    ]
    for index, column in enumerate(columns):
        found[:, width + len(KINDS) + index] = column
    return found


def _near_weight(owner: Numbers, place: Place) -> Floats:
    if not len(place.near):
        return np.zeros(len(owner), dtype=np.float32)
    at = np.minimum(np.searchsorted(place.near, owner), len(place.near) - 1)
    return np.where(place.near[at] == owner, np.minimum(place.weights[at], 2), 0).astype(np.float32)
