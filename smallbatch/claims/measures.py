"""What is measured for the claims: each function here makes a measure, which takes the tables and returns a number.

Most numbers are a weighted sum of the test errors of the runs of one seed, averaged over seeds: a difference, a slope,
an interaction. `contrast` does that for all of them, with one of three intervals: the bootstrap over seeds, Student's
t, or the bootstrap over seeds and test images.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from smallbatch import statistics
from smallbatch.claims.rules import Found
from smallbatch.claims.tables import (
    Cells,
    NotMeasured,
    Tables,
    cells_across,
    cells_of,
    correct_images_of,
    errors_of,
    share_diverged,
    values_of,
)
from smallbatch.statistics import log2_weights

Measure = Callable[[Tables], Found]

SMALL, LARGE = 1, 32
# Weights of A, B, C and A32, see `interaction`.
INTERACTION = (1, -1, -1, 1)
# Below so many seeds the sign-flip test cannot reach 0.05.
SEEDS_FOR_TEST = 6


def slope(
    experiment: str,
    evaluation: str,
    column: str = "used_sgd_batch_size",
    interval: str = "bootstrap",
    degree: int = 1,
    **selection,
) -> Measure:
    """Measure the slope (degree 1) or curvature (2) of the test error on log2 of a column, in points per doubling."""

    def measure(tables: Tables) -> Found:
        cells = cells_across(tables, experiment, column, **selection)
        weights = _weights(cells, degree)
        return contrast(tables, cells, weights, evaluation, interval, _sizes_note(cells))

    return measure


def slope_at_matched_loss(experiment: str) -> Measure:
    """Measure the slope of the validation error at the same training loss (see `statistics.error_at_matched_loss`)."""

    def measure(tables: Tables) -> Found:
        cells = cells_across(tables, experiment, "used_sgd_batch_size")
        if tables.history.empty:
            raise NotMeasured("there is no history of training")
        diverged = pd.Series(values_of(tables, cells, "outcome").ravel() == "diverged", index=cells.names.ravel())
        matched = statistics.error_at_matched_loss(tables.history, diverged, tables.n_classes)
        if matched.empty:
            raise NotMeasured("every run diverged")
        errors = matched["error"].loc[cells.names.ravel()].to_numpy().reshape(cells.names.shape)
        epochs = ", ".join(f"{size:g}: {matched['epoch'].loc[names].median():g}" for size, names in cells.runs.items())
        note = f"training loss {matched['level'].iloc[0]:.3f}; median epoch there by batch size: {epochs}"
        return over_seeds(tables, cells, errors @ _weights(cells, 1), notes=[note])

    return measure


def difference(of: tuple[str, dict], minus: tuple[str, dict], evaluation: str, interval: str = "bootstrap") -> Measure:
    """Measure the difference of the test errors of two conditions, each an experiment and the values wanted there."""

    def measure(tables: Tables) -> Found:
        cells = cells_of(tables, {"of": of, "minus": minus})
        return contrast(tables, cells, [1, -1], evaluation, interval)

    return measure


def artefact(*conditions: tuple[str, dict]) -> Measure:
    """Measure how much test accuracy the moving averages cost: recalibrated minus moving, in points.

    With two conditions: how much more they cost in the first than in the second.
    """

    def measure(tables: Tables) -> Found:
        cells = cells_of(tables, {str(k): condition for k, condition in enumerate(conditions)})
        costs = errors_of(tables, cells, "moving") - errors_of(tables, cells, "recalibrated")
        return over_seeds(tables, cells, costs @ np.array([1, -1][: len(conditions)]))

    return measure


def artefact_of_long_memory(long: tuple[str, dict], short: tuple[str, dict]) -> Measure:
    """Measure the artefact of a long memory, with the interval of that of a short one as its companion."""

    def measure(tables: Tables) -> Found:
        found, companion = artefact(long)(tables), artefact(short)(tables)
        return dataclasses.replace(found, companion=(companion.low, companion.high))

    return measure


def interaction(size: int) -> Measure:
    """Measure by how much two small batches together differ from the sum of the effects of each: A - B - C + A32.

    A is standard batch norm at this batch size and at 32; B is ghost batch norm over parts of this size, in batches of
    32; C is the loss of so many images, in batches of 32. Test error, recalibrated, points.
    """

    def measure(tables: Tables) -> Found:
        return contrast(tables, interaction_cells(tables, size), INTERACTION, "recalibrated")

    return measure


def interaction_cells(tables: Tables, size: int) -> Cells:
    """Return the runs that the interaction at a batch size is made of, in the order of `INTERACTION`."""
    conditions = {
        "A": ("batch_size", {"batch_size": size}),
        "B": ("ghost", {"batch_size": LARGE, "ghost_batch_size": size}),
        "C": ("masked_loss", {"batch_size": LARGE, "masked_loss_batch_size": size}),
        "A32": ("batch_size", {"batch_size": LARGE}),
    }
    return cells_of(tables, conditions)


def probability_of_one(experiment: str, evaluation: str) -> Measure:
    """Measure the bootstrap probability that batch size 1 has the lowest test error of all batch sizes."""

    def measure(tables: Tables) -> Found:
        cells = cells_across(tables, experiment, "used_sgd_batch_size")
        sizes = list(cells.runs)
        if SMALL not in sizes:
            raise NotMeasured(f"experiment {experiment} has no batch size {SMALL} in these seeds")
        shares = statistics.probability_best(errors_of(tables, cells, evaluation))
        by_size = ", ".join(f"{size:g}: {share:.2f}" for size, share in zip(sizes, shares, strict=True))
        return Found(
            float(shares[sizes.index(SMALL)]),
            n_seeds=len(cells.runs),
            diverged=share_diverged(tables, cells),
            experiment=cells.experiments,
            notes=(*cells.notes, f"probability by batch size: {by_size}", *few_seeds(len(cells.runs))),
        )

    return measure


def regret(batch_size: int, evaluation: str) -> Measure:
    """Measure what training to the end costs against stopping at the epoch with the lowest validation loss.

    Test error at the end minus that of the kept epoch, of two runs with the same seed that differ in nothing else.
    """

    def measure(tables: Tables) -> Found:
        runs = tables.runs
        if "early_stopping_patience" not in runs:
            raise NotMeasured("the runs have no column early_stopping_patience")
        marked = runs.assign(keeps_best=runs["early_stopping_patience"].notna().astype(int))
        tables = dataclasses.replace(tables, runs=marked)
        wanted = {"batch_size": batch_size}
        cells = cells_of(
            tables,
            {
                "end": ("duration", {**wanted, "keeps_best": 0}),
                "kept": ("duration", {**wanted, "keeps_best": 1}),
            },
        )
        kept = values_of(tables, cells, "kept_epoch")[:, 1].astype(float)
        note = f"kept epochs: {', '.join(f'{epoch:g}' for epoch in kept)}"
        return contrast(tables, cells, [1, -1], evaluation, notes=[note])

    return measure


def contrast(
    tables: Tables,
    cells: Cells,
    weights: Sequence[float],
    evaluation: str,
    interval: str = "bootstrap",
    notes: Sequence[str] = (),
) -> Found:
    """Return the mean over seeds of a weighted sum of test errors, in points."""
    weights = np.asarray(weights, float)
    found = over_seeds(tables, cells, errors_of(tables, cells, evaluation) @ weights, interval, notes)
    if interval == "images":
        low, high = statistics.pigeonhole_interval(correct_images_of(tables, cells, evaluation), weights)
        found = dataclasses.replace(found, low=low, high=high)
    return found


def over_seeds(
    tables: Tables, cells: Cells, values: np.ndarray, interval: str = "bootstrap", notes: Sequence[str] = ()
) -> Found:
    """Return the mean of a value per seed, (seeds,), that was made from these cells."""
    estimate = statistics.mean_over_seeds(values)
    low, high = statistics.t_interval(values) if interval == "t" else (estimate.low, estimate.high)
    return Found(
        estimate.number,
        low,
        high,
        estimate.p,
        n_seeds=estimate.n,
        diverged=share_diverged(tables, cells),
        experiment=cells.experiments,
        notes=(*cells.notes, *notes, *few_seeds(estimate.n)),
    )


def few_seeds(n: int) -> list[str]:
    """Return what so few seeds cannot show."""
    if n < statistics.FEWEST_SEEDS:
        return [f"nothing is decided by fewer than {statistics.FEWEST_SEEDS} seeds"]
    if n < SEEDS_FOR_TEST:
        return [f"with {n} seeds the sign-flip p cannot be below {2 / 2**n:.3g}"]
    return []


def _weights(cells: Cells, degree: int) -> np.ndarray:
    if cells.runs.shape[1] <= degree:
        raise NotMeasured(f"experiment {cells.experiments} has too few batch sizes: {list(cells.runs)}")
    return log2_weights(list(cells.runs), degree)


def _sizes_note(cells: Cells) -> list[str]:
    return [f"batch sizes {', '.join(f'{size:g}' for size in cells.runs)}"]
