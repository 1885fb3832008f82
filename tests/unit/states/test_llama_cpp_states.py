"""Kept states with nano: what comes back is what was evaluated, and nothing else ever is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from starcoder_lsp.completion.choose import choose
from starcoder_lsp.completion.prompt import Prompt
from starcoder_lsp.completion.window import Window
from starcoder_lsp.engine import llama_cpp
from starcoder_lsp.engine.base import common_prefix
from starcoder_lsp.engine.states.folder import StatesFolder
from starcoder_lsp.engine.states.sealed import packed, seal
from starcoder_lsp.loading import read_model
from starcoder_lsp.models.catalogue import shipped_model
from tests.support.generation import generate, prefill
from tests.support.shared_engine import SharedProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starcoder_lsp.engine.llama_cpp import LlamaCpp
    from starcoder_lsp.loading import Model

pytestmark = pytest.mark.slow

WINDOW, SLOTS = 1024, 2
_NONE = Window(0, 0, ())
CODE = "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n\n\n"


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model(shipped_model())


@pytest.fixture(scope="module")
def ids(model: Model) -> list[int]:
    found = model.tokenizer.encode("".join(CODE.replace("total", f"total_{n}") for n in range(40)))
    assert len(found) > WINDOW
    return found


def open_engine(model: Model, folder: StatesFolder | None, *, window: int = WINDOW, cache: str = "f16") -> LlamaCpp:
    return llama_cpp.load(
        model.header,
        end_ids=model.tokens.stops,
        context_window=window,
        slots=SLOTS,
        threads=1,
        gpu_layers=0,
        cache_type=cache,
        states=folder,
    )


@pytest.fixture
def folder(tmp_path: Path) -> StatesFolder:
    return StatesFolder(tmp_path / "states", 10**9)


@pytest.fixture
def kept(model: Model, ids: list[int], folder: StatesFolder) -> StatesFolder:
    """A folder with the state of the first 600 ids."""
    engine = open_engine(model, folder)
    prefill(engine, ids[:600])
    keep(engine)
    engine.close()
    assert len(folder.states()) == 1
    return folder


@pytest.fixture
def engine(model: Model, kept: StatesFolder) -> Iterator[LlamaCpp]:
    """Another engine over that folder."""
    engine = open_engine(model, kept)
    yield engine
    engine.close()


def keep(engine: LlamaCpp, slot: int = 0) -> None:
    engine.keep(slot)
    shelf = engine._shelf
    assert shelf is not None
    shelf.wait()


def states_of(folder: StatesFolder) -> list[Path]:
    return [one.path for one in folder.states()]


def test_another_process_evaluates_only_what_is_new(engine: LlamaCpp, ids: list[int]) -> None:
    assert [engine.reusable(ids[:700], slot) for slot in range(SLOTS)] == [600, 600]
    evaluation = prefill(engine, ids[:700], slot=1)
    assert (evaluation.cached, evaluation.evaluated, evaluation.completed) == (600, 100, True)
    assert list(engine.cached(1)) == ids[:700]
    assert list(engine.cached(0)) == []


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("typed", [0, 1, 20])
def test_the_next_key_stays_where_its_window_is(
    model: Model, kept: StatesFolder, ids: list[int], typed: int, *, shared: bool
) -> None:
    """The window was kept at a rest: its state shares as much with the next key's prompt as the slot itself does."""
    opened = SharedProcess.over(lambda: open_engine(model, kept)) if shared else open_engine(model, kept)
    with closing(opened):
        engine = opened.join() if isinstance(opened, SharedProcess) else opened
        other = [9, *ids[:200]]
        prefill(engine, other, slot=0)  # another place, the one used longest ago
        prefill(engine, ids[: 600 - typed], slot=1)
        prompt = Prompt([*ids[:600], 9], "spm", _NONE, _NONE)
        choice = choose([prompt], (0, 1), engine.reusable, (0, 1))
        assert choice.slot == 1
        assert choice.cost <= 1 + typed
        assert engine.reusable(other, 0) == len(other)


