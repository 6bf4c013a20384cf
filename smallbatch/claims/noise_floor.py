"""How far a training repeats: the scatter of trainings that start from almost the same weights, and what it does.

Seeds are paired in a comparison, but rounding alone parts two trainings of one seed. The study `noise_floor` measures
by how much. What that does to a number follows from how the number is made of single trainings (`Result.scatter`).
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

from smallbatch.claims.contrasts import ARTEFACT
from smallbatch.claims.results import Result
from smallbatch.claims.tables import NotMeasured, Tables, runs_of
from smallbatch.statistics import LEVEL, error_points

STUDY = EXPERIMENT = "noise_floor"
FEWEST = 3


class Scatter(NamedTuple):
    """Standard deviation of the test error over `n` trainings, in points, with its 95 % chi-squared interval."""

    deviation: float
    low: float
    high: float
    n: int


def scatter(tables: Tables, evaluation: str, batch_size: int) -> Scatter:
    """Return the scatter at a batch size; raise `NotMeasured` where fewer than three trainings were perturbed."""
    rows = runs_of(tables, EXPERIMENT, batch_size=batch_size)
    if len(rows) < FEWEST:
        raise NotMeasured(f"experiment {EXPERIMENT} has fewer than {FEWEST} runs at batch size {batch_size}")

    def errors(name: str) -> np.ndarray:
        return error_points(rows[f"{name}_test_accuracy"], tables.n_classes).to_numpy()

    values = errors("moving") - errors("recalibrated") if evaluation == ARTEFACT else errors(evaluation)
    squares, free = ((values - values.mean()) ** 2).sum(), len(values) - 1
    quantiles = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], free)
    low, high = np.sqrt(squares / quantiles)
    return Scatter(float(np.sqrt(squares / free)), float(low), float(high), len(values))


def pooled_scatter(tables: Tables, evaluation: str) -> float:
    """Return the standard deviation over all batch sizes that were repeated, pooled; NaN where none was."""
    try:
        sizes = runs_of(tables, EXPERIMENT)["batch_size"].unique()
        found = [scatter(tables, evaluation, int(size)) for size in sizes]
    except (NotMeasured, KeyError):
        return np.nan
    return float(np.sqrt(np.average([each.deviation**2 for each in found], weights=[each.n - 1 for each in found])))


def noise_of(result: Result, tables: Tables) -> float:
    """Return the standard deviation that a number would have if all its trainings were repeated with the same seeds.

    `tables` are those of the study `noise_floor`. In points; NaN where the number is no such sum or nothing is known
    about its evaluation.
    """
    evaluation, times = result.scatter
    return times * pooled_scatter(tables, evaluation) if np.isfinite(times) else np.nan
