"""Say what a model file is, from its header: family, orders of the prompt, context, memory, licence.

The file may be in the folder of models, anywhere on this disk, or far away: then a few megabytes of it are read.

  starcoder-lsp models info nano
  starcoder-lsp models info hf:OWNER/REPOSITORY/FILE.gguf
"""

from __future__ import annotations

import argparse
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starcoder_lsp.errors import ModelError, SourceUnknown
from starcoder_lsp.hub import ollama, pull, remote
from starcoder_lsp.hub.remote_header import header_file
from starcoder_lsp.hub.source import LocalFile, OllamaModel, parse_source
from starcoder_lsp.models.catalogue import resolve
from starcoder_lsp.models.memory import human, plan_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starcoder_lsp.loading import Model

_CONTEXTS = (8192, 16384)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `models info SOURCE`."""
    parser = subparsers.add_parser(
        "info",
        help="say what a model file is, here or far away",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", help="a name, a file, hf:…, a URL or ollama:…")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--offline", action="store_true", help="make no connection")
    parser.set_defaults(parser=parser, act=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises HubError or ModelError."""
    from starcoder_lsp.loading import read_model  # noqa: PLC0415 - only where a model is read

    with _file(arguments.source, offline=arguments.offline) as (path, origin):
        facts = {**_facts(read_model(path)), **origin}
    if arguments.json:
        print(json.dumps(facts, indent=2))
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:{width}}  {value}")
    return 0


@contextmanager
def _file(named: str, *, offline: bool) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The file, or one with its header; and what is known besides."""
    try:
        here = resolve(named)
    except ModelError:
        here = None
    if here is not None and here.exists():
        known = pull.origin_of(here)
        yield here, {"file": str(here), **{key: known[key] for key in ("source", "licence") if known.get(key)}}
        return
    source = parse_source(named)
    if isinstance(source, LocalFile):
        yield source.path, {"file": str(source.path)}
    elif isinstance(source, OllamaModel):
        blob = ollama.find(source.name)
        yield blob.path, {"file": str(blob.path)}
    else:
        file = remote.look_up(source, offline=offline)
        if not file.bytes:
            raise SourceUnknown(f"{source} does not say how long it is, so that its header cannot be read from afar.")
        with header_file(file) as path:
            licence = file.licence
            about = {"file": file.url, "licence": f"{licence.name} ({licence.url})" if licence else "not stated"}
            yield path, about


def _facts(model: Model) -> dict[str, Any]:
    header, family = model.header, model.tokens.family
    facts: dict[str, Any] = {
        "name": header.name,
        "architecture": header.architecture,
        "quantisation": header.quantisation,
        "parameters": f"{header.parameters / 1e9:.2f} B",
        "size": human(header.file_bytes),
        "context": f"{header.context_length} tokens",
        "family": family.name,
        "orders": ", ".join(family.layouts),
        "other files": {"files": "as files of a repository", "lines": "as files", "comments": "as comments"}[
            family.repository
        ],
        "cache": "cannot be cut back (recurrent)" if header.is_recurrent else "may be cut back anywhere",
    }
    for context in _CONTEXTS:
        if context <= header.context_length:
            plan = plan_memory(header, context=context, slots=1, batch=16, available=0)
            facts[f"memory at {context // 1024}K"] = f"{human(plan.needed)} a slot; {human(plan.cache)} for each more"
    return facts
