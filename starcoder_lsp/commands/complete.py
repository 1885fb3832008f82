"""Print the suggestion at one place of a file, as the server would make it there.

The place is FILE:LINE:COL, one-based: COL 1 is in front of the line's first character. With --json, everything that
was measured; with --show-prompt, what the model was asked, control tokens marked «so».
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import asdict

from starcoder_lsp.completion.cursor import Cursor, normalised
from starcoder_lsp.completion.prompt import LayoutChoice, Place
from starcoder_lsp.completion.refine import adapt, line_end_of
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.errors import ConfigError
from starcoder_lsp.loading import load
from starcoder_lsp.suggest import Answer, Ask, Runtime

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_MAX_BYTES = 20_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import add_model_options  # noqa: PLC0415 - cli imports the commands

    parser.add_argument("place", metavar="FILE:LINE:COL", help="one-based line and column")
    add_model_options(parser)
    parser.add_argument("--layout", choices=["psm", "spm", "auto"], default="auto", help="order of the prompt's parts")
    parser.add_argument("--multiline", choices=["auto", "always", "never"], default="auto")
    parser.add_argument("--max-tokens", type=int, default=96, metavar="N")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--show-prompt", action="store_true", help="print the prompt's ids and text too")


def parse_place(place: str) -> tuple[Path, int, int]:
    """Return (file, line, column) of FILE:LINE:COL; raises ConfigError."""
    name, _, rest = place.rpartition(":")
    name, _, line = name.rpartition(":")
    if not (name and line.isdigit() and rest.isdigit() and int(line) > 0 and int(rest) > 0):
        raise ConfigError(f"The place must be FILE:LINE:COL with one-based numbers, not {place!r}.")
    return Path(name), int(line), int(rest)


def read_text(path: Path) -> str:
    """Return a source file's text. Raises ConfigError for what is none; bytes that are not UTF-8 become U+FFFD."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is larger than {_MAX_BYTES // 10**6} MB; that is not source code.")
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    if b"\0" in data[:8192]:
        raise ConfigError(f"{path} is a binary file.")
    return data.decode("utf-8", "replace")


def ask_at(
    path: Path, line: int, column: int, *, multiline: str, max_tokens: int, layout: LayoutChoice
) -> tuple[Ask, Snapshot]:
    """Return what to ask at a place of a file, and the file's snapshot. Raises ConfigError for a place outside it."""
    snapshot = Snapshot.of(path.resolve().as_uri(), 0, "", read_text(path))
    start = snapshot.lines.start(line - 1)
    if start is None:
        raise ConfigError(f"{path} has {snapshot.lines.count} lines; there is no line {line}.")
    length = snapshot.lines.end(start) - start
    if column > length + 1:
        raise ConfigError(f"Line {line} of {path} has {length} characters; the last column is {length + 1}.")
    offset = snapshot.offset(line - 1, column - 1, "utf-32")
    text = normalised(snapshot.text)
    place = Place(text, offset - snapshot.text.count("\r\n", 0, offset), path.name)
    cursor = Cursor.at(place.text, place.offset)
    wants = cursor.wants_block if multiline == "auto" else multiline == "always"
    ask = Ask(
        snapshot.uri,
        place,
        cursor,
        multiline=wants,
        max_tokens=max_tokens,
        layout=layout,
        progressive=False,
    )
    return ask, snapshot


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    path, line, column = parse_place(arguments.place)
    ask, snapshot = ask_at(
        path, line, column, multiline=arguments.multiline, max_tokens=arguments.max_tokens, layout=arguments.layout
    )
    runtime = load(settings_of(arguments))
    try:
        answer = runtime.suggest(ask, CancelToken())
        insert = adapt(answer.text, line_end=line_end_of(snapshot.text))
        shown = show_prompt(runtime, answer.prompt.ids) if arguments.show_prompt else None
        if arguments.json:
            print(json.dumps(report(runtime, answer, insert) | ({"prompt": shown} if shown else {}), indent=2))
            return 0
        if shown is not None:
            print(shown["text"])
            print(f"-- {len(answer.prompt.ids)} ids: {' '.join(map(str, answer.prompt.ids))}")
            if answer.prompt.begin:
                print(f"-- to be written once more first: {answer.prompt.begin!r}")
            print("-- suggestion")
        print(insert)
        summary = (
            f"{runtime.name}, {answer.prompt.layout}: {answer.generated} tokens in {answer.timings.total:.0f} ms, "
            f"mean log-probability {answer.mean_logprob:.2f}"
        )
        print(summary, file=sys.stderr)
        return 0
    finally:
        runtime.engine.close()


def report(runtime: Runtime, answer: Answer, insert: str) -> dict[str, object]:
    """Return what --json prints."""
    return {
        "insert_text": insert,
        "model": runtime.name,
        "engine": runtime.engine.info.engine,
        "layout": answer.prompt.layout,
        "prompt_tokens": len(answer.prompt.ids),
        "begin": answer.prompt.begin,
        "cached_tokens": answer.cached,
        "evaluated_tokens": answer.evaluated,
        "generated_tokens": answer.generated,
        "mean_logprob": answer.mean_logprob,
        "timings_ms": {name: round(value, 3) for name, value in asdict(answer.timings).items()},
        "finish_reason": answer.finish,
        "raw_text": answer.raw,
        "hidden": answer.mean_logprob < runtime.min_confidence,
    }


def show_prompt(runtime: Runtime, ids: Sequence[int]) -> dict[str, object]:
    """Return the ids of a prompt, and its text with control tokens as «<fim_prefix>»."""
    tokenizer = runtime.tokenizer
    parts: list[str] = []
    plain: list[int] = []
    for token in ids:
        if tokenizer.is_control(token):
            parts += [tokenizer.decode_bytes(plain).decode("utf-8", "replace"), f"«{tokenizer.piece(token).decode()}»"]
            plain = []
        else:
            plain.append(token)
    parts.append(tokenizer.decode_bytes(plain).decode("utf-8", "replace"))
    return {"ids": list(ids), "text": "".join(parts)}