def test_a_prompt_that_leaves_it_halfway_uses_the_first_half(engine: LlamaCpp, ids: list[int]) -> None:
    evaluation = prefill(engine, [*ids[:300], 9, 9, *ids[500:600]])
    assert (evaluation.cached, evaluation.evaluated) == (300, 102)


@pytest.mark.parametrize("cut", [599, 600, 601, 640, 400, 100])
def test_answers_are_those_of_a_cold_cache(model: Model, engine: LlamaCpp, ids: list[int], cut: int) -> None:
    cold_engine = open_engine(model, None)
    cold, _ = generate(cold_engine, ids[:cut], 24)
    cold_engine.close()
    warm, generation = generate(engine, ids[:cut], 24)
    assert generation.prefill.cached >= min(cut, 600) - 1
    assert [(token.id, token.logprob) for token in warm] == [(token.id, token.logprob) for token in cold]


def test_what_a_slot_holds_is_not_read_again(engine: LlamaCpp, ids: list[int], kept: StatesFolder) -> None:
    prefill(engine, ids[:590])
    for path in states_of(kept):
        path.write_bytes(b"")
    assert prefill(engine, ids[:620]).completed
    assert generate(engine, ids[:621])[1].prefill.evaluated == 1


def test_what_is_kept_is_not_written_again_and_what_grew_takes_its_place(
    engine: LlamaCpp, ids: list[int], kept: StatesFolder
) -> None:
    (before,) = states_of(kept)
    prefill(engine, ids[:620])
    keep(engine)
    assert states_of(kept) == [before]
    prefill(engine, ids[:800])
    keep(engine)
    (after,) = states_of(kept)
    assert after != before
    prefill(engine, [*ids[:100], *ids[300:600]])
    keep(engine)
    assert len(states_of(kept)) == 2


def test_short_prompts_are_not_kept(engine: LlamaCpp, kept: StatesFolder) -> None:
    prefill(engine, [5, 6, 7] * 10)
    keep(engine)
    assert len(states_of(kept)) == 1


@pytest.mark.parametrize("where", [0, 20, 0.3, 0.9, -33, -1])
def test_a_state_edited_by_hand_is_not_read(model: Model, ids: list[int], kept: StatesFolder, where: float) -> None:
    (path,) = states_of(kept)
    data = bytearray(path.read_bytes())
    at = int(where * len(data)) if 0 < where < 1 else int(where)
    data[at] ^= 0xFF
    path.write_bytes(data)
    engine = open_engine(model, kept)
    evaluation = prefill(engine, ids[:600])
    assert (evaluation.cached, evaluation.evaluated) == (0, 600)
    assert not path.exists()
    engine.close()


def test_a_sealed_state_of_other_ids_under_its_name_is_not_read(
    model: Model, ids: list[int], kept: StatesFolder, engine: LlamaCpp
) -> None:
    """One who knows the format changes the ids and seals it again: the name gives it away, and the engine's count."""
    (path,) = states_of(kept)
    shelf = engine._shelf
    assert shelf is not None
    payload = path.read_bytes()[: -600 * 4 - 88]
    path.write_bytes(payload)
    seal(path, packed([*ids[:300], *ids[:300]]), shelf.known.at.identity)
    other = open_engine(model, kept)
    assert prefill(other, ids[:600]).evaluated == 600
    assert prefill(other, [*ids[:300], *ids[:300]], slot=1).evaluated == 600
    other.close()


def test_other_conditions_find_nothing(model: Model, ids: list[int], kept: StatesFolder) -> None:
    for window, cache in ((WINDOW * 2, "f16"), (WINDOW, "q8_0")):
        engine = open_engine(model, kept, window=window, cache=cache)
        assert prefill(engine, ids[:600]).evaluated == 600
        engine.close()


