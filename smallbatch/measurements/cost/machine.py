"""What this machine has free while it measures: memory, and cores that no other program keeps busy."""

import os
import time
from pathlib import Path


def available_mib() -> float | None:
    """Return the memory that programs can still have here, in MiB; None where the system does not say."""
    file = Path("/proc/meminfo")
    if not file.is_file():
        return None
    lines = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) / 1024


def busy_cores(seconds: float = 1.0) -> float | None:
    """Return how many cores are busy while this process sleeps for a while; None where the system does not say."""
    file = Path("/proc/stat")
    if not file.is_file():
        return None

    def ticks() -> float:
        spent = [int(number) for number in file.read_text().split("\n")[0].split()[1:9]]
        idle, waiting = spent[3:5]
        return sum(spent) - idle - waiting

    before, start = ticks(), time.perf_counter()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - start)
