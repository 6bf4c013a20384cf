"""Each batch size as it would be deployed: at the learning rate and in the evaluation that validation images choose.

An evaluation is deployable where it classifies one image at a time. Moving averages and recalibrated statistics do; the
statistics of a batch do at batch size 1 alone, where they are those of the image itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from smallbatch.claims.conditions import SMALLEST
from smallbatch.claims.contrasts import Estimator, over_seeds, scattered, slope_weights
from smallbatch.claims.results import Result
from smallbatch.claims.tables import Cells, NotMeasured, Tables, cells_across, errors_of

# Where the learning rates come from: one for all batch sizes, or one for each.
POLICIES = ("batch_size", "tuned")
WITH_ONE_IMAGE = ("moving", "recalibrated")
DEPLOYED = "as deployed"
A_U = "the test error is lowest at a batch size in between (its curve over log2 is a U)"


@dataclass(frozen=True)
class Chosen:
    """The choice for each batch size: test errors by seed in points, (seeds, sizes); the runs; what was chosen.

    `choices` are pairs by batch size, of which `kinds` says what they are.
    """

    errors: pd.DataFrame
    cells: Cells
    choices: dict[float, tuple[str, str]]
    kinds: str = "evaluation and experiment"

    def details(self) -> tuple[str, ...]:
        """Return the choices and the mean errors in words."""
        chosen = ", ".join(f"{size:g}: {name} ({other})" for size, (other, name) in self.choices.items())
        means = ", ".join(f"{size:g}: {error:.1f}" for size, error in self.errors.mean().items())
        return f"{self.kinds} by batch size: {chosen}", f"mean test errors: {means}"


def evaluations_at(batch_size: float) -> tuple[str, ...]:
    """Return the deployable evaluations of a batch size."""
    return (*WITH_ONE_IMAGE, "batch") if batch_size == SMALLEST else WITH_ONE_IMAGE


@lru_cache(maxsize=8)
def choose(tables: Tables) -> Chosen:
    """Choose policy and evaluation of each batch size by its mean validation error over seeds.

    Of equal errors the first counts. Seeds that lack a run of what was chosen are left out. Raises `NotMeasured` where
    no policy has runs.
    """
    options = list(_options(tables))
    if not options:
        raise NotMeasured(f"there are no runs of {' or '.join(POLICIES)}")
    choices, names, errors = {}, {}, {}
    for size in sorted({size for _, cells in options for size in cells.runs}):
        candidates = [
            (validation.mean(), place, experiment, name, test, cells.runs[size])
            for place, (experiment, cells) in enumerate(options)
            if size in cells.runs
            for name in evaluations_at(size)
            for validation, test in [_errors(tables, cells, size, name)]
        ]
        _, _, experiment, name, test, runs = min(candidates, key=lambda each: each[:2])
        choices[size], names[size], errors[size] = (experiment, name), runs, test
    used = dict.fromkeys(experiment for experiment, _ in choices.values())
    return Chosen(*lined_up(names, errors, ", ".join(used)), choices)


def lined_up(names: dict, errors: dict, experiments: str) -> tuple[pd.DataFrame, Cells]:
    """Return test errors and runs of the seeds that have all batch sizes; both come by batch size, with seeds below."""
    table, runs = pd.DataFrame(errors).dropna(), pd.DataFrame(names)
    whole = runs.loc[table.index]
    return table, Cells(whole, experiments, tuple(runs.index.difference(whole.index).tolist()))


def _options(tables: Tables) -> Iterator[tuple[str, Cells]]:
    for experiment in POLICIES:
        try:
            yield experiment, cells_across(tables, experiment, "used_sgd_batch_size")
        except NotMeasured:
            continue


def _errors(tables: Tables, cells: Cells, size: float, evaluation: str) -> tuple[np.ndarray, pd.Series]:
    """Return validation errors, (seeds,), and test errors by seed, of one batch size in points."""
    place = list(cells.runs).index(size)
    validation, test = (errors_of(tables, cells, evaluation, split)[:, place] for split in ("validation", "test"))
    return validation, pd.Series(test, index=cells.runs.index)


def slope_of_chosen(
    choose: Callable[[Tables], Chosen], evaluation: str = "recalibrated", degree: int = 1, smallest: float = 0
) -> Estimator:
    """Estimate slope (degree 1) or curvature (2) of the test error over chosen runs; Student's t interval over seeds.

    `evaluation` is the one whose scatter over repeated trainings counts; smaller batch sizes than `smallest` do not.
    """

    def estimate(tables: Tables) -> Result:
        chosen = choose(tables)
        errors = chosen.errors.loc[:, chosen.errors.columns >= smallest]
        cells = Cells(chosen.cells.runs[list(errors)], chosen.cells.experiments, chosen.cells.seeds_left_out)
        weights = slope_weights(cells, degree)
        result = over_seeds(tables, cells, errors.to_numpy() @ weights, "t", chosen.details())
        return scattered(result, evaluation, weights)

    return estimate
