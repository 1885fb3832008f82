"""What a model file says about itself, as the server takes it up."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from starcoder_lsp.completer.base import Ask
from starcoder_lsp.completion.prompt import Place
from starcoder_lsp.config import Settings
from starcoder_lsp.engine import llama_cpp, private_folder
from starcoder_lsp.engine.base import CancelToken
from starcoder_lsp.engine.left_behind import wait
from starcoder_lsp.engine.llama_cpp_fit import Device, advice, plan_fits
from starcoder_lsp.errors import Cancelled, EngineFailed
from starcoder_lsp.loading import best_layout, load, usable_threads
from starcoder_lsp.models.catalogue import shipped_model
from starcoder_lsp.models.gguf import read_header
from starcoder_lsp.models.memory import F16, Q8_0

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.mark.parametrize(
    ("stated", "expected"), [("spm", "spm"), ("psm", "psm"), ("auto", "auto"), ("mps", "auto"), (1, "auto")]
)
def test_a_file_states_the_layout_it_does_better_with(stated: str | int, expected: str) -> None:
    header = evolve(read_header(shipped_model()), metadata={"starcoder_lsp.layout": stated})
    assert best_layout(header) == expected
    assert best_layout(evolve(header, metadata={})) == "auto"


# Slots, in main memory and on the card

GIB = 2**30
CODELLAMA_7B = evolve(
    read_header(shipped_model()),
    block_count=32,
    embedding_length=4096,
    head_count=32,
    head_count_kv=32,
    key_length=128,
    value_length=128,
    file_bytes=4_100_000_000,
)
CPU = Device("CPU", "a processor", "cpu", 64 * GIB)


def card(free: int, name: str = "CUDA0") -> Device:
    return Device(name, "a card", "gpu", free)


@pytest.mark.parametrize(
    ("devices", "gpu_layers", "available", "slots"),
    [
        ([CPU], None, 64 * GIB, [4, 3, 2, 1]),
        ([CPU], None, 14 * GIB, [2, 1]),
        ([CPU], None, 10 * GIB, [1]),
        ([CPU, card(80 * GIB)], None, 4 * GIB, [4, 3, 2, 1]),  # all on the card: main memory does not count
        ([CPU, card(24 * GIB)], None, 64 * GIB, [4, 3, 2, 1]),
        ([CPU, card(16 * GIB)], None, 64 * GIB, [2, 1]),
        ([CPU, card(12 * GIB)], None, 64 * GIB, [1]),
        ([CPU, card(6 * GIB), card(6 * GIB, "CUDA1")], None, 64 * GIB, [1]),
        ([CPU, card(6 * GIB)], None, 64 * GIB, []),
        ([CPU, card(6 * GIB)], 0, 64 * GIB, [4, 3, 2, 1]),
        ([CPU, card(6 * GIB)], 8, 64 * GIB, [4, 3, 2, 1]),
        ([CPU, card(0)], None, 64 * GIB, [4, 3, 2, 1]),  # its driver does not say
        ([CPU, Device("Metal", "a chip", "shared", 40 * GIB)], None, 14 * GIB, [2, 1]),  # one memory
        ([CPU, Device("Metal", "a chip", "shared", 10 * GIB)], None, 64 * GIB, [1]),
    ],
)
def test_slots_are_those_that_fit_where_the_weights_go(
    devices: Sequence[Device], gpu_layers: int | None, available: int, slots: list[int]
) -> None:
    fits = plan_fits(CODELLAMA_7B, context=8192, batch=512, gpu_layers=gpu_layers, devices=devices, available=available)
    assert [fit.slots for fit in fits if fit.main.context == 8192] == slots
    assert all(fit.fits for fit in fits)


def test_where_no_slot_fits_shorter_contexts_are_planned() -> None:
    fits = plan_fits(
        CODELLAMA_7B, context=8192, batch=512, gpu_layers=None, devices=[CPU, card(6 * GIB)], available=64 * GIB
    )
    assert [(fit.main.context, fit.slots) for fit in fits] == [(2048, 1)]
    assert (
        plan_fits(CODELLAMA_7B, context=8192, batch=512, gpu_layers=None, devices=[CPU], available=GIB)[0].main.context
        == 2048
    )


def test_a_cache_in_eight_bits_takes_about_half() -> None:
    plans = [
        plan_fits(
            CODELLAMA_7B, context=8192, batch=16, gpu_layers=0, devices=[CPU], available=9 * GIB, number_bytes=size
        )
        for size in (F16, Q8_0)
    ]
    assert [(fits[0].main.context, fits[0].slots) for fits in plans] == [(8192, 1), (8192, 2)]
    assert plans[1][0].main.cache == pytest.approx(2 * plans[0][0].main.cache * Q8_0 / F16)


def test_a_card_too_small_gets_advice() -> None:
    [fit] = plan_fits(
        CODELLAMA_7B, context=8192, batch=512, gpu_layers=None, devices=[CPU, card(4 * GIB)], available=64 * GIB
    )
    assert not fit.fits  # the least is tried all the same: the driver has the last word
    said = advice(CODELLAMA_7B, fit)
    assert said is not None
    layers = int(said.split('"gpuLayers" to ')[1].split()[0])
    assert 0 < layers < CODELLAMA_7B.block_count
    better = plan_fits(
        CODELLAMA_7B, context=8192, batch=512, gpu_layers=layers, devices=[CPU, card(4 * GIB)], available=64 * GIB
    )
    assert better[-1].fits
    assert advice(CODELLAMA_7B, better[-1]) is None


def test_a_load_that_fails_is_tried_with_fewer_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    real, tried = llama_cpp.load, []

    def scarce(*arguments: Any, slots: int, **more: Any) -> llama_cpp.LlamaCpp:
        tried.append(slots)
        if slots > 2:
            raise EngineFailed("The card is full.")
        return real(*arguments, slots=slots, **more)

    monkeypatch.setattr(llama_cpp, "load", scarce)
    completer = load(Settings(context_size=512))
    assert completer.engine.info.slots == 2
    assert tried == [4, 3, 2]
    completer.close()

    def full(*_arguments: Any, slots: int, **_more: Any) -> llama_cpp.LlamaCpp:
        tried.append(slots)
        raise EngineFailed("The card is full.")

    tried.clear()
    monkeypatch.setattr(llama_cpp, "load", full)
    with pytest.raises(EngineFailed, match="The card is full"):
        load(Settings(context_size=512))
    assert tried == [4, 3, 2, 1]


# Ending a load


@pytest.mark.parametrize("step", range(3))
def test_a_load_is_cancelled_between_its_steps(step: int) -> None:
    cancel, seen = CancelToken(), []

    def report(message: str, _percent: int | None) -> None:
        seen.append(message)
        if len(seen) > step:
            cancel.cancel()

    with pytest.raises(Cancelled):
        load(Settings(context_size=256), report, cancel)
    assert len(seen) == step + 1


def test_a_report_may_end_a_load() -> None:
    def report(_message: str, _percent: int | None) -> None:
        raise Cancelled("another model was chosen")

    with pytest.raises(Cancelled):
        load(Settings(context_size=256), report)


def test_a_load_of_llama_cpp_s_own_is_left_behind_and_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel, folders, real, make = CancelToken(), [], llama_cpp.load, private_folder.make

    def noted() -> Path:
        folders.append(make())
        return folders[-1]

    def cancelled(*arguments: Any, **more: Any) -> llama_cpp.LlamaCpp:
        return real(*arguments, configure=lambda _params: cancel.cancel(), **more)

    monkeypatch.setattr(private_folder, "make", noted)
    monkeypatch.setattr(llama_cpp, "load", cancelled)
    with pytest.raises(Cancelled):
        load(Settings(context_size=256), cancel=cancel)
    wait(CancelToken())
    assert [folder.exists() for folder in folders] == [False]


# Settings that a workspace may bring


def test_no_more_threads_than_the_machine_has() -> None:
    cores = os.cpu_count() or 1
    assert usable_threads(512) == cores
    assert usable_threads(1) == 1
    assert usable_threads(0) == 0


def test_more_tokens_than_the_window_of_the_engine_are_no_error() -> None:
    completer = load(Settings(context_size=256))
    text = "def total(values):\n    " * 40
    ask = Ask(("", "d"), Place(text, len(text)), multiline="always", max_tokens=1024)
    answer = completer.suggest(ask, CancelToken())
    assert 0 < answer.generated < 256
    completer.close()


def test_the_server_starts_without_what_only_a_model_needs() -> None:
    libraries = ("ctransformers", "gguf", "huggingface_hub", "numpy", "tokenizers", "xllamacpp")
    script = f"import sys, starcoder_lsp.server.app; print([name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
