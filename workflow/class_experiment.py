"""Measure what the class experiment shows in every seed: `python -m workflow.class_experiment`.

Runs the students' own program, `book/_static/class_experiment.py`, for ten seeds, two batch sizes and three values of
batch norm's momentum, and writes a row per training into `results/class-experiment/seeds.csv`, from which the page
takes its numbers. Rows that are there are not trained again. About fifteen minutes on two CPU cores.
"""

import os
import runpy
from itertools import product

import pandas as pd

from smallbatch.paths import in_project
from smallbatch.study.files import write_if_changed

PROGRAM = "book/_static/class_experiment.py"
TABLE = "results/class-experiment/seeds.csv"
SEEDS, BATCH_SIZES, MOMENTA = range(10), (10, 32), (0.99, 0.9, 0.997)
SETTING = ["momentum", "batch_size", "seed"]
ACCURACIES = ["during_training", "train_evaluated", "validation_evaluated", "validation_recalibrated"]


def read() -> pd.DataFrame:
    """Return the table: a row per training, accuracies in percent; empty where nothing was measured."""
    path = in_project(TABLE)
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=[*SETTING, *ACCURACIES])


def measure(train, settings) -> pd.DataFrame:
    """Train what the table lacks with `train(seed, batch_size, momentum)`, write each row as it comes, return all."""
    table = read()
    done = set(table[SETTING].itertuples(index=False, name=None))
    for momentum, batch_size, seed in settings:
        if (momentum, batch_size, seed) in done:
            continue
        found = [round(accuracy, 2) for accuracy in train(seed, batch_size, momentum)]
        row = pd.DataFrame([[momentum, batch_size, seed, *found]], columns=[*SETTING, *ACCURACIES])
        table = row if table.empty else pd.concat([table, row], ignore_index=True)
        path = in_project(TABLE)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_if_changed(path, table.sort_values(SETTING).to_csv(index=False))
        print(f"momentum {momentum:g}, batch size {batch_size}, seed {seed}:", *found, flush=True)
    return table


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    program = runpy.run_path(f"{in_project(PROGRAM)}")
    measure(program["train"], product(MOMENTA, BATCH_SIZES, SEEDS))