def test_a_model_replaced_under_the_same_name_finds_nothing(
    model: Model, ids: list[int], folder: StatesFolder, tmp_path: Path
) -> None:
    path = tmp_path / "own.gguf"
    shutil.copy2(model.header.path, path)
    own = evolve(model, header=evolve(model.header, path=path))
    for _ in range(2):
        engine = open_engine(own, folder)
        prefill(engine, ids[:600])
        keep(engine)
        engine.close()
    times, data = path.stat(), bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 100_000] = bytes(100_000)
    path.with_suffix(".new").write_bytes(data)
    path.with_suffix(".new").replace(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    engine = open_engine(own, folder)
    assert prefill(engine, ids[:600]).evaluated == 600
    engine.close()


def test_two_servers_on_one_folder_find_each_others(model: Model, ids: list[int], folder: StatesFolder) -> None:
    one, two = open_engine(model, folder), open_engine(model, folder)
    assert prefill(one, ids[:600]).evaluated == 600
    keep(one)
    assert prefill(two, ids[:600]).evaluated == 0
    prefill(two, ids[200:900])
    keep(two)
    assert one.reusable(ids[200:900], 1) == 700
    for path in states_of(folder):  # and what one removes is only gone
        path.unlink()
    assert prefill(one, ids[200:900], slot=1).evaluated == 700
    one.close()
    two.close()


def test_the_budget_holds(model: Model, ids: list[int], tmp_path: Path) -> None:
    folder = StatesFolder(tmp_path / "states", 2_500_000)
    engine = open_engine(model, folder)
    for start in range(0, 300, 50):
        prefill(engine, ids[start : start + 500])
        keep(engine)
    states = folder.states()
    assert 1 < len(states) < 6
    assert sum(one.size for one in states) <= folder.budget
    assert engine._shelf is not None
    assert engine._shelf.known.worth(ids[250:750], 0) == 500
    engine.close()


def test_a_folder_that_cannot_be_made_costs_only_speed(model: Model, ids: list[int], tmp_path: Path) -> None:
    (tmp_path / "states").write_text("a file")
    engine = open_engine(model, StatesFolder(tmp_path / "states", 10**9))
    prefill(engine, ids[:600])
    engine.keep(0)
    assert prefill(engine, ids[:601]).evaluated == 1
    engine.close()


SCRIPT = """
import sys, threading, os
from pathlib import Path
from tests.unit.states.test_llama_cpp_states import *
model = read_model(shipped_model())
found = model.tokenizer.encode("".join(CODE.replace("total", f"total_{n}") for n in range(40)))
folder = StatesFolder(Path(sys.argv[1]), 10**9)
engine = open_engine(model, folder)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is POSIX")
def test_a_full_disk_costs_only_speed(folder: StatesFolder) -> None:
    script = SCRIPT + (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "prefill(engine, found[:600])\n"
        "keep(engine)\n"
        "print(prefill(engine, found[:601]).evaluated, len(folder.states()), len(list(folder.path.glob('.s*/*'))))\n"
        "engine.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder.path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0", "0"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("delay", [0.0, 0.002, 0.005, 0.02, 0.05])
def test_killed_while_writing_leaves_nothing_wrong(
    model: Model, ids: list[int], folder: StatesFolder, delay: float
) -> None:
    script = SCRIPT + (
        "print('ready', flush=True)\n"
        "for start in range(10_000):\n"
        "    prefill(engine, [start % 400 + 20, *found[:600]])\n"
        "    engine.keep(0)\n"
        "    print('kept', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(folder.path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    engine, cold = open_engine(model, folder), open_engine(model, None)
    for start in range(5):
        prompt = [start + 20, *ids[:600]]
        warm, expected = (generate(one, prompt, 8)[0] for one in (engine, cold))
        assert [(one.id, one.logprob) for one in warm] == [(one.id, one.logprob) for one in expected]
    assert len(list(folder.path.glob(".staging-*"))) == 1
    engine.close()
    cold.close()
    assert not list(folder.path.glob(".staging-*"))


def test_common_beginnings_are_counted_as_by_the_engine(engine: LlamaCpp, ids: list[int]) -> None:
    for prompt in (ids[:50], ids[:90], [*ids[:150], 3], ids[1:300]):
        assert engine.reusable(prompt, 0) in {0, common_prefix(prompt, ids[:600])}
