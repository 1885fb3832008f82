"""Which model a machine should take: machines that are not here, and the table of docs/models.md."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import evolve

from starcoder_lsp.completer.speed import Speed
from starcoder_lsp.engine.llama_cpp_fit import Device
from starcoder_lsp.hub.probe import Probe
from starcoder_lsp.hub.recommend import Machine, Recommendation, recommend, sentence
from starcoder_lsp.models.known import KNOWN

GB = 10**9
CPU = Device("CPU", "", kind="cpu", free=0)


def speeds(prefill: float, decode: float) -> Probe:
    """Of a machine on which StarCoder2-3B as Q4_K_M evaluates and writes so many tokens a second."""
    [model] = [one for one in KNOWN if one.name == "starcoder2-3b"]
    return Probe(Speed(prefill, decode), model.parameters, model.files[0].bytes)


def card(free: float) -> Device:
    return Device("CUDA0", "a card", kind="gpu", free=int(free * GB))


MACHINES = {
    "laptop, 4 GB, no GPU": Machine(int(2.2 * GB), (CPU,), speeds(25, 9)),
    "laptop, 16 GB, no GPU": Machine(10 * GB, (CPU,), speeds(60, 16)),
    "card with 12 GB": Machine(24 * GB, (CPU, card(11)), speeds(80, 18), speeds(6000, 120)),
    "card with 24 GB": Machine(24 * GB, (CPU, card(23)), speeds(80, 18), speeds(12000, 250)),
    "Mac, 16 GB unified": Machine(
        11 * GB, (CPU, Device("Metal", "Apple", kind="shared", free=0)), speeds(80, 18), speeds(900, 45)
    ),
}


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_recommended_fits_and_answers_in_time(name: str) -> None:
    found = recommend(MACHINES[name])
    best = found.best
    assert best is not None
    assert best.too_much == ""
    assert best.fit.main.needed <= MACHINES[name].memory
    assert best.key_ms < 1200
    if found.next_larger is not None:
        assert found.next_larger.too_much


def names(found: Recommendation) -> str:
    assert found.best is not None
    return found.best.name


def test_the_table_of_the_page_is_what_is_recommended() -> None:
    page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([^|]+?) \| [^|]+ \| `([^`]+)` \|", page, re.MULTILINE))
    assert rows == {name: names(recommend(machine)) for name, machine in MACHINES.items()}


def test_more_memory_never_gives_less() -> None:
    sizes = []
    for memory in range(1, 40):
        found = recommend(evolve(MACHINES["laptop, 16 GB, no GPU"], memory=memory * GB, processor=speeds(4000, 200)))
        sizes.append(found.best.model.parameters * 2 ** (found.best.model.year - 2023) if found.best else 0)
    assert all(later >= earlier / 1.6 for earlier, later in pairwise(sizes))
    assert sizes[-1] > sizes[0]


def test_a_machine_that_is_too_small_keeps_nano() -> None:
    found = recommend(Machine(GB // 10, (CPU,), speeds(25, 9)))
    assert found.best is None
    assert "nano" in sentence(found)
    assert "memory" in sentence(found)


def test_why_not_the_next_larger_one() -> None:
    slow = sentence(recommend(Machine(60 * GB, (CPU,), speeds(60, 16))))
    assert "s for a suggestion" in slow
    small = sentence(recommend(Machine(3 * GB, (CPU,), speeds(4000, 200))))
    assert re.search(r"needs [\d.]+ GB of memory, of which 2\.\d GB may be used|one cache only", small)


def test_on_a_processor_a_model_that_keeps_the_suffix_in_front_is_cheaper_at_each_key() -> None:
    found = {one.name: one for one in recommend(MACHINES["laptop, 16 GB, no GPU"]).candidates}
    ours, theirs = found["starcoder2-3b:Q4_K_M"], found["qwen2.5-coder-3b:Q4_K_M"]
    assert ours.key_ms < theirs.key_ms / 2 + 50
    assert ours.first_ms == pytest.approx(theirs.first_ms, rel=0.05)


def test_a_card_that_is_too_small_leaves_the_processor() -> None:
    machine = Machine(30 * GB, (CPU, card(0.9)), speeds(80, 18), speeds(6000, 120))
    best = recommend(machine).best
    assert best is not None
    larger = [one for one in recommend(machine).candidates if one.model.name == "starcoder2-7b"]
    assert not any(one.on_card for one in larger)
    alone = recommend(evolve(machine, devices=(CPU,), card=None)).candidates
    assert [one.key_ms for one in larger] == [one.key_ms for one in alone if one.model.name == "starcoder2-7b"]
