"""From a setting to a model at work: header, memory, tokenizer, engine, first measurement; on the worker thread."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

from starcoder_lsp import sharing
from starcoder_lsp.completer.speed import Speed, measure
from starcoder_lsp.completer.token_completer import TokenCompleter
from starcoder_lsp.completion.fim import FimTokens, NoFimTokens, advice, resolve_family
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.engine.states.identity import model_key
from starcoder_lsp.engine.states.speed import kept_speed
from starcoder_lsp.errors import AdapterUnfit, Cancelled, EngineFailed, ModelUnsupported, ModelWithoutFim
from starcoder_lsp.models.adapter import check_adapter
from starcoder_lsp.models.catalogue import SHIPPED, resolve, resolve_adapter, shipped_model
from starcoder_lsp.models.measured import read_curve
from starcoder_lsp.models.memory import F16, Q8_0, available_memory, check_memory
from starcoder_lsp.models.read import is_ggml, read_any_header
from starcoder_lsp.tokens.lines import LineEncoder
from starcoder_lsp.tokens.tokenizer import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from starcoder_lsp.completion.prompt import LayoutChoice
    from starcoder_lsp.config import EngineChoice, Settings
    from starcoder_lsp.engine.base import Engine
    from starcoder_lsp.models.gguf import GGUFHeader

log = logging.getLogger(__name__)

Report = Callable[[str, "int | None"], None]
"""Takes a sentence for the user, and per cent where known. An exception from it ends the load."""

_LAYOUT = "starcoder_lsp.layout"
WARM_UP = "def main(argv):\n    for index, value in enumerate(argv):\n        print(index, value)\n"
"""A short text for a first measurement."""


@frozen
class Model:
    """A model file whose header and vocabulary were read and found usable."""

    header: GGUFHeader
    tokenizer: Tokenizer
    tokens: FimTokens
    name: str
    """What users see: `nano`, or the file's name."""


def read_model(path: Path, *, chat_markup: bool = False, vocabulary_only: bool = False) -> Model:
    """Read what must be known before the weights are loaded; with `vocabulary_only`, there need be none.

    Raises ModelError, saying what is wrong.
    """
    header = read_any_header(path, vocabulary_only=vocabulary_only)
    tokenizer = Tokenizer.from_header(header)
    try:
        tokens = family_of(header, tokenizer, chat_markup=chat_markup)
    except NoFimTokens as error:
        raise ModelWithoutFim(path, header.architecture) from error
    return Model(header, tokenizer, tokens, SHIPPED if path == shipped_model() else path.stem)


def family_of(header: GGUFHeader, tokenizer: Tokenizer, *, chat_markup: bool = False) -> FimTokens:
    """Return the family of a model by all that its file says. Raises NoFimTokens."""
    return resolve_family(
        header.architecture,
        tokenizer.id_of,
        header.named_ids,
        rule=header.tokenizer_pre or "",
        names=f"{header.name} {header.metadata.get('general.basename', '')} {header.path.name}",
        chat_markup=chat_markup,
    )


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
    ggml = is_ggml(header)
    if choice == "auto":
        return "ctransformers" if ggml else "llama.cpp"
    if choice == "llama.cpp" and ggml:
        remedy = 'Set "engine" to "auto" or "ctransformers", or take the model\'s GGUF file'
        raise ModelUnsupported(header.path, "is a GGML file of 2023, which llama.cpp does not open any more", remedy)
    return choice


def usable_threads(wanted: int) -> int:
    """Return `wanted` threads, but no more than the machine has; 0 stays the engine's own choice.

    More would only wait for each other, and a workspace's settings could starve the machine with them.
    """
    return min(wanted, os.cpu_count() or 1)


def load(
    settings: Settings,
    report: Report = lambda _message, _percent: None,
    cancel: CancelToken | None = None,
    *,
    share: bool = False,
) -> TokenCompleter:
    """Load the model that `settings` names.

    `share`: in the process that windows share, where the settings want that: a command that ends soon does not.

    `cancel` is looked at between the steps and, where a file is repacked, some times a second; llama.cpp's own load of
    a file is left behind.

    Raises:
        ModelError: the file cannot be used.
        EngineError: the engine could not load it.
        Cancelled: `cancel` was set; nothing stays loaded.
    """
    cancel = cancel or CancelToken()

    def check() -> None:
        if cancel.cancelled:
            raise Cancelled("another model was chosen")

    def step(message: str, percent: int | None = None) -> None:
        check()
        report(message, percent)

    started = time.perf_counter()
    path = resolve(settings.model)
    step(f"Reading {path.name}")
    model = read_model(path, chat_markup=settings.chat_markup == "always")
    header = model.header
    warning = advice(architecture=header.architecture, block_count=header.block_count)
    if warning:
        log.warning("%s", warning)
    loading = f"Loading {model.name} ({header.quantisation}, {header.file_bytes / 1e9:.2f} GB)"
    step(loading)
    encoder = LineEncoder(model.tokenizer)
    joined = _join(model, settings, step, cancel) if share else None
    engine = open_engine(model, settings, step, cancel) if joined is None else joined[0]
    try:
        step(loading)
        speed = measure(engine, encoder.encode(WARM_UP)) if joined is None else Speed(*joined[1:])
        states = StatesFolder.of(settings.cache_disk, settings.cache_folder)
        if states is not None:
            speed.prefill = kept_speed(states, model_key(path), speed.prefill)
        check()
    except BaseException:
        engine.close()
        raise
    completer = TokenCompleter(
        engine,
        model.tokenizer,
        encoder,
        model.tokens,
        model.name,
        curve=read_curve(header),
        layout=best_layout(header),
        speed=speed,
    )
    if not engine.info.cuts_back:
        log.info("%s is a recurrent model: a change far in front of the cursor evaluates its prompt again.", model.name)
    log.info(
        "%s is ready after %.1f s: %s, window %d tokens, %d slots, prefill %.0f and decode %.0f tokens/s; %s",
        model.name,
        time.perf_counter() - started,
        header.quantisation,
        engine.info.context_window,
        engine.info.slots,
        completer.speed.prefill,
        completer.speed.decode,
        engine.info.detail,
    )
    return completer


