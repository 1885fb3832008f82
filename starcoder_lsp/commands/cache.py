"""What was read of your files is kept on this disk, so that a file opened again is warm at once.

  starcoder-lsp cache            how much there is, of which models; the same as `cache info`
  starcoder-lsp cache clear      delete all of it

It holds source text as tokens, for this user only. The setting cache.disk says how many megabytes of it there may be;
docs/states.md has the rest.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.engine.states.identity import model_key
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.models.catalogue import available
from starcoder_lsp.models.memory import human

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from starcoder_lsp.engine.states.folder import Kept

_GONE = "a model that is not in the list of models"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", nargs="?", choices=["info", "clear"], default="info", help="default: info")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the setting cache.folder says")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises ConfigError where something cannot be deleted."""
    folder = StatesFolder.of(1, str(arguments.folder.absolute()) if arguments.folder else "")
    assert folder is not None  # noqa: S101 - a megabyte is more than none
    if arguments.action == "clear":
        try:
            count, size = folder.clear()
        except OSError as error:
            raise ConfigError(f"{error.filename} cannot be deleted: {error.strerror}.") from error
        if arguments.json:
            print(json.dumps({"folder": str(folder.path), "deleted": count, "bytes": size}))
        else:
            print(f"Deleted {count:,} states, {human(size)}." if count else "There is nothing to delete.")
        return 0
    rows = _rows(folder.states())
    if arguments.json:
        print(json.dumps({"folder": str(folder.path), "models": rows}, indent=2))
        return 0
    print(f"{folder.path}: {human(sum(int(str(row['bytes'])) for row in rows))}")
    for row in rows:
        hours = float(str(row["used_hours_ago"]))
        print(f"  {row['model']}: {row['states']:,} states, {human(int(str(row['bytes'])))}, last used {_ago(hours)}")
    return 0


def _rows(states: Sequence[Kept]) -> list[dict[str, object]]:
    names = {model_key(model.path): model.name for model in available()}
    found: dict[str, list[Kept]] = {}
    for one in states:
        found.setdefault(names.get(one.path.parent.name, _GONE), []).append(one)
    return [
        {
            "model": name,
            "states": len(own),
            "bytes": sum(one.size for one in own),
            "used_hours_ago": round((time.time() - max(one.used for one in own)) / 3600, 2),
        }
        for name, own in sorted(found.items())
    ]


def _ago(hours: float) -> str:
    return "within the hour" if hours < 1 else f"{hours:.0f} hours ago" if hours < 48 else f"{hours / 24:.0f} days ago"  # noqa: PLR2004 - two days
