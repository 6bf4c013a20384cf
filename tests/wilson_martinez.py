"""Small runs of the replication of Wilson & Martinez 2003, and tables whose statistics are known."""

import numpy as np
import pandas as pd

from smallbatch.measurements.wilson_martinez import repetitions, small_networks
from smallbatch.measurements.wilson_martinez.parameters import Config


def small(**parameters):
    """Small for testing: 3 repetitions, 3 rates, 4 hidden units, 3 epochs of iris."""
    tiny = {"repetitions": 3, "hidden_units": 4, "epochs": 3, "lowest_rate": 0.05, "highest_rate": 0.8}
    return Config.create(**(tiny | {"rate_factor": 4.0} | parameters))


def train(config, batch_size, sets=None):
    """Train as `measure` does, at one batch size."""
    sets = sets or repetitions.load(config)
    n, n_inputs = sets.train.inputs.shape[1:]
    first = repetitions.initial_weights(config, n_inputs, sets.train.targets.shape[-1])
    orders = [repetitions.order(config, epoch, n) for epoch in range(config.epochs)]
    return small_networks.train(first, sets, orders, batch_size, config.rates(), config.gradient)


def made_table(error_slope=0.5, ratio=8.0, stable_power=-1.0, repetitions=6):
    """A table whose statistics are known: errors fall on a line, epochs and stable rates on a power of B."""
    rows = []
    for size in (1, 2, 4, 8, 16):
        for k in range(repetitions):
            rows.append(
                {
                    "batch_size": size,
                    "repetition": k,
                    "test_accuracy": 0.9 - 0.01 * k - error_slope / 100 * np.log2(size),
                    "epochs_to_target": (2 + k) * ratio ** (np.log2(size) / 4),
                    "censored": size == 16 and k == 0,
                    "largest_stable_rate": 0.5 * float(size) ** (stable_power if size > 4 else 0.0),
                    "stable_at_edge": size == 1,
                    "rate_at_edge": False,
                }
            )
    return pd.DataFrame(rows)
