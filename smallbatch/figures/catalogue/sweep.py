"""Figures of the page "Small batches at work"."""

import pandas as pd

from smallbatch import figures
from smallbatch.figures import describe
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence

EXPERIMENT = "batch_size"


def _accuracies(evidence: Evidence) -> Data:
    columns = [f"{name}_{split}_accuracy" for name in figures.EVALUATIONS for split in ("train", "test")]
    return evidence.experiment(EXPERIMENT, ["batch_size", "outcome", *columns])


def _errors_alt(table: pd.DataFrame) -> str:
    finished = table[table["outcome"] == "finished"]
    tests = describe.means(
        finished.assign(error=1 - finished["moving_test_accuracy"]), "batch_size", "error", 1, 100, " %"
    )
    trains = describe.means(
        finished.assign(error=1 - finished["moving_train_accuracy"]), "batch_size", "error", 1, 100, " %"
    )
    return f"Line chart against batch size. Mean test error by batch size: {tests}. Mean training error: {trains}."


def _evaluations_alt(table: pd.DataFrame) -> str:
    finished = table[table["outcome"] == "finished"]
    lines = [
        f"{name}: "
        + describe.means(finished.assign(e=1 - finished[f"{name}_test_accuracy"]), "batch_size", "e", 1, 100, " %")
        for name in figures.EVALUATIONS
    ]
    return f"Line chart of mean test error by batch size, a line per evaluation. {'; '.join(lines)}."


FIGURES = [
    Citable(
        "error-by-batch-size",
        "Test and training error against batch size",
        "Test and training error after training against batch size, at one learning rate and a fixed number of epochs. "
        "Each dot is one run (a seed), lines join the means over seeds. Batch norm uses its moving averages in both.",
        _accuracies,
        figures.error_by_batch_size,
        _errors_alt,
    ),
    Citable(
        "error-by-evaluation",
        "Test error of the same networks in three evaluations",
        "Test error of the same trained networks in three evaluations, against batch size. Batch norm uses its moving "
        "averages (as evaluate and predict do), the statistics of batches as small as in training, or statistics "
        "recalibrated on all training images. Each dot is one run (a seed), lines join the means over seeds.",
        _accuracies,
        figures.error_by_evaluation,
        _evaluations_alt,
    ),
]
