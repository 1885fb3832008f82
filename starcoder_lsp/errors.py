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
    │   └── ModelTooLarge     it does not fit into the memory
    ├── EngineError           the engine refused or broke
    │   ├── EngineClosed      it was asked after it was closed
    │   ├── ContextFull       the prompt is longer than the context
    │   ├── BadTokens         no token ids, or one outside the vocabulary
    │   └── EngineFailed      the native library reported a failure
    └── Cancelled             nobody waits for the answer any more
        └── Superseded        because a newer request took its place

Every message is fit for a user: it says what is wrong and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


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
        super().__init__(f"The model file {path} {problem}. {remedy}.")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class ModelNotFound(ModelError):
    """The file is not there, or is one of several parts of which some are not."""

    def __init__(self, path: Path, missing_parts: Sequence[str] = ()) -> None:
        """`missing_parts`: file names, where the model is split into several files."""
        if missing_parts:
            problem = f"is one of several parts, and these are missing: {', '.join(missing_parts)}"
            remedy = "Put all parts into the same folder"
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


class ModelTooLarge(ModelError):
    """Weights, key/value cache and buffers need more than there is (both in bytes)."""

    def __init__(self, path: Path, *, needed: int, available: int, detail: str, remedy: str) -> None:
        """`detail` lists what takes the memory, `remedy` proposes what would fit."""
        super().__init__(path, f"does not fit into memory: {detail}", remedy)
        self.needed = needed
        self.available = available


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


class Cancelled(StarcoderError):
    """The request was cancelled, or a newer one took its place; no answer is wanted."""


class Superseded(Cancelled):
    """A newer request of the same document took its place."""
