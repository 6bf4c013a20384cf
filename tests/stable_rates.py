"""Points of the notebook on learning rates, made up so that the rates are known."""

import numpy as np
import pandas as pd

SIZES = [1, 2, 4, 8]


def points(seeds):
    """Checkpoints whose stable rate is proportional to the batch size, and whose best step has the rate 0.02."""
    grid = 0.01 * 2.0 ** np.arange(8)
    rows = []
    for seed in seeds:
        for size in SIZES:
            for repetition in range(2):
                rows += [
                    ("short training", batch_norm, size, repetition, rate, rate, rate <= 0.02 * size, seed)
                    for batch_norm in ("recalibrated", "batch")
                    for rate in grid
                ]
                rows += [("one step", "recalibrated", size, repetition, rate, 1 + np.log2(rate / 0.02) ** 2, None, seed)
                         for rate in grid[:4]]  # fmt: skip
    columns = ["measurement", "batch_norm", "batch_size", "repetition", "learning_rate", "loss", "stable", "seed"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(run=[f"checkpoint-{seed}" for seed in table["seed"]])
