"""Estimators that several claims share: each function here makes one, which takes the tables and returns a result.

Most numbers are a weighted sum of the test errors of the runs of one seed, averaged over seeds: a difference, a slope,
an interaction. `contrast` does that for all of them, with one of three intervals: the bootstrap over seeds, Student's
t, or the bootstrap over seeds and test images.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from smallbatch import statistics
from smallbatch.claims.results import Result
from smallbatch.claims.tables import (
    Cells,
    NotMeasured,
    Tables,
    cells_across,
    cells_of,
    correct_images_of,
    count_runs,
    errors_of,
)
from smallbatch.statistics import log2_weights

Estimator = Callable[[Tables], Result]


def slope(
    experiment: str,
    evaluation: str,
    column: str = "used_sgd_batch_size",
    interval: str = "bootstrap",
    degree: int = 1,
    **selection,
) -> Estimator:
    """Estimate the slope (degree 1) or curvature (2) of the test error on log2 of a column, in points per doubling."""

    def estimate(tables: Tables) -> Result:
        cells = cells_across(tables, experiment, column, **selection)
        details = [f"batch sizes {', '.join(f'{size:g}' for size in cells.runs)}"]
        return contrast(tables, cells, slope_weights(cells, degree), evaluation, interval, details)

    return estimate


def slope_weights(cells: Cells, degree: int = 1) -> np.ndarray:
    """Return `log2_weights` of the batch sizes of cells; raise `NotMeasured` where these are too few."""
    if cells.runs.shape[1] <= degree:
        raise NotMeasured(f"experiment {cells.experiments} has too few batch sizes: {list(cells.runs)}")
    return log2_weights(list(cells.runs), degree)


def difference(
    of: tuple[str, dict], minus: tuple[str, dict], evaluation: str, interval: str = "bootstrap"
) -> Estimator:
    """Estimate the difference of the test errors of two conditions, each an experiment and the values wanted there."""

    def estimate(tables: Tables) -> Result:
        return contrast(tables, cells_of(tables, {"of": of, "minus": minus}), [1, -1], evaluation, interval)

    return estimate


def artefact(*conditions: tuple[str, dict], interval: str = "bootstrap") -> Estimator:
    """Estimate how much test accuracy the moving averages cost: recalibrated minus moving, in points.

    With two conditions: how much more they cost in the first than in the second.
    """

    def estimate(tables: Tables) -> Result:
        cells = cells_of(tables, {str(k): condition for k, condition in enumerate(conditions)})
        costs = errors_of(tables, cells, "moving") - errors_of(tables, cells, "recalibrated")
        return over_seeds(tables, cells, costs @ np.array([1, -1][: len(conditions)]), interval)

    return estimate


def contrast(
    tables: Tables,
    cells: Cells,
    weights: Sequence[float],
    evaluation: str,
    interval: str = "bootstrap",
    details: Sequence[str] = (),
) -> Result:
    """Return the mean over seeds of a weighted sum of test errors, in points."""
    weights = np.asarray(weights, float)
    result = over_seeds(tables, cells, errors_of(tables, cells, evaluation) @ weights, interval, details)
    if interval == "images":
        low, high = statistics.pigeonhole_interval(correct_images_of(tables, cells, evaluation), weights)
        result = dataclasses.replace(result, low=low, high=high)
    return result


def over_seeds(
    tables: Tables, cells: Cells, values: np.ndarray, interval: str = "bootstrap", details: Sequence[str] = ()
) -> Result:
    """Return the mean of a value per seed, (seeds,), that was made from these cells."""
    estimate = statistics.mean_over_seeds(values)
    low, high = statistics.t_interval(values) if interval == "t" else (estimate.low, estimate.high)
    return Result(
        estimate.number,
        low,
        high,
        estimate.p,
        n_seeds=estimate.n,
        experiment=cells.experiments,
        **count_runs(tables, cells),
        seeds_left_out=cells.seeds_left_out,
        details=tuple(details),
    )


def opened(end: float, infinite: float) -> float:
    """Return `infinite`, for an end of an interval that the truth may lie beyond; NaN where there is no interval."""
    return end if np.isnan(end) else infinite
