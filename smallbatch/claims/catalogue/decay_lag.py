"""The claim *decay-lag*: batch norm gets used to the batch, and a lower decay of its moving averages helps."""

import dataclasses

from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.conditions import (
    LOW_MOMENTUM,
    MATCHED_WINDOW,
    MOMENTA,
    ORIGINAL_BATCH_SIZE,
    RENTED_BATCH_SIZE,
    TFSLIM_MOMENTUM,
)
from smallbatch.claims.contrasts import Estimator, artefact
from smallbatch.claims.results import Result
from smallbatch.claims.rules import HIGHER, LAG, NOTHING, OPPOSITE
from smallbatch.claims.tables import Tables

SIZES = (RENTED_BATCH_SIZE, ORIGINAL_BATCH_SIZE)


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: what the moving averages cost, by momentum and at both batch sizes of the question."""
    matched = {size: (MATCHED_WINDOW, {"batch_size": size}) for size in SIZES}
    long_at_32, long_at_10 = (at(size, TFSLIM_MOMENTUM) for size in SIZES)
    spoil = "moving averages with a memory of the asker's share of the training spoil"
    return Analyses(
        Analysis(PRIMARY, LAG, artefact_of_long_window(long_at_32, at(RENTED_BATCH_SIZE, LOW_MOMENTUM)), "moving"),
        related=(
            Analysis(
                f"less at {ORIGINAL_BATCH_SIZE}",
                HIGHER,
                artefact(long_at_32, long_at_10),
                "moving",
                statement=f"they spoil it more at batch size {RENTED_BATCH_SIZE} than at {ORIGINAL_BATCH_SIZE}",
            ),
            *(
                Analysis(
                    f"batch size {size}, momentum {momentum}",
                    HIGHER,
                    artefact(at(size, momentum)),
                    "moving",
                    statement=f"moving averages of momentum {momentum} spoil the evaluation at batch size {size}",
                )
                for momentum in MOMENTA
                for size in SIZES
            ),
            Analysis(
                f"less at {ORIGINAL_BATCH_SIZE}, memory as asked",
                HIGHER,
                artefact(*matched.values()),
                "moving",
                statement="a memory of the asker's share of the training spoils it more at batch size "
                f"{RENTED_BATCH_SIZE} than at {ORIGINAL_BATCH_SIZE}",
            ),
            *(
                Analysis(
                    f"batch size {size}, memory as asked",
                    HIGHER,
                    artefact(runs),
                    "moving",
                    statement=f"{spoil} the evaluation at batch size {size}",
                )
                for size, runs in matched.items()
            ),
        ),
    )


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analyses with the question's averaging window, as a fraction of the training."""
    matched = {size: (MATCHED_WINDOW, {"batch_size": size}) for size in SIZES}
    long, short = (at(RENTED_BATCH_SIZE, momentum) for momentum in (TFSLIM_MOMENTUM, LOW_MOMENTUM))
    return Analyses(
        Analysis(PRIMARY, HIGHER, artefact(matched[RENTED_BATCH_SIZE], interval="t"), "moving"),
        sensitivity=(Analysis("BCa interval", HIGHER, artefact(matched[RENTED_BATCH_SIZE]), "moving"),),
        related=(
            Analysis(
                f"batch size {ORIGINAL_BATCH_SIZE}",
                HIGHER,
                artefact(matched[ORIGINAL_BATCH_SIZE], interval="t"),
                "moving",
                f"they cost accuracy at batch size {ORIGINAL_BATCH_SIZE}",
            ),
            Analysis(
                f"more at {RENTED_BATCH_SIZE} than at {ORIGINAL_BATCH_SIZE}",
                HIGHER,
                artefact(*matched.values(), interval="t"),
                "moving",
                f"they cost more at batch size {RENTED_BATCH_SIZE} than at {ORIGINAL_BATCH_SIZE}",
            ),
            Analysis(
                f"momentum {TFSLIM_MOMENTUM}, an averaging window longer than the training",
                HIGHER,
                artefact(long, interval="t"),
                "moving",
                f"momentum {TFSLIM_MOMENTUM} costs accuracy in a training of 600 steps",
            ),
            Analysis(
                f"momentum {LOW_MOMENTUM}",
                HIGHER,
                artefact(short, interval="t"),
                "moving",
                f"momentum {LOW_MOMENTUM} costs accuracy",
            ),
        ),
    )


def at(size: int, momentum: float | str) -> tuple[str, dict]:
    """Return the condition of a batch size and a momentum of the moving averages."""
    return "momentum_lag", {"batch_size": size, "batch_norm_momentum": momentum}


def artefact_of_long_window(long: tuple[str, dict], short: tuple[str, dict]) -> Estimator:
    """Estimate the artefact of a long averaging window, with the interval of that of a short one as its companion."""

    def estimate(tables: Tables) -> Result:
        result, companion = artefact(long)(tables), artefact(short)(tables)
        return dataclasses.replace(result, companion=(companion.low, companion.high))

    return estimate


CLAIM = Claim(
    "decay-lag",
    "Does batch norm get used to the batch, and does a lower moving-average decay help?",
    f"moving averages with a long memory spoil the evaluation at batch size {RENTED_BATCH_SIZE}, with a short one they "
    "do not",
    page="is-it-overfitting",
    words=Words(
        "whether a long memory of the moving averages spoils the evaluation and a short one does not",
        "Yes. With a long memory, the moving averages make a trained network look much worse than it is, and with a "
        "short one they do not",
        {
            OPPOSITE: "Not as suspected. The moving averages spoil the evaluation with a short memory too",
            NOTHING: f"No. Even with a long memory, the moving averages cost less than {LAG.large:g} points",
        },
    ),
    registered=Plan(
        "test accuracy of the recalibrated minus the moving evaluation of the same run, at momentum "
        f"{TFSLIM_MOMENTUM} and {LOW_MOMENTUM}; experiment momentum_lag",
        LAG.words(),
        analyses,
    ),
    amended=Plan(
        f"test accuracy recalibrated minus moving at batch size {RENTED_BATCH_SIZE}, with an averaging window that is "
        "the same fraction of the training as in the question; experiment momentum_lag_as_asked; Student's t interval",
        HIGHER.words(),
        amended_analyses,
        dated=AMENDED,
        reason="the registered analysis has an averaging window of 3,333 steps in a training of 600, which is not the "
        "question's case",
        words=Words(
            "whether moving averages with a window like the question's cost accuracy",
            "Yes. With an averaging window like the question's, the moving averages make a network look worse than it "
            "is, and a lower decay repairs the evaluation",
            {
                OPPOSITE: "No. With an averaging window like the question's, the moving averages are better than "
                "recalibrated statistics",
                NOTHING: "No. With an averaging window like the question's, the moving averages cost less than "
                f"{HIGHER.margin:g} point",
            },
        ),
    ),
)
