"""Finds a server's key where its address says: an environment variable, a file, a program, the editor's storage."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from starcoder_lsp.addresses import Secret
from starcoder_lsp.errors import EngineRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starcoder_lsp.addresses import EngineAddress

_PATIENCE_S = 30.0
"""A program may ask a person for a passphrase in a window of its own."""
_MOST = 16_384


def find_key(address: EngineAddress, secrets: Mapping[str, Secret]) -> Secret | None:
    """Return the key for an address; None where it needs none.

    Raises:
        EngineRefused: there is none where it should be. The message says where that is, and never what was found.
    """
    source = address.key
    if source is None:
        return None
    name = source.words[0]
    found = ""
    if source.kind == "env":
        found, where = os.environ.get(name, ""), f"the environment variable {name}"
    elif source.kind == "secret":
        kept = secrets.get(name)
        found, where = kept.reveal() if kept else "", f'the option "secrets" under {name!r}'
    elif source.kind == "file":
        found, where = _from_file(name), f"the file {name}"
    else:
        found, where = _from_program(source.words), f"the output of {name}"
    key = found.split("\n", 1)[0].strip()
    if not key:
        raise EngineRefused(f"There is no key for {address.shown} in {where}.")
    if len(key) > _MOST or not (key.isascii() and key.isprintable()):
        raise EngineRefused(f"What {where} holds is no key for {address.shown}: a key is one line of plain characters.")
    return Secret(key)


def _from_file(name: str) -> str:
    path = Path(name).expanduser()
    if not path.is_absolute():
        raise EngineRefused(f'The file of a key must be a whole path, from / or ~, not "{name}".')
    try:
        with path.open("rb") as file:
            return file.read(_MOST + 1).decode("utf-8", "replace")
    except OSError as error:
        raise EngineRefused(f"The file {name}, where a key should be, cannot be read: {error.strerror}.") from None


def _from_program(words: tuple[str, ...]) -> str:
    """Return a program's output. Nothing that it wrote is repeated in an error."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own words, from settings that no workspace can give
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_PATIENCE_S,
            check=False,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its words cannot be passed on"
        raise EngineRefused(f"The program {words[0]}, which should print a key, cannot be run: {reason}.") from None
    except subprocess.TimeoutExpired:
        raise EngineRefused(f"The program {words[0]} printed no key within {_PATIENCE_S:.0f} seconds.") from None
    if done.returncode != 0:
        raise EngineRefused(f"The program {words[0]}, which should print a key, ended with status {done.returncode}.")
    return done.stdout[: _MOST + 1].decode("utf-8", "replace")
