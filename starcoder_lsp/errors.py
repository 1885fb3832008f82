# ruff: noqa: N818 -- a name such as ModelTruncated reads as the sentence it is; "Error" behind it would add nothing
"""Everything that can go wrong, and what each failure says to the user.

::

    StarcoderError
    ├── ConfigError           a setting is unknown or has a wrong value
    ├── ModelError            the model file cannot be used
    │   ├── ModelNotFound     it, or one of its parts, is not there
    │   ├── ModelNotReadable  a directory, no permission, a broken disk
    │   ├── ModelForeign      it is not a GGUF file
    │   ├── ModelTruncated    it ends too early
    │   ├── ModelUnsupported  it is a GGUF file, but not one that completes text
    │   ├── ModelWithoutFim   it completes text, but cannot fill a gap
    │   ├── AdapterUnfit      it is no LoRA adapter, or one of another model
    │   └── ModelTooLarge     it does not fit into the memory
    ├── HubError              a model cannot be fetched
    │   ├── Offline           the network was forbidden
    │   ├── SourceUnknown     what was asked for names no source
    │   ├── SourceNotThere    the other side has no such repository or file
    │   ├── SourceGated       the other side wants a token, or its conditions accepted
    │   ├── LicenceUnread     its licence was not accepted here yet
    │   ├── DiskFull          there is no room for it
    │   ├── ChecksumWrong     what came is not what was announced
    │   └── FetchFailed       the network or the other side failed; what came is kept
    ├── EngineError           the engine refused or broke
    │   ├── EngineClosed      it was asked after it was closed
    │   ├── ContextFull       the prompt is longer than the context
    │   ├── BadTokens         no token ids, or one outside the vocabulary
    │   ├── EngineFailed      the native library reported a failure
    │   ├── EngineUnavailable a server cannot be reached, is busy, or broke off; it is asked again later
    │   └── EngineRefused     a server does not do what it is asked: a key, a name or an address is wrong
    └── Cancelled             nobody waits for the answer any more
        └── Superseded        because a newer request took its place

Every message is fit for a user: it says what is wrong and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


_PARTS_NAMED = 3
_PATH_SHOWN = 200


def _shown(path: Path) -> str:
    """The path as a message can carry it: what cannot be printed is escaped, and the middle of a long one left out."""
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))
    half = _PATH_SHOWN // 2
    return text if len(text) <= _PATH_SHOWN else f"{text[:half]}…{text[-half:]}"


class StarcoderError(Exception):
    """The root: catching it catches all that the program itself raises."""


class ConfigError(StarcoderError):
    """A setting is unknown or has a wrong value; the message names it."""


class ModelError(StarcoderError):
    """A model file cannot be used.

    `path` is the file, `problem` says what is wrong with it, `remedy` what to do.
    """

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        """Join the two halves to the message: `The model file PATH <problem>. <remedy>.`."""
        super().__init__(f"The model file {_shown(path)} {problem}. {remedy}.")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class ModelNotFound(ModelError):
    """The file is not there, or is one of several parts of which some are not."""

    def __init__(
        self, path: Path, missing_parts: Sequence[str] = (), *, relative: bool = False, pull: str = ""
    ) -> None:
        """`missing_parts`: file names, where the model is split into several files; `relative`: such a path.

        `pull`: its name in the catalogue.
        """
        if missing_parts:
            named = ", ".join(missing_parts[:_PARTS_NAMED])
            more = len(missing_parts) - _PARTS_NAMED
            problem = f"is one of several parts, and these are missing: {named}{f' and {more:,} more' * (more > 0)}"
            remedy = "Put all parts into the same folder"
        elif pull:
            problem = "is in the catalogue, but was not fetched yet"
            remedy = f'Fetch it with "starcoder-lsp models pull {pull}"'
        elif relative:
            problem = "is named by a relative path, which is not looked for in the workspace"
            remedy = 'Give the whole path, or the name of a model that "starcoder-lsp models" lists'
        else:
            problem = "does not exist"
            remedy = 'Correct the setting "model", or choose one of those that "starcoder-lsp models" lists'
        super().__init__(path, problem, remedy)


class ModelNotReadable(ModelError):
    """The operating system does not let us read it; `reason` is its own word for why."""

    def __init__(self, path: Path, reason: str) -> None:
        """`reason` completes the sentence "... cannot be read: REASON"."""
        super().__init__(path, f"cannot be read: {reason}", "Name a regular file that you are allowed to read")


class ModelForeign(ModelError):
    """Not a GGUF file.

    `kind` is a word for programs: `empty`, `ggml`, `safetensors`, `pytorch`, `html`, `git-lfs`, `json`,
    `archive` or `unknown`.
    """

    def __init__(self, path: Path, kind: str, looks_like: str, remedy: str) -> None:
        """`looks_like` completes the sentence "... is not a GGUF file but LOOKS_LIKE"."""
        super().__init__(path, f"is not a GGUF file but {looks_like}", remedy)
        self.kind = kind


class ModelTruncated(ModelError):
    """The file ends before its data does: a download that was cut off."""

    def __init__(self, path: Path, *, expected: int | None, actual: int) -> None:
        """`expected` and `actual` are sizes in bytes; `expected` is None if even the header is incomplete."""
        wanted = "not even its header is complete" if expected is None else f"it should have {expected:,}"
        super().__init__(path, f"is cut off: it has {actual:,} bytes, and {wanted}", "Delete it and download it again")
        self.expected = expected
        self.actual = actual


class ModelUnsupported(ModelError):
    """A GGUF file, but of a kind, a version or with a tokenizer that this program cannot run."""


class ModelWithoutFim(ModelError):
    """The model has no fill-in-the-middle tokens, so it cannot see what stands behind the cursor."""

    def __init__(self, path: Path, architecture: str) -> None:
        """`architecture` as the file names it, e.g. `llama`."""
        super().__init__(
            path,
            f"({architecture}) has no fill-in-the-middle tokens: it cannot complete code in front of other code",
            "Use a base model for code, such as StarCoder2-3B, rather than a chat or instruction-tuned one",
        )


class AdapterUnfit(ModelError):
    """The file is no LoRA adapter that llama.cpp loads, or it was made for another model."""


class ModelTooLarge(ModelError):
    """Weights, key/value cache and buffers need more than there is (both in bytes)."""

    def __init__(self, path: Path, *, needed: int, available: int, detail: str, remedy: str) -> None:
        """`detail` lists what takes the memory, `remedy` proposes what would fit."""
        super().__init__(path, f"does not fit into memory: {detail}", remedy)
        self.needed = needed
        self.available = available


class HubError(StarcoderError):
    """A model cannot be fetched; nothing that was there before is lost."""


class Offline(HubError):
    """The network was forbidden: by `--offline`, or by HF_HUB_OFFLINE."""

    def __init__(self, what: str) -> None:
        """`what` would have been fetched."""
        super().__init__(
            f"{what} is not on this disk, and the network is off (--offline, or HF_HUB_OFFLINE is set). "
            "Run it again without, or bring the file here and use `starcoder-lsp models import FILE`."
        )


class SourceUnknown(HubError):
    """What was asked for is no name of the catalogue and no address; the message says which forms there are."""


class SourceNotThere(HubError):
    """There is no such repository, revision or file."""


class SourceGated(HubError):
    """A token is missing or not enough; the message names the page on which access is granted."""


class LicenceUnread(HubError):
    """The model's licence asks for more than a notice, and was not accepted on this machine yet."""


