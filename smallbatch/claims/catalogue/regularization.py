"""The claim *regularization*: smaller batches generalize better."""

import pandas as pd

from smallbatch import statistics
from smallbatch.claims.claim import (
    AMENDED,
    PRIMARY,
    Analyses,
    Analysis,
    Claim,
    Plan,
    Words,
    in_other_evaluations,
    with_other_intervals,
)
from smallbatch.claims.conditions import EVALUATIONS
from smallbatch.claims.contrasts import Estimator, over_seeds, slope, slope_weights
from smallbatch.claims.deployable import A_U, DEPLOYED, POLICIES, choose, slope_of_chosen
from smallbatch.claims.results import Result
from smallbatch.claims.rules import CURVATURE, NOT_DECIDED, NOTHING, OPPOSITE, SLOPE, SUPPORTED
from smallbatch.claims.tables import NotMeasured, Tables, cells_across, values_of
from smallbatch.claims.tuning import FIXED_RATE, deciding_experiment, rates_in_words

# The analysis that leaves out the one batch size at which batch norm works differently in kind.
WITHOUT_ONE = "without batch size 1"
# What the batch sizes above 1 show by themselves, where it is something else than all of them together do.
ABOVE_ONE = {
    SUPPORTED: "smaller batches have a lower one",
    OPPOSITE: "smaller batches have a higher one",
    NOTHING: "it has no trend",
    NOT_DECIDED: "its trend is not decided",
}


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the slope of the test error on log2 of the batch size, under several policies."""
    experiment, notes = deciding_experiment(tables)
    at_fixed_rate = "smaller batches have a lower test error, all batch sizes at the same learning rate"
    return Analyses(
        Analysis(
            PRIMARY,
            SLOPE,
            slope(experiment, "recalibrated"),
            shown_statement=at_fixed_rate if experiment == FIXED_RATE else "",
            notes=notes,
        ),
        sensitivity=(
            *in_other_evaluations(lambda evaluation: slope(experiment, evaluation), SLOPE),
            Analysis(WITHOUT_ONE, SLOPE, slope(experiment, "recalibrated", smallest=2)),
            Analysis("fixed learning rate", SLOPE, slope("batch_size", "recalibrated")),
            Analysis("learning rate in proportion to batch size", SLOPE, slope("linear_scaling", "recalibrated")),
            Analysis("the same number of steps", SLOPE, slope("fixed_steps", "recalibrated")),
            Analysis(
                "at matched training loss",
                SLOPE,
                slope_at_matched_loss(experiment),
                "moving",
                notes=("validation error, since the test images are looked at only at the end",),
            ),
            *with_other_intervals(lambda interval: slope(experiment, "recalibrated", interval=interval), SLOPE),
        ),
        related=(
            Analysis(
                "curvature",
                CURVATURE,
                slope(experiment, "recalibrated", degree=2),
                statement=A_U,
            ),
        ),
    )


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analyses of each batch size as it would be deployed, and of every policy in every evaluation."""
    return Analyses(
        Analysis(PRIMARY, SLOPE, slope_of_chosen(choose), DEPLOYED),
        sensitivity=tuple(
            Analysis(f"{experiment}, {evaluation}", SLOPE, slope(experiment, evaluation, interval="t"), evaluation)
            for experiment in (*POLICIES, "linear_scaling")
            for evaluation in EVALUATIONS
        ),
        related=(
            Analysis(
                "curvature",
                CURVATURE,
                slope_of_chosen(choose, degree=2),
                DEPLOYED,
                A_U,
            ),
        ),
    )


def slope_at_matched_loss(experiment: str) -> Estimator:
    """Estimate the slope of the validation error at the same training loss (see `statistics.error_at_matched_loss`)."""

    def estimate(tables: Tables) -> Result:
        cells = cells_across(tables, experiment, "used_sgd_batch_size")
        if tables.history.empty:
            raise NotMeasured("there is no history of training")
        diverged = pd.Series(values_of(tables, cells, "outcome").ravel() == "diverged", index=cells.names.ravel())
        matched = statistics.error_at_matched_loss(tables.history, diverged, tables.n_classes)
        if matched.empty:
            raise NotMeasured("every run diverged")
        errors = matched["error"].loc[cells.names.ravel()].to_numpy().reshape(cells.names.shape)
        epochs = ", ".join(f"{size:g}: {matched['epoch'].loc[names].median():g}" for size, names in cells.runs.items())
        detail = f"training loss {matched['level'].iloc[0]:.3f}; median epoch there by batch size: {epochs}"
        return over_seeds(tables, cells, errors @ slope_weights(cells), details=[detail])

    return estimate


def after_answer(verdicts) -> list[str]:
    """Return what the trend is without batch size 1, where that one makes the answer, and what the learning rates were.

    At batch size 1, batch norm normalizes each image by itself, so this one can turn a slope over six sizes round.
    """
    verdict, above_one = verdicts["regularization"], verdicts["regularization", WITHOUT_ONE]
    sentences = []
    if above_one.measured and above_one.kind != verdict.kind:
        sentences.append(f"Without batch size 1, {ABOVE_ONE[above_one.kind]}.")
    if verdict.word != NOT_DECIDED:
        sentences.append(rates_in_words(verdict.result.experiment))
    return sentences


CLAIM = Claim(
    "regularization",
    "Do smaller batches generalize better?",
    "smaller batches have a lower test error, each batch size at its own best learning rate",
    page="sweep",
    words=Words(
        "whether smaller batches generalize better",
        "Yes. On the whole, smaller batches have a lower test error",
        {
            OPPOSITE: "No, the opposite. On the whole, smaller batches have a higher test error",
            NOTHING: f"No. The test error has no trend over the batch sizes of more than {SLOPE.margin:g} {SLOPE.unit}",
        },
    ),
    registered=Plan(
        "slope of the test error on log2 of the batch size, by least squares for each seed and then averaged over "
        "seeds; experiment tuned, or batch_size where that is missing; recalibrated evaluation",
        SLOPE.words(),
        analyses,
    ),
    amended=Plan(
        "slope of the test error on log2 of the batch size, each at the learning rate and in the deployable evaluation "
        "that validation images choose; Student's t interval over seeds",
        SLOPE.words(),
        amended_analyses,
        dated=AMENDED,
        reason="recalibrated statistics are those of many images together, with which a network of batch size 1 never "
        "trained: the registered slope is one batch size in an evaluation that does not fit it",
        words=Words(
            "whether smaller batches generalize better, each batch size at its best",
            "Yes. Each batch size at its best, smaller batches have a lower test error",
            {
                OPPOSITE: "No, the opposite. Each batch size at its best, smaller batches have a higher test error",
                NOTHING: "No. Each batch size at its best, the test error has no trend over the batch sizes of more "
                f"than {SLOPE.margin:g} {SLOPE.unit}",
            },
        ),
    ),
    prediction="a slope above zero: the test error grows with every doubling of the batch size",
    after_answer=after_answer,
)
