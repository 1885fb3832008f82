"""The client's workspace folders, and where in them a document lies."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from attrs import define, field
from pygls import uris

if TYPE_CHECKING:
    from collections.abc import Iterable

_DRIVE = re.compile(r"\A/[A-Za-z]:(?=/|\Z)")


def same_form(uri: str) -> str:
    """Return a URI in the one form in which two of the same place are equal.

    Clients differ in what they escape and in the case of a drive's letter: `file:///c%3A/a` is `file:///C:/a`.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as an open bracket where a host should be
        return uri
    host = "" if parts.netloc.lower() == "localhost" else unquote(parts.netloc).lower()
    path = _DRIVE.sub(lambda match: match.group().lower(), unquote(parts.path), count=1) if parts.path else ""
    rest = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme.lower()}://{host}{path}{rest}"


def file_of(uri: str) -> str:
    """Return the path of a file's URI as this machine writes it; empty for what is no file."""
    try:
        return uris.to_fs_path(uri) or "" if uri.lower().startswith("file:") else ""
    except ValueError:
        return ""


@define
class Folders:
    """The folders that are open now, in the order in which the client named them."""

    _open: dict[str, str] = field(factory=dict)
    """By their comparable form, the URIs as the client wrote them."""

    @property
    def uris(self) -> tuple[str, ...]:
        """The folders' URIs as the client wrote them."""
        return tuple(self._open.values())

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where on this machine they lie, as far as they do."""
        return tuple(Path(path) for uri in self._open.values() if (path := file_of(uri)))

    def change(self, *, added: Iterable[str] = (), removed: Iterable[str] = ()) -> None:
        """Open and close folders. One that is open already, or is not open, changes nothing."""
        for uri in removed:
            self._open.pop(same_form(uri).removesuffix("/"), None)
        for uri in added:
            self._open.setdefault(same_form(uri).removesuffix("/"), uri)

    def relative(self, uri: str) -> str:
        """Return a document's path in the innermost folder that holds it, with slashes; outside of all, its name."""
        place = same_form(uri)
        holding = [folder for folder in self._open if place.startswith(f"{folder}/")]
        if holding:
            return place[len(max(holding, key=len)) + 1 :]
        return PurePosixPath(unquote(uri)).name
