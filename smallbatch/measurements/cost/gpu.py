"""Estimates for a GPU that is not at hand, from the count of layers, what XLA states, and a few stated assumptions.

Every row is marked "estimate".
"""

import importlib.util
import time

import pandas as pd

from smallbatch.measurements.cost import counting
from smallbatch.measurements.cost.counting import Counted
from smallbatch.measurements.cost.parameters import Config, Network
from smallbatch.measurements.cost.process import ask
from smallbatch.measurements.cost.table import CARD, COMPILED, COUNTED, ESTIMATE, HERE, tidy, time_rows


def estimate(config: Config, counted: dict[Network, Counted]) -> pd.DataFrame:
    """Return what the count of layers gives, as a table like that of `measure`; all of it is an estimate.

    `memory_mib`, `weights_mib` (of which the weights alone) and `operations` of a step, for the networks measured here
    and for the full network on the GPU; for the GPU also its times.
    """
    pairs = [(HERE, network, config.measured()[network]) for network in config.measured()]
    pairs += [(CARD, network, config.batch_sizes) for network in config.estimated()]
    tables = []
    for machine, network, sizes in pairs:
        for size in sizes:
            rows = _counted_rows(counted[network], size)
            if machine == CARD:
                rows += time_rows(config, size, _seconds_per_step(config, counted[network], size))
            rows = [(None, *row) for row in rows]
            tables.append(tidy(ESTIMATE, machine, COUNTED, network, size, rows))
    return pd.concat(tables, ignore_index=True)


def _counted_rows(counted: Counted, size: int) -> list[tuple[str, float]]:
    return [
        ("memory_mib", counted.memory_mib(size)),
        ("weights_mib", counting.FLOAT * (counted.trainable + counted.others) / counting.MIB),
        ("operations", float(counting.work(counted.layers, size)["operations"].sum())),
    ]


def _seconds_per_step(config: Config, counted: Counted, size: int) -> float:
    return counting.seconds(
        counted.layers,
        size,
        operations_per_second=config.card_efficiency * config.card_tflops * 1e12,
        bytes_per_second=config.card_efficiency * config.card_gb_per_second * 1e9,
        seconds_to_start=config.card_start_microseconds / 1e6,
    )


def compile_without_running(config: Config) -> pd.DataFrame:
    """Return the memory and the operations of a step that XLA states after compiling the full network, by batch size.

    At the larger image size. A table like that of `measure`, without rows where JAX is not installed or no batch sizes
    are asked for.
    """
    network, sizes = config.estimated()[-1], sorted(set(config.compiled_batch_sizes))
    if not sizes or importlib.util.find_spec("jax") is None:
        return pd.DataFrame(columns=list(tidy(ESTIMATE, CARD, COMPILED, network, 1, [])))
    start = time.perf_counter()
    found = ask("compiled_memory", backend="jax", image_size=network.image_size, batch_sizes=sizes)
    print(f"compiled for batch sizes {sizes} in {time.perf_counter() - start:.0f} s", flush=True)
    tables = []
    for size in sizes:
        rows = [(None, quantity, found[str(size)][quantity]) for quantity in ("memory_mib", "operations")]
        tables.append(tidy(ESTIMATE, CARD, COMPILED, network, size, rows))
    return pd.concat(tables, ignore_index=True)
