"""Estimators that several claims share: each function here makes one, which takes the tables and returns a result.

Most numbers are a weighted sum of the test errors of the runs of one seed, averaged over seeds: a difference, a slope,
an interaction. `contrast` does that for all of them, with one of three intervals: the bootstrap over seeds, Student's
t, or the bootstrap over seeds and test images.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from smallbatch import statistics
from smallbatch.claims.conditions import SMALLEST
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
    runs_of,
)
from smallbatch.statistics import log2_weights

Estimator = Callable[[Tables], Result]
# What the moving averages cost: a difference of two evaluations of the same weights.
ARTEFACT = "moving minus recalibrated"


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


def pooled_difference(of: tuple[str, dict], minus: tuple[str, dict], evaluation: str) -> Estimator:
    """Estimate the same difference where conditions have several runs of a seed, which are averaged first.

    For runs that differ in what cannot change this evaluation, such as the momentum of the moving averages where
    statistics are recalibrated. Student's t interval over seeds.
    """

    def estimate(tables: Tables) -> Result:
        sides = {name: runs_of(tables, experiment, **wanted) for name, (experiment, wanted) in
                 {"of": of, "minus": minus}.items()}  # fmt: skip
        means = pd.DataFrame({name: _mean_errors(rows, evaluation, tables.n_classes) for name, rows in sides.items()})
        whole = means.dropna()
        if whole.empty:
            raise NotMeasured(f"experiment {of[0]} has no seed with both conditions yet")
        values = (whole["of"] - whole["minus"]).to_numpy()
        estimate = statistics.mean_over_seeds(values)
        counts = ", ".join(f"{len(rows)} runs" for rows in sides.values())
        return Result(
            estimate.number,
            *statistics.t_interval(values),
            estimate.p,
            n_seeds=estimate.n,
            experiment=of[0],
            n_runs=sum(map(len, sides.values())),
            seeds_left_out=tuple(means.index.difference(whole.index).tolist()),
            details=(f"averaged within seeds: {counts}",),
        )

    return estimate


def _mean_errors(rows: pd.DataFrame, evaluation: str, n_classes: int) -> pd.Series:
    errors = statistics.error_points(rows[f"{evaluation}_test_accuracy"], n_classes)
    return errors.groupby(rows["seed"]).mean()


def artefact(*conditions: tuple[str, dict], interval: str = "bootstrap") -> Estimator:
    """Estimate how much test accuracy the moving averages cost: recalibrated minus moving, in points.

    With two conditions: how much more they cost in the first than in the second.
    """

    def estimate(tables: Tables) -> Result:
        cells = cells_of(tables, {str(k): condition for k, condition in enumerate(conditions)})
        costs = errors_of(tables, cells, "moving") - errors_of(tables, cells, "recalibrated")
        signs = np.array([1, -1][: len(conditions)])
        return scattered(over_seeds(tables, cells, costs @ signs, interval), ARTEFACT, signs)

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
    result = scattered(result, evaluation, weights)
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


def probability_of_smallest(tables: Tables, cells: Cells, errors: np.ndarray, details: Sequence[str] = ()) -> Result:
    """Return the bootstrap probability that the smallest batch size has the lowest of these errors, (seeds, sizes)."""
    sizes = list(cells.runs)
    if SMALLEST not in sizes:
        raise NotMeasured(f"experiment {cells.experiments} has no batch size {SMALLEST} in these seeds")
    probabilities = statistics.probability_best(errors)
    by_size = ", ".join(f"{size:g}: {p:.2f}" for size, p in zip(sizes, probabilities, strict=True))
    return Result(
        float(probabilities[sizes.index(SMALLEST)]),
        n_seeds=len(cells.runs),
        experiment=cells.experiments,
        **count_runs(tables, cells),
        seeds_left_out=cells.seeds_left_out,
        details=(f"probability by batch size: {by_size}", *details),
    )


def scattered(result: Result, evaluation: str, weights: Sequence[float]) -> Result:
    """Return a result that says how much of the scatter of single trainings in an evaluation reaches its number.

    `weights` are those of the trainings of a seed; the number is the mean over seeds of their weighted sum.
    """
    times = float(np.linalg.norm(weights) / np.sqrt(result.n_seeds)) if result.n_seeds else np.nan
    return dataclasses.replace(result, scatter=(evaluation, times))


def opened(end: float, infinite: float) -> float:
    """Return `infinite`, for an end of an interval that the truth may lie beyond; NaN where there is no interval."""
    return end if np.isnan(end) else infinite