class DiskFull(HubError):
    """The disk has no room for the file, or ran full; what came is kept."""


class ChecksumWrong(HubError):
    """The file that came is damaged, or another one; it was removed."""


class FetchFailed(HubError):
    """The connection or the other side failed; what came is kept, and the next try goes on from there."""


class EngineError(StarcoderError):
    """The engine refused a request or broke."""


class EngineClosed(EngineError):
    """A request came after the engine was closed."""

    def __init__(self) -> None:
        """Nothing to say beyond the fact."""
        super().__init__("The engine is closed: no model is loaded. Choose a model or restart the server.")


class ContextFull(EngineError):
    """The prompt and the tokens asked for are longer than the context (all in tokens)."""

    def __init__(self, *, needed: int, context: int) -> None:
        """`needed` includes the tokens still to be generated."""
        super().__init__(
            f"The prompt needs {needed:,} tokens, and the context holds {context:,}."
            ' Raise the setting "contextSize", or send less.'
        )
        self.needed = needed
        self.context = context


class BadTokens(EngineError):
    """The ids to evaluate are none, or one is outside the vocabulary: a fault of the program, not of the user."""


class EngineFailed(EngineError):
    """The native library reported a failure; the message passes on what it said."""


class EngineUnavailable(EngineError):
    """A server cannot be reached, is busy, or broke off in the middle: nothing that a new load would mend.

    `retry_s`: for how long the server itself asks to be left alone, in seconds; None where it does not say. `status`:
    of HTTP, 0 where there was no answer.
    """

    def __init__(self, message: str, *, status: int = 0, retry_s: float | None = None) -> None:
        """`message` names the server."""
        super().__init__(message)
        self.status = status
        self.retry_s = retry_s


class EngineRefused(EngineError):
    """A server refuses what it is asked, and will again: the message says what to change. `status`: of HTTP, or 0."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        """`message` names the server."""
        super().__init__(message)
        self.status = status


class Cancelled(StarcoderError):
    """The request was cancelled, or a newer one took its place; no answer is wanted."""


class Superseded(Cancelled):
    """A newer request of the same document took its place."""