def _join(model: Model, settings: Settings, report: Report, cancel: CancelToken) -> tuple[Engine, float, float] | None:
    """Return the engine of the process that windows share, and its speeds; None where this window has its own."""
    runs = choose_engine(settings.engine, model.header)
    if runs != "llama.cpp" or not sharing.wants_to_share(settings, model.header):
        return None
    report(f"Loading {model.name} in the engine process", None)
    return sharing.join(settings, model.header, cancel)


def open_engine(
    model: Model,
    settings: Settings,
    report: Report = lambda _message, _percent: None,
    cancel: CancelToken | None = None,
) -> Engine:
    """Open an engine over a model in this process. Raises ModelError, EngineError, Cancelled."""
    cancel = cancel or CancelToken()
    header = model.header
    window = min(settings.context_size, header.context_length)
    if choose_engine(settings.engine, header) == "ctransformers":
        from starcoder_lsp.engine import ctransformers  # noqa: PLC0415 - loads a native library

        if settings.lora:
            remedy = 'Set "engine" to "llama.cpp" and take the GGUF file, or take the adapters out of "lora"'
            raise AdapterUnfit(resolve_adapter(settings.lora[0].path), "cannot be added by ctransformers", remedy)
        return ctransformers.load(
            header,
            end_ids=model.tokens.stops,
            context_window=window,
            threads=usable_threads(settings.threads),
            gpu_layers=settings.gpu_layers,
            progress=lambda done, total: report("Repacking for ctransformers, once", 100 * done // max(1, total)),
        )
    return _open_llama_cpp(model, settings, window, cancel)


def _adapters(settings: Settings, header: GGUFHeader) -> list[tuple[Path, float]]:
    """Return the adapters' files and scales. Raises ModelError for one that does not fit the model."""
    found = [(resolve_adapter(one.path), one.scale) for one in settings.lora]
    for path, scale in found:
        check_adapter(path, header)
        log.info("With the LoRA adapter %s, scale %g.", path.name, scale)
    return found


def _open_llama_cpp(model: Model, settings: Settings, window: int, cancel: CancelToken) -> Engine:
    """Open with as many slots as fit, and with fewer where that fails: a driver may have less to give than it said."""
    from starcoder_lsp.engine import left_behind, llama_cpp, llama_cpp_fit  # noqa: PLC0415 - a native library

    header = model.header
    adapters = _adapters(settings, header)
    cache_type = llama_cpp.usable_cache_type(settings.cache_type, header, settings.flash_attention)
    if cache_type != settings.cache_type:
        log.warning("%s cannot keep its cache as %s; it is %s.", model.name, settings.cache_type, cache_type)

    def plan() -> list[llama_cpp_fit.Fit]:
        return llama_cpp_fit.plan_fits(
            header,
            context=window,
            batch=llama_cpp.batch_size(header, settings.gpu_layers),
            gpu_layers=settings.gpu_layers,
            devices=llama_cpp.devices(),
            available=available_memory() - sum(path.stat().st_size for path, _scale in adapters),
            number_bytes=Q8_0 if cache_type == "q8_0" else F16,
        )

    fits = plan()
    if left_behind.under_way() and not (fits[0].fits and fits[0].slots == llama_cpp_fit.SLOTS[0]):
        left_behind.wait(cancel)  # a load that nobody waits for takes the room
        fits = plan()
    for number, fit in enumerate(fits, 1):
        check_memory(header, fit.main)
        log.info("%s %s", model.name, fit)
        too_small = llama_cpp_fit.advice(header, fit)
        if too_small:
            log.warning("%s", too_small)
        if fit.main.context < window:
            log.warning(
                'There is no room for a context of %d tokens; it is %d. A smaller quantisation, or "cacheType": '
                '"q8_0", makes room.',
                window,
                fit.main.context,
            )
        try:
            return llama_cpp.load(
                header,
                end_ids=model.tokens.stops,
                context_window=fit.main.context,
                slots=fit.slots,
                threads=usable_threads(settings.threads),
                gpu_layers=settings.gpu_layers,
                flash_attention=settings.flash_attention,
                cache_type=cache_type,
                adapters=adapters,
                states=StatesFolder.of(settings.cache_disk, settings.cache_folder),
                cancel=cancel,
            )
        except EngineFailed as error:
            if number == len(fits):
                raise EngineFailed(f"{error} {too_small or ''}".rstrip()) from error
            log.warning("%s Trying fewer slots, or a shorter context.", error)
    raise AssertionError("there is always a plan")
