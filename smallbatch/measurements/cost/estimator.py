"""Time and memory of training, measured on the machine at hand, each batch size in a process of its own."""

import numpy as np
import pandas as pd

from smallbatch.errors import UserError
from smallbatch.measurements.cost.counting import Counted
from smallbatch.measurements.cost.machine import available_mib, busy_cores
from smallbatch.measurements.cost.parameters import Config, Network
from smallbatch.measurements.cost.process import ask
from smallbatch.measurements.cost.table import HERE, MEASURED, PROCESS, tidy, time_rows

# A process holds so much memory before it trains, and what it takes to train is known this well only.
FRAMEWORK_MIB, CAUTION = 1500, 1.5
# Other programs that keep more cores busy than this spoil the times.
MOST_BUSY = 0.2


def measure(config: Config, counted: dict[Network, Counted]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measure every network at its batch sizes; return the table and, by name, why something was left out.

    The table has a row per number: `status` (measured), `machine`, `network`, `image_size`, `batch_size`, `method`,
    `round` (from 0; none where there is one number only), `quantity` and `value`. Quantities: those of `time_rows`;
    `evaluation_seconds_per_image`, at the smallest batch size only, since evaluation has batches of its own;
    `start_up_seconds`, from the import of the framework to the end of the first step; `memory_before_mib`, held before
    the first step, with network and images in place; `memory_peak_mib`, the most until the end of training;
    `memory_mib`, the difference: what training itself takes; and `busy_cores_before`, by other programs, just before:
    where it is not about zero, the times are too long.
    """
    tables, left_out = [], {}
    for network, sizes in config.measured().items():
        slowest = None  # (batch size, seconds per step) of the one before
        for size in sizes:
            reason = _reason_to_leave_out(config, counted[network], size, slowest)
            if reason:
                left_out[f"{network.label}_batch_{size}"] = reason
                print(f"{network.label}, batch size {size}: left out, {reason}", flush=True)
                continue
            busy = busy_cores()
            found = ask(
                "train",
                config=config.run(network, size),
                rounds=config.rounds,
                seconds_of_a_round=config.seconds_of_a_round,
                evaluate=size == sizes[0],
            )
            slowest = size, float(np.median(found["seconds_per_step"]))
            tables.append(_measured_rows(config, network, size, found | {"busy_cores_before": busy}))
            doubt = f" (too long: other programs kept {busy:.1f} cores busy)" if busy and busy > MOST_BUSY else ""
            print(f"{network.label}, batch size {size}: {1000 * slowest[1]:.0f} ms a step{doubt}", flush=True)
    if not tables:
        raise UserError("Nothing could be measured: " + "; ".join(f"{name}, {why}" for name, why in left_out.items()))
    return pd.concat(tables, ignore_index=True), left_out


def _reason_to_leave_out(config: Config, counted: Counted, size: int, before: tuple[int, float] | None) -> str:
    """Return why a batch size cannot be measured here, or nothing."""
    if before:
        seconds = (config.rounds + 2) * before[1] * size / before[0]
        if seconds > config.most_seconds:
            return f"its steps would take about {seconds:.0f} s"
    needed, available = FRAMEWORK_MIB + CAUTION * counted.memory_mib(size), available_mib()
    if available is not None and needed > available:
        return f"it may need {needed:.0f} MiB of memory, and {available:.0f} are free"
    return ""


def _measured_rows(config: Config, network: Network, size: int, found: dict) -> pd.DataFrame:
    rows = []
    for number, seconds in enumerate(found["seconds_per_step"]):
        rows += [(number, *row) for row in time_rows(config, size, seconds)]
    per_image = found["evaluation_seconds_per_image"]
    rows += [(number, "evaluation_seconds_per_image", seconds) for number, seconds in enumerate(per_image)]
    before, peak = found["memory_before_mib"], found["memory_peak_mib"]
    rows += [(None, name, found[name]) for name in ("start_up_seconds", "busy_cores_before")]
    rows += [(None, "memory_before_mib", before), (None, "memory_peak_mib", peak), (None, "memory_mib", peak - before)]
    return tidy(MEASURED, HERE, PROCESS, network, size, rows)
