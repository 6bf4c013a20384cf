"""What is free on this machine."""

import os
import subprocess
import sys

from smallbatch.measurements.cost.machine import available_mib, busy_cores


def test_a_busy_core_is_noticed():
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        busy = busy_cores(0.5)
        other.kill()
    assert busy is None or 0.3 < busy < 1.1 * (os.cpu_count() or 1)


def test_free_memory_is_that_of_this_machine():
    free = available_mib()
    assert free is None or 10 < free < 1e8
