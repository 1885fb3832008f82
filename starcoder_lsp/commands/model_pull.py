"""Fetch a model into the folder of models, or take one over that is on this disk.

  starcoder-lsp models pull starcoder2-3b                        a name that `models list` shows
  starcoder-lsp models pull qwen2.5-coder-7b:Q8_0                in another quantisation
  starcoder-lsp models pull hf:OWNER/REPOSITORY/FILE.gguf        any GGUF file of a hub; @REVISION behind it
  starcoder-lsp models pull https://HOST/FILE.gguf               any address
  starcoder-lsp models import ollama:starcoder2:3b               what Ollama has, without another copy
  starcoder-lsp models import ~/Downloads/FILE.gguf              a file of this disk

Size and licence are shown before anything is fetched. An interrupted download goes on where it ended. HF_ENDPOINT
names a mirror, HF_TOKEN a token, HTTPS_PROXY a proxy; HF_HUB_OFFLINE=1 and --offline make no connection.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from starcoder_lsp.commands.model_progress import agrees, progress
from starcoder_lsp.errors import LicenceUnread, SourceUnknown
from starcoder_lsp.hub import accepted, pull, remote
from starcoder_lsp.hub.source import HubFile, LocalFile, OllamaModel, Source, WebFile, file_name, parse_source
from starcoder_lsp.models.catalogue import models_folder
from starcoder_lsp.models.memory import human

if TYPE_CHECKING:
    from starcoder_lsp.hub.remote import RemoteFile

_STATUS_INTERRUPTED = 130


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare `models pull SOURCE` and `models import SOURCE`."""
    for name, text in (("pull", "fetch a model"), ("import", "take over a model that is on this disk")):
        parser = subparsers.add_parser(
            name, help=text, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("source", metavar="SOURCE", help="what to take, see above")
        if name == "pull":
            parser.add_argument("--offline", action="store_true", help="make no connection: only what is here already")
            parser.add_argument(
                "--accept-licence", action="store_true", help="say yes to the model's licence without being asked"
            )
        parser.set_defaults(parser=parser, act=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Raises HubError, ModelError or OSError."""
    source = parse_source(arguments.source)
    if arguments.action == "import" and isinstance(source, (HubFile, WebFile)):
        raise SourceUnknown(f"{source} is not on this disk: fetch it with `starcoder-lsp models pull`.")
    offline = getattr(arguments, "offline", False)
    target = models_folder() / file_name(source)
    if target.exists() and not isinstance(source, LocalFile):
        print(f"{target} is there already.", file=sys.stderr)
        print(target)
        return 0
    file = None if isinstance(source, (OllamaModel, LocalFile)) else remote.look_up(source, offline=offline)
    accepts = _shown(source, file, accepts=getattr(arguments, "accept_licence", False))
    try:
        with progress() as report:
            path = pull.pull(source, file=file, report=report, offline=offline, accept_licence=accepts)
    except KeyboardInterrupt:
        kept = sum(part.stat().st_size for part in pull.unfinished(target.name))
        print(f"Interrupted. {human(kept)} are kept: the same command goes on from there.", file=sys.stderr)
        return _STATUS_INTERRUPTED
    print(f'Use it with --model {path.stem}, or the setting "model": "{path.stem}".', file=sys.stderr)
    print(path)
    return 0


def _shown(source: Source, file: RemoteFile | None, *, accepts: bool) -> bool:
    """Show what will be fetched and under which licence, and ask once for one that asks for more than a notice."""
    if file is None:
        return accepts
    size = human(file.bytes) if file.bytes else "of unknown size"
    licence = file.licence
    under = f"under {licence.name} ({licence.url})" if licence else "under a licence that its source does not state"
    print(f"{source}: {size}, {under}", file=sys.stderr)
    known = source.known if isinstance(source, HubFile) else None
    if known and known.warning:
        print(f"Note: {known.warning}", file=sys.stderr)
    if licence is None or accepts or accepted.is_accepted(licence):
        return accepts
    if not agrees(f"{licence.conditions} Do you accept {licence.name}?"):
        raise LicenceUnread(
            f"{licence.name} was not accepted, so nothing was fetched. Read {licence.url}, then answer yes, or say"
            " --accept-licence."
        )
    return True
