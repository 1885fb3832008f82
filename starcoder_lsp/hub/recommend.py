"""Which model of the catalogue to take on a machine: the largest that fits, and that answers while a person waits.

Pure: a machine is data, so that machines that are not here can be asked about too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import frozen

from starcoder_lsp.completer.planner import FIRST_ANSWER_S
from starcoder_lsp.completion.families import FAMILIES
from starcoder_lsp.engine.llama_cpp_fit import Device, Fit, plan_fits
from starcoder_lsp.models.known import KNOWN
from starcoder_lsp.models.memory import human

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starcoder_lsp.hub.probe import Probe
    from starcoder_lsp.models.known import KnownFile, KnownModel

CONTEXT: Final = 8192
"""Tokens of a slot that are planned for, the server's own default."""
_BATCH: Final = 16
_BATCH_GPU: Final = 512
_LEAST_QUICK: Final = 24
_SUFFIX: Final = 540
"""Tokens behind the cursor of a full window (`completer.planner`): in PSM each key evaluates them again."""
_WINDOW: Final = 1350
"""Tokens of a full window, freshly placed."""
_WRITTEN: Final = 8
"""Tokens of a suggestion: the rest of a line."""
_PATIENCE_MS: Final = 1200.0
"""A suggestion that comes later finds the person typing on."""
_LEAST_SLOTS: Final = 2
_SHARE: Final = 0.75
"""Of the free main memory: the rest is for what is started later."""


@frozen
class Machine:
    """What there is: free memory in bytes, graphics cards, and speeds; `card` is None without one."""

    memory: int
    devices: tuple[Device, ...]
    processor: Probe
    card: Probe | None = None


@frozen
class Candidate:
    """A file of the catalogue, with what it would need and cost. Has the dimensions that `models.memory` wants."""

    model: KnownModel
    file: KnownFile
    fit: Fit
    on_card: bool
    first_ms: float
    """From a fresh start to the first suggestion in a file."""
    key_ms: float
    """From a key to the suggestion behind it."""

    @property
    def name(self) -> str:
        """What `models pull` takes."""
        return f"{self.model.name}:{self.file.quantisation}"

    @property
    def too_much(self) -> str:
        """Why it is not for this machine; empty where it is."""
        for plan, where in ((self.fit.main, "memory"), (self.fit.card, "memory on the graphics card")):
            if plan is not None and plan.needed > plan.available:
                return f"needs {human(plan.needed)} of {where}, of which {human(plan.available)} may be used"
        if self.fit.slots < _LEAST_SLOTS:
            return "would leave room for one cache only, so that nothing could be prepared while you type"
        if self.key_ms > _PATIENCE_MS:
            return f"would need {self.key_ms / 1e3:.1f} s for a suggestion"
        return ""


@frozen
class Recommendation:
    """What to take, and why not more."""

    best: Candidate | None
    next_larger: Candidate | None
    """The least of the better models, none of whose files would do: the smallest of these."""
    candidates: tuple[Candidate, ...]
    """All that were looked at, the better ones later."""


def recommend(machine: Machine, known: Sequence[KnownModel] = KNOWN) -> Recommendation:
    """Choose among the models that may be recommended the best that is not too much."""
    candidates = tuple(_candidates(machine, known))
    fitting = [one for one in candidates if not one.too_much]
    best = max(fitting, key=_rank, default=None)
    possible = {one.model.name for one in fitting}
    better = [
        one for one in candidates if one.model.name not in possible and (best is None or _worth(one) > _worth(best))
    ]
    larger = min(better, key=lambda one: (_worth(one), one.file.bytes), default=None)
    return Recommendation(best, larger, candidates)


def _rank(one: Candidate) -> tuple[int, int, float]:
    """The worthier first, of about equal ones those that cost less at each key, then the finer quantisation."""
    return round(math.log(_worth(one), _ABOUT_EQUAL)), -int(one.key_ms / _FELT_MS), one.file.bytes


_ABOUT_EQUAL: Final = 1.6
_FELT_MS: Final = 300.0


