"""Which names code like the cursor's surroundings uses, and which resemble the names that stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from starcoder_lsp.repository.nearness import RESPECTS
from starcoder_lsp.repository.words import among

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from starcoder_lsp.repository.nearness import Near
    from starcoder_lsp.repository.place import Place
    from starcoder_lsp.repository.store import Text

    Floats = NDArray[np.float32]
    Numbers = NDArray[np.uint32]

__all__ = ["USAGE", "Usages", "like_files", "resemblance", "usages"]

USAGE = ("usage", "usage best", "users", "bigram", "members", "member fit")
"""Of a name: likeness of the likest line that uses it; the same against the best of all names; in how many of the
files it is used (log2); whether it stands behind the same word as the cursor; whether it is a member; and whether a
member is wanted."""
_USED = 10
"""Files whose lines are compared with the surroundings."""
_KERNEL = np.concatenate((np.linspace(0.2, 1, 6), np.linspace(1, 0.1, 10)[1:])).astype(np.float32)
"""What a word says for the lines above it and, a little more, below it."""
_LIKELY = np.array([{"similar": 1.0, "twin": 0.5, "recent": 0.7}.get(one, 0.0) for one in RESPECTS], dtype=np.float32)
"""How likely a file's lines are like the surroundings."""
_MOST_LIKE = 3
"""Three times all that the surroundings say: a line that is as like as can be."""
_LEAST_LIKE = 0.005
_MEMBER = np.isin(np.arange(256), list(b".>:"))
"""What stands in front of a member: `.`, `->`, `::`."""


@frozen(eq=False)
class Usages:
    """Names in code like the surroundings: `numbers`, sorted; `features`, a row of `USAGE` each.

    `lines`: for each of the files, by index in `near.slots`, the likeness of each line (0 to 1).
    """

    numbers: Numbers = field(repr=False)
    features: Floats = field(repr=False)
    lines: dict[int, Floats] = field(repr=False)


def like_files(near: Near) -> list[int]:
    """Return the files, as indices in `near.slots`, in which code like the surroundings is looked for."""
    likely = near.respects @ _LIKELY
    return [int(index) for index in np.argsort(-likely, kind="stable")[:_USED] if likely[index] > 0]


def usages(place: Place, near: Near, texts: Mapping[int, Text]) -> Usages:
    """Find names that the prompt does not show yet in the given files."""
    total = float(near.rarity.sum()) or 1.0
    names: list[Numbers] = []
    values: list[Floats] = []
    lines: dict[int, Floats] = {}
    for index, text in texts.items():
        words = text.words
        if not len(words.numbers):
            continue
        said = np.bincount(
            words.lines, weights=text.looked_up(near.words, near.rarity), minlength=len(words.line_starts)
        )
        spread = np.convolve(said, _KERNEL, mode="full")[len(_KERNEL) // 2 - 2 :][: len(said)] / total
        lines[index] = (np.minimum(spread, _MOST_LIKE) / _MOST_LIKE).astype(np.float32)
        likeness = lines[index][words.lines]
        member = _MEMBER[np.frombuffer(text.data, dtype=np.uint8)[np.maximum(words.starts - 1, 0)]]
        follows = np.append(False, words.numbers[:-1] == place.previous) & (place.previous != 0)
        columns = np.stack((likeness, follows * (0.5 + likeness), member), axis=1).astype(np.float32)
        order = np.argsort(text.which, kind="stable")
        begins = np.searchsorted(text.which[order], np.arange(len(text.vocabulary)))
        names.append(text.vocabulary)
        values.append(np.maximum.reduceat(columns[order], begins))
    if not names:
        return Usages(np.zeros(0, dtype=np.uint32), np.zeros((0, len(USAGE)), dtype=np.float32), lines)
    joined = np.concatenate(names)
    order = np.argsort(joined, kind="stable")
    unique, begins, users = np.unique(joined[order], return_index=True, return_counts=True)
    best = np.maximum.reduceat(np.concatenate(values)[order], begins)
    kept = ~among(unique, place.shown) & (best[:, 0] > _LEAST_LIKE)
    unique, users, (like, follows, member) = unique[kept], users[kept], best[kept].T
    against = np.sqrt(like / max(1e-9, float(like.max(initial=0))))
    features = np.stack((like, against, np.log2(users), follows, member, member * place.member), axis=1)
    return Usages(unique, features.astype(np.float32), lines)


def resemblance(numbers: Numbers, place: Place, texts: Mapping[int, Text]) -> Floats:
    """Return how much each of some sorted names is made of parts of the names around the cursor.

    A row each: what its parts say (their nearness and rarity), and which share of it stands there. Names that are in
    none of the texts have zeros.
    """
    found = np.zeros((len(numbers), 2), dtype=np.float32)
    joined = np.concatenate([np.zeros(0, dtype=np.uint32), *(one.parts for one in texts.values())])
    if not len(joined) or not len(numbers) or not len(place.parts):
        return found
    distinct, which, often = np.unique(joined, return_inverse=True, return_counts=True)
    count = len(joined) + 1
    rarity = (np.log(count / often) / np.log(count)).astype(np.float32)
    at = np.minimum(np.searchsorted(place.parts, distinct), len(place.parts) - 1)
    near = np.where(place.parts[at] == distinct, place.part_weights[at], np.float32(0))
    columns = [one[which] for one in (rarity * near, rarity * (near > 0), rarity)]
    begin = 0
    for text in texts.values():
        span = slice(begin, begin + len(text.parts))
        begin = span.stop
        said, shown, whole = (
            np.bincount(text.part_words, weights=one[span], minlength=len(text.vocabulary)) for one in columns
        )
        at = np.minimum(np.searchsorted(numbers, text.vocabulary), len(numbers) - 1)
        hits = numbers[at] == text.vocabulary
        values = np.stack((np.minimum(said, _MOST_LIKE), shown / np.maximum(whole, 1e-6)), axis=1)
        found[at[hits]] = values[hits]
    return found
