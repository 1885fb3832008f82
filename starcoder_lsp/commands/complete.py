"""Print the suggestion at one place of a file, as the server would make it there.

The place is FILE:LINE:COL, one-based: COL 1 is in front of the line's first character. A suggestion that the model is
not sure enough of is printed too; the line on stderr then says that editors hide it until they are asked by hand. With
--json, everything that was measured; with --show-prompt, what the model was asked, control tokens marked «so».
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import asdict, evolve

from starcoder_lsp.chaining import load_first
from starcoder_lsp.commands.folder import checked_root, read_folder, root_of
from starcoder_lsp.commands.place import parse_place, read_text, text_and_offset
from starcoder_lsp.completer import Answer, Ask, TokenCompleter
from starcoder_lsp.completer.writing import read_again
from starcoder_lsp.completion.prompt import LayoutChoice, Place
from starcoder_lsp.completion.refine import adapt, line_end_of
from starcoder_lsp.documents import Snapshot
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.repository.facts import language_of
from starcoder_lsp.repository.hiding import Hider
from starcoder_lsp.session.surroundings import context_settings, neighbours_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from starcoder_lsp.completion.curve import Level
    from starcoder_lsp.config import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from starcoder_lsp.cli import (  # noqa: PLC0415 - cli imports the commands
        add_confidence_option,
        add_max_tokens_option,
        add_model_options,
    )

    parser.add_argument("place", metavar="FILE:LINE:COL", help="one-based line and column")
    add_model_options(parser)
    parser.add_argument("--layout", choices=["psm", "spm", "auto"], default="auto", help="order of the prompt's parts")
    parser.add_argument(
        "--multiline",
        choices=["auto", "always", "never"],
        default="auto",
        help="suggestions of several lines (default: where the code asks for a block)",
    )
    add_max_tokens_option(parser)
    add_confidence_option(parser)
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="read this folder's other files too (default: the file's repository)"
    )
    parser.add_argument("--no-context", action="store_true", help="the file alone")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--show-prompt", action="store_true", help="print the prompt's ids and text too")


def ask_at(snapshot: Snapshot, path: Path, place: Place, settings: Settings, layout: LayoutChoice) -> Ask:
    """Return what the server would ask at a place of a file, without neighbours."""
    return Ask(
        ("", snapshot.uri),
        place,
        multiline=settings.multiline,
        max_tokens=settings.max_tokens,
        layout=layout,
        language=language_of(path.name),
        progressive=False,
        hidden=Hider().at(place).place,
    )


def with_neighbours(ask: Ask, path: Path, root: Path, settings: Settings, completer: TokenCompleter) -> Ask:
    """Return the same with what the other files of a folder say, as the server would choose it."""
    asked = evolve(ask, context_share=settings.context_budget)
    with read_folder(root, context_settings(settings)) as repository:
        budget = completer.context_budget(asked)
        found = repository.select(path, ask.place.text, ask.place.offset, None, budget, completer.count)
    return evolve(asked, neighbours=neighbours_of(found, root.name))


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from starcoder_lsp.cli import settings_of  # noqa: PLC0415 - cli imports the commands

    settings = settings_of(arguments)
    settings = evolve(settings, multiline=arguments.multiline)
    path, line, column = parse_place(arguments.place)
    snapshot = Snapshot.of(path.resolve().as_uri(), 0, "", read_text(path))
    text, offset = text_and_offset(snapshot, path, line, column)
    root = arguments.root or root_of(path)
    if root is not None:
        root = checked_root(root, path)
    if arguments.no_context:
        root = None
    inside = path.name if root is None else path.resolve().relative_to(root).as_posix()
    ask = ask_at(snapshot, path, Place(text, offset, inside), settings, arguments.layout)
    completer = load_first(settings)
    try:
        if root is not None:
            ask = with_neighbours(ask, path, root, settings, completer)
        answer = completer.suggest(ask, CancelToken())
        prompt = answer.prompt
        assert prompt is not None  # noqa: S101 - a token completer says what it asked
        insert = adapt(answer.text, line_end=line_end_of(snapshot.text))
        shown = show_prompt(completer, prompt.ids) if arguments.show_prompt else None
        if arguments.json:
            found = report(completer, ask, answer, insert, settings.confidence)
            print(json.dumps(found | ({"prompt": shown} if shown else {}), indent=2))
            return 0
        if shown is not None:
            print(shown["text"])
            print(f"-- {len(prompt.ids)} ids: {' '.join(map(str, prompt.ids))}")
            if prompt.begin:
                print(f"-- to be written once more first: {prompt.begin!r}")
            print("-- suggestion")
        print(insert)
        print(summary(completer, ask, answer, settings.confidence), file=sys.stderr)
        return 0
    finally:
        completer.close()


def summary(completer: TokenCompleter, ask: Ask, answer: Answer, confidence: Level | float) -> str:
    """Return what the suggestion cost, and what editors do with it, for people."""
    assert answer.prompt is not None  # noqa: S101 - a token completer says what it asked
    who = f"{completer.name} ({completer.about.engine}), {answer.prompt.layout}"
    cost = f"{who}: {answer.generated} tokens in {answer.timings.total:.0f} ms"
    if not answer.text:
        return f"{cost}; nothing to suggest here"
    sure = f"{cost}, joint probability {answer.joint:.2f}"
    gate = completer.about.gate(confidence)
    shown = read_again(ask, answer, gate).text
    if shown == answer.text:
        return sure
    if shown:
        return f"{sure}: of it, editors show {shown!r}, which is {gate.least:.2f} at least (confidence)"
    return f"{sure}: hidden in editors until asked by hand, because it falls under {gate.least:.2f} (confidence)"


def report(
    completer: TokenCompleter, ask: Ask, answer: Answer, insert: str, confidence: Level | float
) -> dict[str, object]:
    """Return what --json prints."""
    prompt = answer.prompt
    assert prompt is not None  # noqa: S101 - a token completer says what it asked
    shown = read_again(ask, answer, completer.about.gate(confidence)).text
    return {
        "insert_text": insert,
        "model": completer.name,
        "engine": completer.about.engine,
        "layout": prompt.layout,
        "prompt_tokens": len(prompt.ids),
        "context_tokens": len(prompt.context.ids),
        "begin": prompt.begin,
        "cached_tokens": answer.cached,
        "evaluated_tokens": answer.evaluated,
        "generated_tokens": answer.generated,
        "joint": answer.joint,
        "timings_ms": {name: round(value, 3) for name, value in asdict(answer.timings).items()},
        "finish_reason": answer.finish,
        "raw_text": answer.raw,
        "shown_text": shown,
        "hidden": not shown and bool(answer.text),
    }


def show_prompt(completer: TokenCompleter, ids: Sequence[int]) -> dict[str, object]:
    """Return the ids of a prompt, and its text with control tokens as «<fim_prefix>»."""
    tokenizer = completer.tokenizer
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