def _worth(one: Candidate) -> float:
    """Parameters, and a later year of training counts as twice as many.

    That is careful: StarCoder2-3B (2024) does better than StarCoderBase-15B (2023), arXiv 2402.19173, table 7.
    """
    return float(one.model.parameters * 2.0 ** (one.model.year - 2023))


def _candidates(machine: Machine, known: Sequence[KnownModel]) -> Iterator[Candidate]:
    for model in known:
        if model.recommended:
            yield from (candidate_of(model, file, machine) for file in model.files)


@frozen
class _Sized:
    """A model's dimensions with one file's bytes: what `models.memory` asks of a header."""

    block_count: int
    embedding_length: int
    head_count: int
    head_count_kv: int
    key_length: int
    value_length: int
    file_bytes: int


def sized(model: KnownModel, file: KnownFile) -> _Sized:
    """Return what planning memory needs to know of a file that is not here."""
    return _Sized(
        model.block_count,
        model.embedding_length,
        model.head_count,
        model.head_count_kv,
        model.key_length,
        model.value_length,
        file.bytes,
    )


def candidate_of(model: KnownModel, file: KnownFile, machine: Machine) -> Candidate:
    """Return what a file would need and cost there: on the card if it fits there as a whole, else on the processor."""
    context = min(CONTEXT, model.context_length)
    gpus = [device for device in machine.devices if device.kind != "cpu"]

    def fit(devices: Sequence[Device], batch: int) -> Fit:
        plans = plan_fits(
            sized(model, file),
            context=context,
            batch=batch,
            gpu_layers=None,
            devices=devices,
            available=int(machine.memory * _SHARE),
            shorter=False,
        )
        return plans[0]

    fitting = fit(machine.devices, _BATCH_GPU if gpus else _BATCH)
    on_card = bool(gpus) and fitting.fits and fitting.slots >= _LEAST_SLOTS and machine.card is not None
    if gpus and not on_card:
        alone = fit([device for device in machine.devices if device.kind == "cpu"], _BATCH)
        fitting = alone if alone.fits else fitting
    probe = machine.card if on_card and machine.card is not None else machine.processor
    first, key = _cost(model, file, probe)
    return Candidate(model, file, fitting, on_card, first, key)


def _cost(model: KnownModel, file: KnownFile, probe: Probe) -> tuple[float, float]:
    """Milliseconds to the first suggestion in a file, and to the one behind each key after."""
    prefill = probe.prefill(model.active)
    writing = _WRITTEN / probe.decode(round(file.bytes * model.active / model.parameters)) * 1e3
    quick = max(_LEAST_QUICK, prefill * FIRST_ANSWER_S)
    first = min(quick, _WINDOW) / prefill * 1e3
    suffix_first = any(layout != "psm" for layout in _layouts(model.family))
    key = (2 if suffix_first else min(quick, _SUFFIX)) / prefill * 1e3
    return first + writing, key + writing


def _layouts(family: str) -> tuple[str, ...]:
    return next(one.layouts for one in FAMILIES if one.name == family)


def sentence(recommendation: Recommendation) -> str:
    """Return, in sentences for a person, what to take, what it costs, and why not the next larger one."""
    best, larger = recommendation.best, recommendation.next_larger
    if best is None:
        why = f": even {larger.name} {larger.too_much}" if larger else ""
        return f"No model of the catalogue fits this machine{why}. Stay with nano, which ships."
    plan = best.fit.main
    memory = f"{human(plan.needed)} of memory" if not best.fit.card else f"{human(best.fit.card.needed)} on the card"
    text = (
        f"Take {best.model.title} as {best.file.quantisation}: {human(best.file.bytes)} to fetch, {memory}, "
        f"{best.model.licence.name}. The first suggestion in a file will take about {_ms(best.first_ms)}, "
        f"later ones {_ms(best.key_ms)}."
    )
    if larger is None:
        text += " The catalogue has no better one."
    else:
        text += f" Not {larger.model.title}: its {larger.file.quantisation} {larger.too_much}."
    return text


def _ms(milliseconds: float) -> str:
    return f"{milliseconds / 1e3:.1f} s" if milliseconds >= 1000 else f"{round(milliseconds, -1):.0f} ms"  # noqa: PLR2004 - a second
