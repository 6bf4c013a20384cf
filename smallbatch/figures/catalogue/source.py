"""Figures of the page "Where the claim comes from"."""

import numpy as np
import pandas as pd

from smallbatch.figures import wilson_martinez as drawn
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence
from smallbatch.measurements.wilson_martinez.findings import named

KEYS = ["run", "dataset", "gradient", "batch_size", "repetition"]


def _points(evidence: Evidence) -> tuple[pd.DataFrame, str, pd.DataFrame]:
    points, summaries, study = evidence.measurement("wilson_martinez")
    return named(points), study, named(summaries)


def _accuracy(evidence: Evidence) -> Data:
    points, study, runs = _points(evidence)
    columns = [*KEYS, "test_accuracy", "epochs_to_target", "censored"]
    table = points.loc[points["gradient"] == "mean", columns]
    return Data(table, study, runs[runs["run"].isin(table["run"])])


def _accuracy_alt(table: pd.DataFrame) -> str:
    parts = []
    for name, rows in table.groupby("dataset", sort=False):
        accuracy = _ends(rows.groupby("batch_size")["test_accuracy"].mean(), lambda v: f"{100 * v:.1f} %")
        epochs = _ends(_geometric_means(rows, "epochs_to_target"), lambda v: f"{v:.1f}")
        parts.append(f"{drawn.DATASETS[name]}: test accuracy {accuracy}, epochs {epochs}")
    return f"Two rows of charts against batch size, test accuracy above and epochs below. {'; '.join(parts)}."


def _rates(evidence: Evidence) -> Data:
    points, study, runs = _points(evidence)
    return Data(points[[*KEYS, "largest_stable_rate", "stable_at_edge"]], study, runs)


def _rates_alt(table: pd.DataFrame) -> str:
    parts = []
    for (name, gradient), rows in table.dropna().groupby(["dataset", "gradient"], sort=False):
        rates = _ends(_geometric_means(rows, "largest_stable_rate"), lambda v: f"{v:.2g}")
        parts.append(f"{drawn.DATASETS[name]}, {drawn.GRADIENTS[gradient][2]}: {rates}")
    return f"Charts with logarithmic axes, largest stable learning rate by batch size. {'; '.join(parts)}."


def _geometric_means(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows[column].astype(float).map(np.log).groupby(rows["batch_size"]).mean().map(np.exp)


def _ends(values: pd.Series, text) -> str:
    """Return what is at the smallest and at the largest batch size."""
    shown = values.iloc[[0, -1]]
    return " and ".join(f"{text(value)} at batch size {size}" for size, value in shown.items())


FIGURES = [
    Citable(
        "source-accuracy",
        "Accuracy and speed of on-line and batch training",
        "Test accuracy (above) and epochs until the hold-out accuracy is within one point of the best (below) against "
        "batch size, at each batch size's own best learning rate, for networks with one hidden layer. The rightmost "
        "batch size is the whole training set. Light dots are repetitions (hollow: target not reached), lines go "
        "through means (of epochs: geometric), bars are 95 % bootstrap intervals.",
        _accuracy,
        drawn.accuracy_and_epochs,
        _accuracy_alt,
    ),
    Citable(
        "source-rates",
        "The largest stable learning rate, for means and for sums of gradients",
        "The largest learning rate up to which training ends with a lower loss than it began with, against batch size, "
        "where a step follows the mean of its examples' gradients (as today) or their sum (as in 2003). Light dots are "
        "repetitions (hollow: the highest rate tried was stable), lines geometric means with 95 % bootstrap intervals. "
        "Grey lines are slopes to compare with.",
        _rates,
        drawn.stable_rates,
        _rates_alt,
    ),
]
