"""How many slots fit: weights, caches and buffers, in main memory and on the graphics card. All sizes in bytes.

A slot is a cache of a full context. The last is for quick prompts, the others for files in turn; with a single one
nothing can be prepared beside what a person waits for, so it is the last resort.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from starcoder_lsp.models.memory import F16, Dimensions, MemoryPlan, human, plan_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starcoder_lsp.models.gguf import GGUFHeader

SLOTS: Final = (4, 3, 2, 1)
"""The most that fit are taken."""
_SLOTS_OF_SHORTER: Final = (2, 1)
_LEAST_CONTEXT: Final = 2048
"""Tokens: where not even one slot of the context asked for fits, shorter ones are tried, half of it, and half again."""
_SPARE: Final = 512 * 2**20
"""Left free on a card: its driver's own tables, and the screen."""

DeviceKind = Literal["cpu", "gpu", "shared"]
"""`shared` is a graphics processor in main memory: an integrated one, or Apple's."""


@frozen
class Device:
    """Something that llama.cpp computes on."""

    name: str
    """As llama.cpp names it: `CPU`, `CUDA0`, `Metal`, …"""
    description: str
    kind: DeviceKind
    free: int
    """Of its own memory now; 0 where its driver does not say."""


@frozen
class Fit:
    """What a number of slots needs, in each memory that there is."""

    slots: int
    main: MemoryPlan
    card: MemoryPlan | None
    """None without a card, or where its driver does not say what is free."""

    @property
    def fits(self) -> bool:
        """Whether there is room."""
        return all(plan is None or plan.needed <= plan.available for plan in (self.main, self.card))

    def __str__(self) -> str:
        """One line for the log."""
        return f"with {self.slots} slots of {self.main.context} tokens {self.main}" + (
            f"; on the card it {self.card}" if self.card else ""
        )


def plan_fits(  # noqa: PLR0913 - each is a fact of its own
    header: Dimensions,
    *,
    context: int,
    batch: int,
    gpu_layers: int | None,
    devices: Sequence[Device],
    available: int,
    number_bytes: float = F16,
    shorter: bool = True,
) -> list[Fit]:
    """Return the plans to try: fewer and fewer slots, then shorter contexts; those that fit, or else the least.

    Args:
        header: of the model.
        context: tokens per slot, at most.
        batch: tokens evaluated at once.
        gpu_layers: None for all where there is a GPU.
        devices: that llama.cpp sees.
        available: main memory.
        number_bytes: of a number in the cache.
        shorter: whether shorter contexts will do.
    """
    gpus = [device for device in devices if device.kind != "cpu"]
    layers = 0 if not gpus else header.block_count if gpu_layers is None else min(gpu_layers, header.block_count)
    share = layers / max(1, header.block_count)
    one_memory = all(device.kind == "shared" for device in gpus)
    plan = partial(plan_memory, header, batch=batch, number_bytes=number_bytes)
    known = share > 0 and all(device.free > 0 for device in gpus)
    free = sum(device.free for device in gpus) - (0 if one_memory else _SPARE * len(gpus))
    sizes = [(context, slots) for slots in SLOTS]
    if shorter:
        sizes += [(less, slots) for less in _halves(context) for slots in _SLOTS_OF_SHORTER]
    fits = [
        Fit(
            slots,
            plan(context=tokens, slots=slots, on_gpu=0.0 if one_memory else share, available=available),
            plan(context=tokens, slots=slots, on_gpu=1 - share, available=max(0, free)) if known else None,
        )
        for tokens, slots in sizes
    ]
    return [fit for fit in fits if fit.fits] or fits[-1:]


def _halves(context: int) -> Iterator[int]:
    while (context := context // 2) >= _LEAST_CONTEXT:
        yield context


def advice(header: GGUFHeader, fit: Fit) -> str | None:
    """Return what helps where the card is too small, for the log; None where it is not."""
    card = fit.card
    if card is None or card.needed <= card.available:
        return None
    layers = int(header.block_count * max(0, card.available - card.buffers) / max(1, card.weights + card.cache))
    return (
        f"The model needs {human(card.needed)} on the card, which has {human(card.available)} free: "
        f'set "gpuLayers" to {layers} or less, or "contextSize" to less than {card.context}.'
    )
