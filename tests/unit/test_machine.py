"""Whether there is room: from what the system counts, not from what this machine happens to do."""

from __future__ import annotations

import time
from collections import namedtuple
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psutil
import pytest
from attrs import define

from starcoder_lsp.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable


@define
class System:
    """The clock and the counters of a machine with four cores."""

    now: float = 1000.0
    idle: float = 0.0
    own: float = 0.0
    battery: object = None

    def pass_time(self, seconds: float, *, idle: float, own: float = 0.0) -> None:
        """`idle` and `own` are processor seconds over all cores."""
        self.now += seconds
        self.idle += idle
        self.own += own


Battery = namedtuple("Battery", "percent power_plugged")  # noqa: PYI024 - as psutil's is


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    system = System()
    monkeypatch.setattr(time, "monotonic", lambda: system.now)
    monkeypatch.setattr(psutil, "cpu_times", lambda: SimpleNamespace(idle=system.idle, iowait=0.0))
    monkeypatch.setattr(psutil, "sensors_battery", lambda: system.battery, raising=False)
    return system


@pytest.fixture
def machine(system: System) -> Machine:
    process = SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=system.own, system=0.0))
    machine = Machine(cores=4, process=process)  # type: ignore[arg-type]
    assert machine.has_room()
    return machine


def test_an_idle_machine_has_room(machine: Machine, system: System) -> None:
    system.pass_time(10, idle=40)
    assert machine.has_room()
    assert machine.busy_share == 0


def test_a_machine_that_others_use_up_has_none(machine: Machine, system: System) -> None:
    system.pass_time(10, idle=1)
    assert not machine.has_room()
    system.pass_time(10, idle=30)
    assert machine.has_room()


def test_what_this_process_takes_does_not_count(machine: Machine, system: System) -> None:
    system.pass_time(10, idle=10, own=30)
    assert machine.has_room()
    assert machine.busy_share == pytest.approx(0)


def test_it_looks_at_most_twice_a_second(machine: Machine, system: System) -> None:
    system.pass_time(0.1, idle=0)
    assert machine.has_room()
    system.pass_time(0.6, idle=0)
    assert not machine.has_room()


@pytest.mark.parametrize(
    ("battery", "room"),
    [(None, True), (Battery(10, False), False), (Battery(10, True), True), (Battery(80, False), True)],
)
def test_a_low_battery_is_spared(machine: Machine, system: System, battery: object, *, room: bool) -> None:
    system.battery = battery
    system.pass_time(10, idle=40)
    assert machine.has_room() == room


def test_counters_that_jump_back_are_no_load(machine: Machine, system: System) -> None:
    system.pass_time(10, idle=500)
    assert machine.has_room()
    assert 0 <= machine.busy_share <= 1


def raising(error: Exception) -> Callable[[], object]:
    def ask() -> object:
        raise error

    return ask


@pytest.mark.parametrize(
    "error", [FileNotFoundError("/sys/class/power_supply"), PermissionError("no"), NotImplementedError(), IndexError()]
)
def test_a_battery_that_cannot_be_asked_for_is_none_and_is_asked_once(
    machine: Machine,
    system: System,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """psutil raises where /sys/class/power_supply is missing: https://github.com/giampaolo/psutil/issues/2067."""
    caplog.set_level("INFO")
    monkeypatch.setattr(psutil, "sensors_battery", raising(error))
    for _ in range(3):
        system.pass_time(10, idle=40)
        assert machine.has_room()
    assert len(caplog.records) == 1
    system.pass_time(10, idle=1)
    assert not machine.has_room()  # the processors are looked at all the same


def test_a_machine_without_counters_has_room(machine: Machine, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_times", raising(FileNotFoundError("/proc/stat")))
    system.pass_time(10, idle=0)
    assert machine.has_room()
