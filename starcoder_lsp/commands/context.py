"""Show what the other files of a repository would put in front of a prompt, and why.

The place is FILE:LINE:COL, one-based: COL 1 is in front of the line's first character. The repository's folder is read
as the server reads it: .gitignore and .starcoderignore hold, secrets and personal data never show. Snippets are printed
in the prompt's order, the best last, nearest to the cursor.

  starcoder-lsp context src/app.py:120:9
  starcoder-lsp context src/app.py:120:9 --budget 2048 --json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import asdict

from starcoder_lsp.commands.folder import checked_root, read_folder, root_of
from starcoder_lsp.commands.place import parse_place, read_text, text_and_offset
from starcoder_lsp.config import Settings
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.models.catalogue import resolve
from starcoder_lsp.models.read import read_any_header
from starcoder_lsp.repository.service import ContextSettings
from starcoder_lsp.tokens.lines import LineEncoder
from starcoder_lsp.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from starcoder_lsp.repository.service import Selection, Status

_LISTED = 12
"""Files left out that people are shown."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("place", metavar="FILE:LINE:COL", help="one-based line and column")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the repository (default: the file's, by its .git)")
    parser.add_argument(
        "--budget", type=int, metavar="TOKENS", help="for the snippets with their paths (default: as the server)"
    )
    parser.add_argument("--model", metavar="NAME|FILE", help="whose tokens are counted (default: nano)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    path, line, column = parse_place(arguments.place)
    snapshot = Snapshot.of(path.resolve().as_uri(), 0, "", read_text(path))
    text, offset = text_and_offset(snapshot, path, line, column)
    root = checked_root(arguments.root or root_of(path) or path.resolve().parent, path)
    settings = Settings(model=arguments.model) if arguments.model else Settings()
    budget = arguments.budget
    if budget is None:
        budget = int(ContextSettings().budget * settings.context_size)
    if budget < 1:
        raise ConfigError(f"--budget must be a whole number from 1 on, not {budget}.")
    count = token_counter(settings)
    started = time.perf_counter()
    with read_folder(root, ContextSettings()) as repository:
        indexed_ms = (time.perf_counter() - started) * 1000
        selection = repository.select(path, text, offset, None, budget, count)
        status = repository.status
        why_not = repository.why_not(path)
    if arguments.json:
        print(json.dumps(report(root, budget, selection, status, indexed_ms), indent=2))
        return 0
    for shown in lines_of(root, budget, selection, status, indexed_ms):
        print(shown)
    if why_not:
        print(f"{path} itself would never be a neighbour: it is {why_not}.", file=sys.stderr)
    return 0


def token_counter(settings: Settings) -> Callable[[str], int]:
    """Return what counts the tokens of a text as the model does. Raises ModelError for a file that is none."""
    encoder = LineEncoder(Tokenizer.from_header(read_any_header(resolve(settings.model))))
    return lambda text: len(encoder.encode(text))


def report(root: Path, budget: int, selection: Selection, status: Status, indexed_ms: float) -> dict[str, object]:
    """Return what --json prints."""
    return {
        "root": str(root),
        "budget": budget,
        "tokens": selection.tokens,
        "rank_ms": round(selection.rank_ms, 3),
        "read_ms": round(selection.read_ms, 3),
        "index": {"files": status.files, "symbols": status.symbols, "ms": round(indexed_ms, 1)},
        "snippets": [asdict(one) for one in selection.snippets],
        "left_out": [
            *(asdict(one) for one in selection.left_out),
            *({"count": count, "why": f"it is {why}"} for why, count in status.left_out),
        ],
    }


def lines_of(
    root: Path, budget: int, selection: Selection, status: Status, indexed_ms: float
) -> Iterator[str]:  # fmt: skip
    """Yield what people read."""
    yield (
        f"{root}: {status.files:,} files with {status.symbols:,} definitions, read in {indexed_ms / 1000:.1f} s; "
        f"ranked in {selection.rank_ms:.0f} ms"
    )
    for one in selection.snippets:
        yield ""
        last = "" if one.start_line == one.end_line else f"-{one.end_line}"
        yield f"{one.path}:{one.start_line}{last}  {one.tokens} tokens, {one.why}"
        yield from (f"    {line}" for line in one.text.splitlines())
    yield ""
    if selection.snippets:
        yield f"{selection.tokens} of {budget} tokens"
    else:
        yield "Nothing: no other file has a name that is new here and likely to be wanted."
    if selection.left_out:
        yield ""
        yield "Looked at and left out:"
        yield from (f"    {one.path}: {one.why}" for one in selection.left_out[:_LISTED])
        if len(selection.left_out) > _LISTED:
            yield f"    and {len(selection.left_out) - _LISTED} more"
    if status.left_out:
        yield ""
        yield "Never read:"
        yield from (f"    {count:,}: {why}" for why, count in status.left_out)
