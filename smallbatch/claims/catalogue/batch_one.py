"""The claim *batch-one*: the generalization error is best at batch size 1."""

from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words, in_other_evaluations
from smallbatch.claims.contrasts import Estimator, probability_of_smallest
from smallbatch.claims.deployable import DEPLOYED, choose
from smallbatch.claims.results import Result
from smallbatch.claims.rules import BEST, NOT_DECIDED, OPPOSITE
from smallbatch.claims.tables import Tables, cells_across, errors_of
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
        return probability_of_smallest(tables, cells, errors_of(tables, cells, evaluation))

    return estimate


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analysis of each batch size as it would be deployed, and the one in recalibrated statistics."""
    experiment, notes = deciding_experiment(tables)
    return Analyses(
        Analysis(PRIMARY, BEST, probability_of_one_deployed, DEPLOYED),
        sensitivity=(
            Analysis("recalibrated evaluation", BEST, probability_of_one(experiment, "recalibrated"), notes=notes),
            Analysis("fixed learning rate, batch", BEST, probability_of_one("batch_size", "batch"), "batch"),
        ),
    )


def probability_of_one_deployed(tables: Tables) -> Result:
    """Return the bootstrap probability that batch size 1 is the best, each batch size as it would be deployed."""
    chosen = choose(tables)
    return probability_of_smallest(tables, chosen.cells, chosen.errors.to_numpy(), chosen.details())


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
