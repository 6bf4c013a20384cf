"""Made-up tables of the studies of the second round: runs of a pair with snapshots, of which every error is given."""

import numpy as np
import pandas as pd

from smallbatch.claims import Tables
from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.verdicts import Verdicts, judge

EVALUATIONS = ("moving", "batch", "recalibrated", "moving_0.9997", "moving_0.9", "moving_steps_per_epoch")

RATES = (0.005, 0.01, 0.02)
# By evaluation, the rate with the lowest validation error and that error; per-batch statistics are best everywhere.
BEST = {"moving": (0.01, 40), "batch": (0.02, 20), "recalibrated": (0.005, 30)}


def pair(error, seeds=range(6), steps_per_epoch=None, epochs=None, loss=None, experiment="pair", **columns):
    """Return tables of a pair: `error(size, epoch, steps, evaluation, seed)` in points, at the snapshots of `points`.

    By batch size, `steps_per_epoch` and `epochs`, those at which there are snapshots; the last ends the training. The
    validation loss is `loss(size, epoch)`.
    """
    steps_per_epoch = steps_per_epoch or {10: 400, 32: 125}
    epochs = epochs or {10: (5, 20, 60), 32: (5, 20, 60, 192)}
    runs, snapshots = [], []
    for size in (10, 32):
        for seed in seeds:
            run, last = f"b{size}-s{seed}", epochs[size][-1]
            row = {"run": run, "experiments": experiment, "outcome": "finished", "seed": seed, "batch_size": size,
                   "epochs_done": last, "steps_done": last * steps_per_epoch[size]} | columns  # fmt: skip
            for epoch in epochs[size]:
                steps = epoch * steps_per_epoch[size]
                for name in EVALUATIONS:
                    accuracy = 1 - error(size, epoch, steps, name, seed) / 100
                    row[f"{name}_test_accuracy"] = accuracy  # of the last
                    for split in ("validation", "test"):
                        at = {"run": run, "epoch": float(epoch), "steps": steps, "evaluation": name, "split": split}
                        snapshots.append(at | {"loss": (loss or (lambda *_: 1.0))(size, epoch), "accuracy": accuracy})
            runs.append(row)
    return Tables(runs=pd.DataFrame(runs), snapshots=pd.DataFrame(snapshots))


def verdicts_of(tables, claim) -> Verdicts:
    return judge(tables, [find_claim(claim)])


def scattered(seed, by=0.3):
    """Return how far a seed is off, with mean zero over an even number of them."""
    return by if seed % 2 else -by


def sweep(slope=0.0, sizes=(1, 2, 4, 8), seeds=range(6), test_offset=0.0):
    """Return tables of a search with two seeds, and of the runs at all rates with six.

    The test error is that of the validation images plus `slope` per doubling of the batch size.
    """
    rows = []
    for experiment, with_seeds in (("search", (0, 1)), ("tuned", seeds)):
        for size in sizes:
            for rate in RATES:
                for seed in with_seeds:
                    row = {"run": f"{experiment}-b{size}-{rate}-s{seed}", "experiments": experiment, "seed": seed,
                           "outcome": "finished", "used_sgd_batch_size": size, "used_learning_rate": rate}  # fmt: skip
                    for name in EVALUATIONS[:3]:
                        best, error = BEST[name]
                        error += 100 * abs(rate - best) * 5
                        shift = test_offset + slope * np.log2(size) + scattered(seed, 0.02 * size)
                        row[f"{name}_validation_accuracy"] = 1 - error / 100
                        row[f"{name}_test_accuracy"] = 1 - (error + shift) / 100
                    rows.append(row)
    return Tables(runs=pd.DataFrame(rows))
