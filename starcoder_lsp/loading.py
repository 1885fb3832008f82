"""From a setting to a model at work: header, memory, tokenizer, engine, first measurement; on the worker thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp.completion.fim import FimTokens, NoFimTokens, advice, resolve_family
from starcoder_lsp.engine.ggml_container import is_ggml
from starcoder_lsp.engine.ggml_header import GGMLHeader, read_ggml_header
from starcoder_lsp.engine.gguf import GGUFHeader, read_header
from starcoder_lsp.engine.lines import LineEncoder
from starcoder_lsp.engine.memory import available_memory, check_memory, plan_memory
from starcoder_lsp.engine.tokenizer import Tokenizer
from starcoder_lsp.errors import ModelUnsupported, ModelWithoutFim
from starcoder_lsp.models.catalogue import SHIPPED, resolve, shipped_model
from starcoder_lsp.suggest import DEFAULT_MIN_CONFIDENCE, Runtime, measure

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.completion.prompt import LayoutChoice
    from starcoder_lsp.config import EngineChoice, Settings
    from starcoder_lsp.engine.base import Engine

log = logging.getLogger(__name__)

Report = Callable[[str, "int | None"], None]
"""Takes a sentence for the user, and per cent where known."""

_SLOTS = (4, 3, 2)
"""Caches of a full context each, the most that fits: the last is for quick prompts, the others for files in turn."""
_MIN_CONFIDENCE = "starcoder_lsp.min_confidence"
_LAYOUT = "starcoder_lsp.layout"
_WARM_UP = "def main(argv):\n    for index, value in enumerate(argv):\n        print(index, value)\n"


@frozen
class Model:
    """A model file whose header and vocabulary were read and found usable."""

    header: GGUFHeader
    tokenizer: Tokenizer
    tokens: FimTokens
    name: str
    """What users see: `nano`, or the file's name."""


def read_model(path: Path) -> Model:
    """Read what must be known before the weights are loaded. Raises ModelError, saying what is wrong."""
    header = read_ggml_header(path) if is_ggml(path) else read_header(path)
    tokenizer = Tokenizer.from_header(header)
    try:
        tokens = resolve_family(header.architecture, tokenizer.id_of, header.named_ids)
    except NoFimTokens as error:
        raise ModelWithoutFim(path, header.architecture) from error
    return Model(header, tokenizer, tokens, SHIPPED if path == shipped_model() else path.stem)


def min_confidence(header: GGUFHeader) -> float:
    """Return the mean log-probability under which this model's suggestions are better hidden.

    A file made for this server states what was measured on it (`starcoder_lsp.min_confidence`, nats a token).
    """
    stated = header.metadata.get(_MIN_CONFIDENCE)
    if isinstance(stated, float) and -100 <= stated <= 0:  # noqa: PLR2004 - the range of the setting
        return stated
    return DEFAULT_MIN_CONFIDENCE


def best_layout(header: GGUFHeader) -> LayoutChoice:
    """Return the layout that this model does much better with, `auto` where it does not matter.

    A file made for this server states it (`starcoder_lsp.layout`).
    """
    layouts: dict[object, LayoutChoice] = {"spm": "spm", "psm": "psm"}
    return layouts.get(header.metadata.get(_LAYOUT), "auto")


def choose_engine(choice: EngineChoice, header: GGUFHeader) -> str:
    """Return which engine runs this file: ctransformers for GGML, llama.cpp for GGUF, unless one is asked for.

    Raises:
        ModelUnsupported: the engine that is asked for cannot run it.
    """
    ggml = isinstance(header, GGMLHeader)
    if choice == "auto":
        return "ctransformers" if ggml else "llama.cpp"
    if choice == "llama.cpp" and ggml:
        remedy = 'Set "engine" to "auto" or "ctransformers", or take the model\'s GGUF file'
        raise ModelUnsupported(header.path, "is a GGML file of 2023, which llama.cpp does not open any more", remedy)
    return choice


def load(settings: Settings, report: Report = lambda _message, _percent: None) -> Runtime:
    """Load the model that `settings` names.

    Raises:
        ModelError: the file cannot be used.
        EngineError: the engine could not load it.
    """
    started = time.perf_counter()
    path = resolve(settings.model)
    report(f"Reading {path.name}", None)
    model = read_model(path)
    header = model.header
    warning = advice(architecture=header.architecture, block_count=header.block_count)
    if warning:
        log.warning("%s", warning)
    report(f"Loading {model.name} ({header.quantisation}, {header.file_bytes / 1e9:.2f} GB)", None)

    engine = _open(model, settings, report)
    encoder = LineEncoder(model.tokenizer)
    speed = measure(engine, encoder.encode(_WARM_UP))
    runtime = Runtime(
        engine,
        model.tokenizer,
        encoder,
        model.tokens,
        model.name,
        min_confidence=min_confidence(header),
        layout=best_layout(header),
        speed=speed,
    )
    log.info(
        "%s is ready after %.1f s: %s, window %d tokens, %d slots, prefill %.0f and decode %.0f tokens/s; %s",
        model.name,
        time.perf_counter() - started,
        header.quantisation,
        engine.info.context_window,
        engine.info.slots,
        runtime.speed.prefill,
        runtime.speed.decode,
        engine.info.detail,
    )
    return runtime


def _open(model: Model, settings: Settings, report: Report) -> Engine:
    header = model.header
    window = min(settings.context_size, header.context_length)
    if choose_engine(settings.engine, header) == "ctransformers":
        from starcoder_lsp.engine import ctransformers  # noqa: PLC0415 - loads a native library

        return ctransformers.load(
            header,
            end_ids=model.tokens.stops,
            context_window=window,
            threads=settings.threads,
            gpu_layers=settings.gpu_layers,
            progress=lambda done, total: report("Repacking for ctransformers, once", 100 * done // max(1, total)),
        )
    from starcoder_lsp.engine import llama_cpp  # noqa: PLC0415 - loads a native library

    everything_there = llama_cpp.has_gpu() and settings.gpu_layers is None
    layers = header.block_count if everything_there else min(settings.gpu_layers or 0, header.block_count)
    plan = partial(
        plan_memory,
        header,
        context=window,
        batch=llama_cpp.batch_size(header, settings.gpu_layers),
        on_gpu=layers / max(1, header.block_count) if llama_cpp.has_gpu() else 0.0,
        available=available_memory(),
    )
    fitting = [slots for slots in _SLOTS if plan(slots=slots).needed <= plan(slots=slots).available]
    slots = fitting[0] if fitting else _SLOTS[-1]
    log.info("%s %s", model.name, check_memory(header, plan(slots=slots)))
    return llama_cpp.load(
        header,
        end_ids=model.tokens.stops,
        context_window=window,
        slots=slots,
        threads=settings.threads,
        gpu_layers=settings.gpu_layers,
        flash_attention=settings.flash_attention,
    )
