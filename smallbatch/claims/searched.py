"""A sweep over batch sizes, each at the learning rate that experiment `search` chooses in the evaluation reported.

The rule of 28 November 2026 (see the change log): what is chosen on validation images is chosen by the evaluation that
is then reported, by mean validation error over the seeds of the search. The runs of the chosen rates are those of
experiment `tuned`.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import pandas as pd

from smallbatch.claims.claim import PRIMARY, Analyses, Analysis, Plan
from smallbatch.claims.conditions import EVALUATIONS
from smallbatch.claims.contrasts import probability_of_smallest
from smallbatch.claims.deployable import A_U, DEPLOYED, Chosen, evaluations_at, lined_up, slope_of_chosen
from smallbatch.claims.results import Result
from smallbatch.claims.rules import BEST, CURVATURE, SLOPE
from smallbatch.claims.tables import NotMeasured, Tables, runs_of
from smallbatch.claims.tuning import TUNED, chosen_learning_rates
from smallbatch.statistics import error_points


def choices(tables: Tables, evaluations: Sequence[str] = EVALUATIONS) -> pd.DataFrame:
    """Return what the search chooses at each batch size in each of some evaluations.

    Columns as those of `chosen_learning_rates`, and `evaluation`. Raises `NotMeasured` where there is no search.
    """
    found = [chosen_learning_rates(tables, name).assign(evaluation=name) for name in evaluations]
    return pd.concat(found, ignore_index=True)


def rates_to_run(tables: Tables, evaluations: Sequence[str] = EVALUATIONS) -> dict[int, list[float]]:
    """Return, by batch size, the learning rates that one of the evaluations chooses: those that `tuned` has to run.

    Raises `NotMeasured` where the search offers no choice.
    """
    found = choices(tables, evaluations)
    few = sorted(found.loc[found["n_rates"] < 2, "batch_size"].unique())
    if few:
        sizes = ", ".join(f"{size:g}" for size in few)
        raise NotMeasured(f"search offers no choice yet: fewer than two learning rates at batch size {sizes}")
    return {size: sorted(rows["learning_rate"].unique()) for size, rows in found.groupby("batch_size")}


def in_evaluation(evaluation: str) -> Callable[[Tables], Chosen]:
    """Return a function of the tables: every batch size at the rate that the search chooses in one evaluation."""
    return lambda tables: _at(tables, chosen_learning_rates(tables, evaluation).assign(evaluation=evaluation))


@lru_cache(maxsize=8)
def deployed(tables: Tables) -> Chosen:
    """Return every batch size at the rate and in the deployable evaluation that the search chooses."""
    found = choices(tables)
    allowed = [row.evaluation in evaluations_at(row.batch_size) for row in found.itertuples()]
    best = found[allowed].sort_values("validation_error", kind="stable").drop_duplicates("batch_size")
    return _at(tables, best)


def _at(tables: Tables, chosen: pd.DataFrame) -> Chosen:
    """Return the runs of `tuned` at these choices, and their test errors in the evaluations that belong to them."""
    names, errors, labels = {}, {}, {}
    for row in chosen.sort_values("batch_size").itertuples():
        wanted = {"used_sgd_batch_size": row.batch_size, "used_learning_rate": row.learning_rate}
        runs = runs_of(tables, TUNED, **wanted).set_index("seed")
        if runs.index.has_duplicates:
            raise NotMeasured(f"experiment {TUNED} has more than one run for {row.batch_size:g} and a seed: ambiguous")
        names[row.batch_size] = runs["run"]
        errors[row.batch_size] = error_points(runs[f"{row.evaluation}_test_accuracy"], tables.n_classes)
        edge = ", an end of those tried" if row.at_edge else ""
        labels[row.batch_size] = (f"{row.learning_rate:g}{edge}", row.evaluation)
    table, cells = lined_up(names, errors, TUNED)
    if table.empty:
        raise NotMeasured(f"experiment {TUNED} has no seed with every batch size at its chosen rate yet")
    return Chosen(table, cells, labels, "evaluation and learning rate")


def analyses(tables: Tables) -> Analyses:
    """Return the analyses of a sweep: its slope as deployed and in every evaluation, its curvature, its best size."""
    return Analyses(
        Analysis(PRIMARY, SLOPE, slope_of_chosen(deployed), DEPLOYED),
        sensitivity=(
            *(
                Analysis(f"{name} evaluation", SLOPE, slope_of_chosen(in_evaluation(name), name), name)
                for name in EVALUATIONS
            ),
            Analysis("without batch size 1", SLOPE, slope_of_chosen(deployed, smallest=2), DEPLOYED),
        ),
        related=(
            Analysis(
                "curvature",
                CURVATURE,
                slope_of_chosen(deployed, degree=2),
                DEPLOYED,
                A_U,
            ),
            Analysis(
                "best batch size",
                BEST,
                probability_of_one,
                DEPLOYED,
                "batch size 1 has the lowest test error of all batch sizes",
            ),
        ),
    )


def probability_of_one(tables: Tables) -> Result:
    """Return the bootstrap probability that batch size 1 is the best, each batch size as it would be deployed."""
    chosen = deployed(tables)
    return probability_of_smallest(tables, chosen.cells, chosen.errors.to_numpy(), chosen.details())


PLAN = Plan(
    "slope of the test error on log2 of the batch size, each at the learning rate and in the deployable evaluation "
    "that experiment search chooses by validation error; curvature and best batch size beside it; Student's t "
    "interval over seeds",
    SLOPE.words(),
    analyses,
)
