"""What ctransformers' StarCoder code needs in memory, and how much of it may be asked for at once.

Its key/value cache is float32 with all heads in full, where llama.cpp keeps StarCoder's single shared head in float16:
96 times the size for a 15B model. The library reserves it for the file's whole context, whatever context it is asked
for (`context_length` is read, then overwritten by the file's). But memory that was only reserved is not taken: the
cache grows with the tokens evaluated. So the context is capped by this program, which never evaluates more tokens than
fit, and only the reservation itself must succeed.

All sizes in bytes. Read from `starcoder_eval` in `models/llms/starcoder.cc` of ctransformers 0.2.27.
"""

from __future__ import annotations

import mmap
import sys
from typing import TYPE_CHECKING, Final

from attrs import frozen

from starcoder_lsp.errors import ModelTooLarge
from starcoder_lsp.models.memory import human

if TYPE_CHECKING:
    from starcoder_lsp.models.ggml.container import Container, Shape

_FLOAT: Final = 4
_SCRATCH: Final = 256 * 2**20
"""Each of the library's two scratch buffers. It does not check that they suffice: what does not fit crashes."""

_ROWS_PER_TOKEN: Final = 21
"""Intermediate results, each one embedding wide, that a layer keeps in the first scratch buffer for every token."""

_FEED_FORWARD_ROWS: Final = 25
"""The same for the second scratch buffer."""

_FIXED: Final = 64 * 2**20
"""The library itself, Python, and the objects of a graph."""

_SHARE: Final = 0.8
"""Of the available memory that may be taken: the editor and the rest of the machine want to go on."""

_SMALLEST_CONTEXT: Final = 256
"""Tokens; with less, no suggestion is worth the wait."""

MAX_CHUNK: Final = 64
"""Tokens evaluated in one call at most: their results fit any buffer, and larger chunks are not faster."""


@frozen
class Fit:
    """How many tokens of context there is memory for, what they need, and why it is not more ("" if it is enough)."""

    context: int
    bytes: int
    reason: str


def bytes_needed(container: Container, context: int) -> int:
    """Return the memory taken once `context` tokens were evaluated: weights, cache, and the scratch a chunk needs."""
    shape = container.shape
    scratch = _scratch_bytes(shape, context, tokens=MAX_CHUNK // 4)
    return container.weight_bytes + context * shape.cache_bytes_per_token + scratch + _FIXED


def reserved_bytes(container: Container) -> int:
    """Return what the library reserves in one piece when it loads: the weights, and the cache of the file's context."""
    shape = container.shape
    return container.weight_bytes + shape.context * shape.cache_bytes_per_token


def fit(container: Container, *, wanted: int, available: int) -> Fit:
    """Return how large a context there is memory for, at most `wanted` tokens.

    Raises ModelTooLarge if not even a small one fits, or if the system refuses the reservation.
    """
    shape = container.shape
    budget = int(available * _SHARE)
    wanted = min(wanted, shape.context)
    context, reason = wanted, ""
    while context >= _SMALLEST_CONTEXT and bytes_needed(container, context) > budget:
        context -= _SMALLEST_CONTEXT
    if context < min(wanted, _SMALLEST_CONTEXT):
        needed = bytes_needed(container, _SMALLEST_CONTEXT)
        detail = f"the weights take {human(container.weight_bytes)}, and {human(available)} are free"
        remedy = "Close other programs, choose a smaller model, or use the engine llama.cpp, which needs less"
        raise ModelTooLarge(container.path, needed=needed, available=available, detail=detail, remedy=remedy)
    while context > _SMALLEST_CONTEXT and not largest_chunk(shape, context):
        context -= _SMALLEST_CONTEXT
    if context < wanted:
        reason = (
            f"context cut from {wanted:,} to {context:,} tokens: ctransformers' float32 cache takes"
            f" {shape.cache_bytes_per_token / 1e6:.2f} MB a token, and {human(available)} are free"
        )
    _try_reservation(container, available)
    return Fit(context, bytes_needed(container, context), reason)


def largest_chunk(shape: Shape, past: int) -> int:
    """Return how many tokens may be evaluated at once behind `past` others, so that the scratch suffices (0: none)."""
    for tokens in range(MAX_CHUNK, 0, -1):
        if max(_scratch_bytes(shape, past, tokens), _FLOAT * _FEED_FORWARD_ROWS * tokens * shape.width) <= _SCRATCH:
            return tokens
    return 0


def _scratch_bytes(shape: Shape, past: int, tokens: int) -> int:
    """What a layer puts into the first scratch buffer: rows, attention scores, and a transposed copy of all values."""
    length = past + tokens
    return _FLOAT * (_ROWS_PER_TOKEN * tokens * shape.width + length * tokens * shape.heads + length * shape.width)


def _try_reservation(container: Container, available: int) -> None:
    """Reserve as much as the library will, and give it back. The library does not ask: it aborts the process."""
    size = reserved_bytes(container)
    try:
        if sys.platform == "win32":
            mmap.mmap(-1, size).close()
        else:
            mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError as error:
        detail = (
            f"ctransformers reserves the cache of all {container.shape.context:,} tokens at once,"
            f" {human(size)} with the weights, and the system refuses"
        )
        remedy = "Use the engine llama.cpp, or close other programs"
        raise ModelTooLarge(container.path, needed=size, available=available, detail=detail, remedy=remedy) from error
