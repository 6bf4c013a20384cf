"""What is free on this machine, read from what Linux says."""

import os

import pytest

from smallbatch.measurements.cost import machine
from smallbatch.measurements.cost.machine import available_mib, busy_cores


def test_free_memory_is_what_programs_can_have(tmp_path):
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:       16384 kB\nMemFree:         1024 kB\nMemAvailable:    2560 kB\n")
    assert available_mib(file) == 2.5


def test_cores_are_busy_with_all_but_idling_and_waiting(tmp_path, monkeypatch):
    """In two seconds: user 100, nice 20, system 30, idle 900, waiting for disks 700, interrupts 10 ticks."""
    file, clock = tmp_path / "stat", [100.0]
    file.write_text("cpu  500 0 300 4000 60 0 5 0 0 0\ncpu0 1 2 3\n")

    def sleep(seconds):
        clock[0] += seconds
        file.write_text("cpu  600 20 330 4900 760 0 15 0 0 0\ncpu0 1 2 3\n")

    monkeypatch.setattr(machine.time, "sleep", sleep)
    monkeypatch.setattr(machine.time, "perf_counter", lambda: clock[0])
    assert busy_cores(2.0, file) == pytest.approx(160 / os.sysconf("SC_CLK_TCK") / 2)


def test_a_system_that_does_not_say_is_not_guessed(tmp_path):
    assert available_mib(tmp_path / "nothing") is None and busy_cores(0.0, tmp_path / "nothing") is None


@pytest.mark.skipif(not os.path.exists("/proc/meminfo"), reason="Linux only")
def test_this_machine_says_so():
    assert available_mib() > 0 and busy_cores(0.05) >= 0
