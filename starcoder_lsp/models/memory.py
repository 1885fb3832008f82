"""How much memory a model will take, before it is loaded. All sizes are bytes.

Measured with llama.cpp on models of StarCoder-1B's and StarCoder2-3B's shape, contexts of 8,192 and 16,384, batches of
32 to 512: weights and cache are exact, buffers within a tenth or 4 MB. (It reports repacked weights on top of the
mapped file; what was repacked is not read from the file again, and the system may drop it: it is not counted twice.)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import psutil
from attrs import frozen

from starcoder_lsp.errors import ModelTooLarge

if TYPE_CHECKING:
    from starcoder_lsp.models.gguf import GGUFHeader


class Dimensions(Protocol):
    """What a model's memory follows from: of a file that is here, its header; of one that is not, what is known."""

    @property
    def file_bytes(self) -> int: ...  # noqa: D102 - as in GGUFHeader
    @property
    def block_count(self) -> int: ...  # noqa: D102
    @property
    def embedding_length(self) -> int: ...  # noqa: D102
    @property
    def head_count(self) -> int: ...  # noqa: D102
    @property
    def head_count_kv(self) -> int: ...  # noqa: D102
    @property
    def key_length(self) -> int: ...  # noqa: D102
    @property
    def value_length(self) -> int: ...  # noqa: D102


F16: Final = 2.0
F32: Final = 4.0
Q8_0: Final = 34 / 32
"""Bytes of a number; a block of 32 in Q8_0 has a scale in half precision besides."""

_Q4_BITS: Final = 4.85
"""Bits that Q4_K_M takes per weight, the smallest quantisation that does little harm."""

_WIDTHS: Final = 9
"""Activations alive at once, in units of the model's width: the stream, the feed-forward's four, and copies."""

_LEAST_CONTEXT: Final = 2048
_CONTEXT_STEP: Final = 1024


@frozen
class MemoryPlan:
    """What a model will take, and what there is."""

    context: int
    """Tokens per slot."""
    weights: int
    cache: int
    buffers: int
    available: int

    @property
    def needed(self) -> int:
        """Everything together."""
        return self.weights + self.cache + self.buffers

    def __str__(self) -> str:
        """One line for the log."""
        return (
            f"needs {human(self.needed)} of memory (weights {human(self.weights)}, key/value cache {human(self.cache)},"
            f" buffers {human(self.buffers)}), {human(self.available)} available"
        )


def plan_memory(  # noqa: PLR0913 -- a formula of so many numbers
    header: Dimensions,
    *,
    context: int,
    slots: int = 1,
    batch: int = 512,
    flash_attention: bool = True,
    number_bytes: float = F16,
    every_head: bool = False,
    on_gpu: float = 0.0,
    available: int,
) -> MemoryPlan:
    """Return what the model will take in main memory.

    `context` is tokens per slot, `batch` tokens evaluated at once. `number_bytes` is the size of a number in the cache,
    and `every_head` says that keys and values are kept for every query head rather than for every group of them
    (ctransformers: F32, True). `on_gpu` is the share of layers that another memory holds, 0 to 1.
    """
    here = 1 - on_gpu
    cache = cache_bytes(header, context * slots, number_bytes=number_bytes, every_head=every_head)
    return MemoryPlan(
        context=context,
        weights=round(header.file_bytes * here),
        cache=round(cache * here),
        buffers=_buffer_bytes(header, context * slots, batch, flash_attention=flash_attention),
        available=available,
    )


def cache_bytes(header: Dimensions, tokens: int, *, number_bytes: float = F16, every_head: bool = False) -> int:
    """Return the size of the key/value cache for `tokens` tokens."""
    heads = header.head_count if every_head else header.head_count_kv
    return round(header.block_count * heads * (header.key_length + header.value_length) * number_bytes * tokens)


def _buffer_bytes(header: Dimensions, tokens: int, batch: int, *, flash_attention: bool) -> int:
    """Activations of a batch, and what attention needs for each pair of a new token and a cached one."""
    per_pair = F16 if flash_attention else F32 * (header.head_count + 1)  # the mask; and the scores of each head
    return round(batch * (_WIDTHS * F32 * header.embedding_length + per_pair * tokens))


def check_memory(header: GGUFHeader, plan: MemoryPlan) -> MemoryPlan:
    """Return `plan` if it fits.

    Raises ModelTooLarge with the numbers, and with what would fit: a smaller context if that is enough, else a smaller
    quantisation or a smaller model.
    """
    if plan.needed <= plan.available:
        return plan
    remedy = _advice(header, plan)
    raise ModelTooLarge(header.path, needed=plan.needed, available=plan.available, detail=f"it {plan}", remedy=remedy)


def _advice(header: GGUFHeader, plan: MemoryPlan) -> str:
    for_cache = plan.available - plan.weights - plan.buffers
    fitting = for_cache * plan.context // max(1, plan.cache) // _CONTEXT_STEP * _CONTEXT_STEP
    if fitting >= _LEAST_CONTEXT:
        return f'Set "contextSize" to {fitting} or less, or close other programs'
    smaller = round(header.parameters * _Q4_BITS / 8)
    if smaller < plan.weights and smaller + plan.needed - plan.weights <= plan.available:
        return f"Take a smaller quantisation of it: Q4_K_M would have about {human(smaller)}"
    return "Take a smaller model, such as StarCoder2-3B or StarCoderBase-1B as Q4_K_M, or close other programs"


def available_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return what may be allocated now: what the machine has left, or less if a container's limit is nearer."""
    machine = int(psutil.virtual_memory().available)
    return min((machine, *_left_in_container(cgroup)))


def _left_in_container(cgroup: Path) -> list[int]:
    """What the memory controller leaves, by version 2 and by version 1; nothing where there is no limit."""
    left = []
    for limit, usage, cached in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            allowed = int((cgroup / limit).read_text())  # "max" means no limit
            used = int((cgroup / usage).read_text())
            stat = dict(line.split() for line in (cgroup / usage).with_name("memory.stat").read_text().splitlines())
        except (OSError, ValueError):
            continue
        left.append(allowed - used + int(stat.get(cached, 0)))
    return left


def human(size: int) -> str:
    """Return `size` bytes as people write it: 1.9 GB, 240 MB."""
    giga, mega = 10**9, 10**6
    return f"{size / giga:.1f} GB" if size >= giga else f"{size / mega:.0f} MB"
