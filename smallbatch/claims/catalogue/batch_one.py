"""The claim *batch-one*: the generalization error is best at batch size 1."""

import numpy as np

from smallbatch import statistics
from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words, in_other_evaluations
from smallbatch.claims.conditions import SMALLEST
from smallbatch.claims.contrasts import Estimator
from smallbatch.claims.deployable import choose
from smallbatch.claims.results import Result
from smallbatch.claims.rules import BEST, NOT_DECIDED, OPPOSITE
from smallbatch.claims.tables import Cells, NotMeasured, Tables, cells_across, count_runs, errors_of
from smallbatch.claims.tuning import deciding_experiment, rates_in_words


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the probability that batch size 1 is the best, under several policies."""
    experiment, notes = deciding_experiment(tables)
    return Analyses(
        Analysis(PRIMARY, BEST, probability_of_one(experiment, "recalibrated"), notes=notes),
        sensitivity=(
            *in_other_evaluations(lambda evaluation: probability_of_one(experiment, evaluation), BEST),
            Analysis("fixed learning rate", BEST, probability_of_one("batch_size", "recalibrated")),
            Analysis(
                "learning rate in proportion to batch size", BEST, probability_of_one("linear_scaling", "recalibrated")
            ),
        ),
    )


def probability_of_one(experiment: str, evaluation: str) -> Estimator:
    """Estimate the bootstrap probability that batch size 1 has the lowest test error of all batch sizes."""

    def estimate(tables: Tables) -> Result:
        cells = cells_across(tables, experiment, "used_sgd_batch_size")
        return _of_one(tables, cells, errors_of(tables, cells, evaluation))

    return estimate


def _of_one(tables: Tables, cells: Cells, errors: np.ndarray, details: tuple[str, ...] = ()) -> Result:
    """Return the probability for batch size 1 from errors in points, (seeds, sizes)."""
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


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analysis of each batch size as it would be deployed, and the one in recalibrated statistics."""
    experiment, notes = deciding_experiment(tables)
    return Analyses(
        Analysis(PRIMARY, BEST, probability_of_one_deployed, "as deployed"),
        sensitivity=(
            Analysis("recalibrated evaluation", BEST, probability_of_one(experiment, "recalibrated"), notes=notes),
            Analysis("fixed learning rate, batch", BEST, probability_of_one("batch_size", "batch"), "batch"),
        ),
    )


def probability_of_one_deployed(tables: Tables) -> Result:
    """Return the bootstrap probability that batch size 1 is the best, each batch size as it would be deployed."""
    chosen = choose(tables)
    return _of_one(tables, chosen.cells, chosen.errors.to_numpy(), chosen.details())


def after_answer(verdicts) -> list[str]:
    """Return what the learning rates were."""
    verdict = verdicts["batch-one"]
    return [] if verdict.word == NOT_DECIDED else [rates_in_words(verdict.result.experiment)]


CLAIM = Claim(
    "batch-one",
    "Is the generalization error best at batch size 1?",
    "batch size 1 has the lowest test error of all batch sizes",
    page="sweep",
    words=Words(
        "whether batch size 1 has the lowest test error",
        "Yes. Batch size 1 has the lowest test error of those tried",
        {OPPOSITE: "No. Another batch size has a lower test error than batch size 1"},
    ),
    registered=Plan(
        "share of bootstrap resamples of the seeds in which batch size 1 has the lowest mean test error; experiment "
        "tuned, or batch_size where that is missing; recalibrated evaluation",
        BEST.words(),
        analyses,
    ),
    amended=Plan(
        "share of bootstrap resamples of the seeds in which batch size 1 has the lowest mean test error, each batch "
        "size at the learning rate and in the deployable evaluation that validation images choose",
        BEST.words(),
        amended_analyses,
        dated=AMENDED,
        reason="batch size 1 is judged in the statistics of the image itself, with which it trained",
    ),
    prediction="whichever seeds are drawn, batch size 1 has the lowest mean error",
    after_answer=after_answer,
)
