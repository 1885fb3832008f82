"""What a person may name as a model to fetch, as data. Pure, but for the look whether a file is there.

starcoder2-3b                    of the catalogue, in the quantisation that it recommends
starcoder2-3b:Q8_0               in another one
hf:owner/repository/file.gguf    a file of a repository; @revision behind it for another than main
https://host/file.gguf           any address
ollama:name:tag                  a model that Ollama has on this disk
folder/file.gguf                 a file of this disk
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from attrs import frozen

from starcoder_lsp.errors import SourceUnknown
from starcoder_lsp.models.known import KnownFile, KnownModel, known_model, known_names

_HF = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[^@]+?)(?:@(?P<revision>[\w./-]+))?")
_WEB_HF = re.compile(r"/(?P<repo>[\w.-]+/[\w.-]+)/(?:resolve|blob)/(?P<revision>[^/]+)/(?P<file>.+)")
FORMS = "a name that `starcoder-lsp models list` shows, hf:OWNER/REPOSITORY/FILE.gguf, a URL, ollama:NAME, or a file"


@frozen
class HubFile:
    """A file in a repository of a Hugging Face hub."""

    repo: str
    file: str
    revision: str = "main"
    known: KnownModel | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        """As it was named."""
        return f"hf:{self.repo}/{self.file}" + ("" if self.revision == "main" else f"@{self.revision}")


@frozen
class WebFile:
    """A file at an address."""

    url: str

    def __str__(self) -> str:
        """As it was named."""
        return self.url


@frozen
class OllamaModel:
    """A model that Ollama has on this disk."""

    name: str

    def __str__(self) -> str:
        """As it was named."""
        return f"ollama:{self.name}"


@frozen
class LocalFile:
    """A file of this disk."""

    path: Path

    def __str__(self) -> str:
        """As it was named."""
        return str(self.path)


Source: TypeAlias = HubFile | WebFile | OllamaModel | LocalFile


def parse_source(text: str) -> Source:
    """Return the source that `text` names. Raises SourceUnknown, saying which forms there are."""
    text = text.strip()
    if text.startswith("ollama:"):
        return OllamaModel(text.removeprefix("ollama:"))
    if text.startswith("hf:"):
        match = _HF.fullmatch(text)
        if match is None:
            raise SourceUnknown(f"{text!r} is no file of a hub: write hf:OWNER/REPOSITORY/FILE.gguf.")
        return HubFile(match["repo"], match["file"], match["revision"] or "main")
    if re.match(r"https?://", text):
        return _web(text)
    name, _, quantisation = text.partition(":")
    known = known_model(name)
    if known is not None:
        return of_catalogue(known, quantisation)
    path = Path(text).expanduser()
    if path.is_file():
        return LocalFile(path.absolute())
    raise SourceUnknown(f"There is no model {text!r}{_meant(name)}. Name {FORMS}.")


def of_catalogue(model: KnownModel, quantisation: str = "") -> HubFile:
    """Return a model's file in the quantisation asked for, or in the recommended one. Raises SourceUnknown."""
    file: KnownFile | None = model.file(quantisation)
    if file is None:
        there = ", ".join(one.quantisation for one in model.files)
        raise SourceUnknown(f"{model.name} is not listed in {quantisation!r}; there is {there}.")
    return HubFile(file.repo, file.file, known=model, sha256=file.sha256)


def _web(url: str) -> Source:
    parts = urlsplit(url)
    match = _WEB_HF.fullmatch(parts.path)
    if parts.hostname in {"huggingface.co", "hf.co"} and match:  # as it stands in a browser: the page of the file
        return HubFile(match["repo"], unquote(match["file"]), unquote(match["revision"]))
    if not parts.hostname or not Path(parts.path).name:
        raise SourceUnknown(f"{url!r} names no file.")
    return WebFile(url)


def _meant(name: str) -> str:
    import difflib  # noqa: PLC0415 - only for a mistake

    close = difflib.get_close_matches(name.lower(), known_names(), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def file_name(source: Source) -> str:
    """Return what the file is called in the folder of models: its own name; of the catalogue's, name and quantisation.

    So `--model starcoder2-3b` finds it, whoever made the file.
    """
    if isinstance(source, HubFile):
        own = source.file.rsplit("/", 1)[-1]
        known = source.known
        file = known and next((one for one in known.files if one.file == source.file), None)
        return f"{known.name}-{file.quantisation}.gguf" if known and file else own
    if isinstance(source, WebFile):
        return unquote(Path(urlsplit(source.url).path).name)
    if isinstance(source, OllamaModel):
        return re.sub(r"[^\w.-]+", "-", source.name.removesuffix(":latest")).strip("-") + ".gguf"
    return source.path.name
