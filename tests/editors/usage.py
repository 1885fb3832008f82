"""The counts that a server of an editor's kept, once they are what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starcoder_lsp.usage.store import Kept, read
from tests.editors.lab import poll

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


def sums(path: Path, names: Collection[str], without: Collection[int] = ()) -> dict[str, int]:
    """Return sums over all suggestions, but for those of the sessions `without`."""
    records = [one.record for one in read(path) if one.record.key[0] not in without]
    return {name: sum(int(getattr(one, name)) for one in records) for name in names}


def counted(path: Path, expected: dict[str, int], without: Collection[int] = ()) -> list[Kept]:
    """Wait until the sums are what is expected, and return all of it."""
    try:
        poll("the counts are what was done", lambda: sums(path, expected, without) == expected)
    except TimeoutError as problem:
        raise TimeoutError(f"{problem}: {sums(path, expected, without)}, not {expected}") from None
    return [one for one in read(path) if one.record.key[0] not in without]
