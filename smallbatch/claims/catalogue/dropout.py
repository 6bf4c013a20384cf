"""The claim *dropout*: dropout after the last batch norm lowers the test error."""

import dataclasses

from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words, in_other_evaluations
from smallbatch.claims.conditions import LARGEST
from smallbatch.claims.contrasts import Estimator
from smallbatch.claims.remedies import BASELINE, against_baseline, combinations, find_remedies, remedy_by_t
from smallbatch.claims.results import Result
from smallbatch.claims.rules import HIGHER, LOWER, NOTHING, OPPOSITE
from smallbatch.claims.tables import NotMeasured, Tables

AFTER_THE_LAST = "dropout = 0.2"
BETWEEN = "dropout_between_batch_norms"


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: dropout after the last batch norm, and every dropout between batch norms that was tried."""
    return Analyses(
        Analysis(PRIMARY, LOWER, remedy_alone(AFTER_THE_LAST, "recalibrated")),
        sensitivity=in_other_evaluations(lambda evaluation: remedy_alone(AFTER_THE_LAST, evaluation), LOWER),
        related=tuple(
            Analysis(
                f"{name}, {evaluation}",
                LOWER,
                remedy_alone(name, evaluation),
                evaluation,
                "dropout between batch norms lowers the test error",
            )
            for name in _between_batch_norms(tables)
            for evaluation in ("recalibrated", "moving")
        ),
    )


def amended_analyses(tables: Tables) -> Analyses:
    """Return the same analyses with Student's t intervals."""
    between = "dropout between batch norms lowers the test error"
    return Analyses(
        Analysis(PRIMARY, LOWER, remedy_by_t(AFTER_THE_LAST, "recalibrated")),
        sensitivity=(
            *in_other_evaluations(lambda evaluation: remedy_by_t(AFTER_THE_LAST, evaluation), LOWER),
            Analysis("BCa interval", LOWER, remedy_alone(AFTER_THE_LAST, "recalibrated")),
        ),
        related=tuple(
            Analysis(f"{name}, {evaluation}", LOWER, remedy_by_t(name, evaluation), evaluation, between)
            for name in _between_batch_norms(tables)
            for evaluation in ("recalibrated", "moving")
        ),
    )


def _between_batch_norms(tables: Tables) -> list[str]:
    """Return the names of the remedies that are dropout between batch norms alone."""
    try:
        names = find_remedies(tables).runs.columns
    except NotMeasured:
        return [BETWEEN]
    return [name for name in names.drop(combinations(names)) if name.startswith(BETWEEN)] or [BETWEEN]


def remedy_alone(name: str, evaluation: str) -> Estimator:
    """Estimate what a remedy changes in the test error, as the one comparison that was asked for beforehand."""

    def estimate(tables: Tables) -> Result:
        results = against_baseline(tables, evaluation, LOWER.margin)
        if name not in results:
            raise NotMeasured(f"experiment remedies has no runs with {name} alone")
        # No adjustment for the other remedies.
        return dataclasses.replace(results[name], p_holm=float("nan"), p_joint=float("nan"), n_compared=1)

    return estimate


CLAIM = Claim(
    "dropout",
    "Should dropout be used with batch norm?",
    "dropout after the last batch norm lowers the test error",
    page="remedies",
    words=Words(
        "whether dropout after the last batch norm helps",
        "Yes. Dropout after the last batch norm lowers the test error",
        {
            OPPOSITE: "No. Dropout after the last batch norm raises the test error",
            NOTHING: f"It matters little. Dropout after the last batch norm changes the test error by less than "
            f"{HIGHER.margin:g} point",
        },
    ),
    registered=Plan(
        f"test error with {AFTER_THE_LAST} minus {BASELINE} training at batch size {LARGEST}, paired by seed; "
        "experiment remedies; recalibrated evaluation",
        LOWER.words(),
        analyses,
    ),
    amended=Plan(
        f"test error with {AFTER_THE_LAST} minus {BASELINE} training at batch size {LARGEST}, paired by seed; "
        "experiment remedies; recalibrated evaluation; Student's t interval",
        LOWER.words(),
        amended_analyses,
        dated=AMENDED,
        reason="BCa intervals cover too little with six seeds",
    ),
    varies=True,
)
