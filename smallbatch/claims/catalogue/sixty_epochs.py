"""The claim *sixty-epochs*: 60 epochs are too many."""

import dataclasses

from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words, in_other_evaluations
from smallbatch.claims.conditions import KERAS_MOMENTUM, ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.contrasts import Estimator, contrast, difference
from smallbatch.claims.results import Result
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE
from smallbatch.claims.tables import NotMeasured, Tables, cells_of, values_of


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: what training to the end costs, at both batch sizes of the question."""
    return Analyses(
        Analysis(PRIMARY, HIGHER, regret(RENTED_BATCH_SIZE, "recalibrated")),
        sensitivity=in_other_evaluations(lambda evaluation: regret(RENTED_BATCH_SIZE, evaluation), HIGHER),
        related=tuple(
            Analysis(
                f"batch size {ORIGINAL_BATCH_SIZE}, {evaluation}",
                HIGHER,
                regret(ORIGINAL_BATCH_SIZE, evaluation),
                evaluation,
            )
            for evaluation in ("recalibrated", "moving")
        ),
    )


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analyses in the evaluation whose loss chose the epoch, and those of 60 epochs against 20."""
    at_20 = {
        size: ("momentum_lag", {"batch_size": size, "batch_norm_momentum": KERAS_MOMENTUM})
        for size in (RENTED_BATCH_SIZE, ORIGINAL_BATCH_SIZE)
    }
    at_60 = {size: ("duration", {"batch_size": size, "early_stopping_patience": None}) for size in at_20}
    return Analyses(
        Analysis(PRIMARY, HIGHER, regret(RENTED_BATCH_SIZE, "moving", "t"), "moving"),
        sensitivity=(Analysis("BCa interval", HIGHER, regret(RENTED_BATCH_SIZE, "moving"), "moving"),),
        related=(
            Analysis(f"batch size {ORIGINAL_BATCH_SIZE}", HIGHER, regret(ORIGINAL_BATCH_SIZE, "moving", "t"), "moving"),
            *(
                Analysis(
                    f"60 epochs minus 20, batch size {size}",
                    HIGHER,
                    difference(at_60[size], at_20[size], "recalibrated", "t"),
                    statement=f"at batch size {size}, 60 epochs have a higher test error than 20",
                )
                for size in at_20
            ),
        ),
    )


def regret(batch_size: int, evaluation: str, interval: str = "bootstrap") -> Estimator:
    """Estimate what training to the end costs against stopping at the epoch with the lowest validation loss.

    Test error at the end minus that of the kept epoch, of two runs with the same seed that differ in nothing else.
    """

    def estimate(tables: Tables) -> Result:
        runs = tables.runs
        if "early_stopping_patience" not in runs:
            raise NotMeasured("the runs have no column early_stopping_patience")
        marked = runs.copy().assign(keeps_best=runs["early_stopping_patience"].notna().astype(int))
        tables = dataclasses.replace(tables, runs=marked)
        conditions = {
            "end": ("duration", {"batch_size": batch_size, "keeps_best": 0}),
            "kept": ("duration", {"batch_size": batch_size, "keeps_best": 1}),
        }
        cells = cells_of(tables, conditions)
        kept = values_of(tables, cells, "kept_epoch")[:, 1].astype(float)
        detail = f"kept epochs: {', '.join(f'{epoch:g}' for epoch in kept)}"
        return contrast(tables, cells, [1, -1], evaluation, interval, [detail])

    return estimate


CLAIM = Claim(
    "sixty-epochs",
    "Are 60 epochs too many?",
    f"training on to 60 epochs costs accuracy at batch size {RENTED_BATCH_SIZE}",
    page="remedies",
    words=Words(
        "whether 60 epochs are too many",
        "Yes. Training on to 60 epochs costs accuracy, beside stopping where the validation loss is lowest",
        {
            OPPOSITE: "No, the opposite. After 60 epochs the test error is lower than where the validation loss is "
            "lowest",
            NOTHING: f"No. Training on to 60 epochs changes the test error by less than {HIGHER.margin:g} point, "
            "beside stopping where the validation loss is lowest",
        },
    ),
    registered=Plan(
        "test error at the end minus that of the epoch with the lowest validation loss, paired by seed; experiment "
        "duration; recalibrated evaluation",
        HIGHER.words(),
        analyses,
    ),
    amended=Plan(
        "test error at the end minus that of the epoch with the lowest validation loss, paired by seed; experiment "
        "duration; moving averages, by whose loss the epoch was chosen; Student's t interval",
        HIGHER.words(),
        amended_analyses,
        dated=AMENDED,
        reason="the epoch was chosen by the loss in the moving averages and reported with recalibrated statistics; "
        "the study question asks it at the question's numbers",
    ),
)
