"""The claim *question-sixty*: in the question's training, to scale, 60 epochs are too many."""

from smallbatch.claims.claim import PRIMARY, Analyses, Analysis, Claim, Plan, Words, in_other_evaluations
from smallbatch.claims.conditions import ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.pairs import at_sixty
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE
from smallbatch.claims.snapshots import regret_at
from smallbatch.claims.tables import Tables


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the error after 60 epochs minus that at the snapshot of lowest validation loss."""
    at_32, at_10 = at_sixty()
    return Analyses(
        Analysis(PRIMARY, HIGHER, regret_at(at_32, "recalibrated")),
        sensitivity=in_other_evaluations(lambda evaluation: regret_at(at_32, evaluation), HIGHER),
        related=tuple(
            Analysis(f"batch size {ORIGINAL_BATCH_SIZE}, {name}", HIGHER, regret_at(at_10, name), name)
            for name in ("recalibrated", "moving")
        ),
    )


CLAIM = Claim(
    "question-sixty",
    "Are 60 epochs too many in the question's training?",
    f"with 4,000 photographs, training on to 60 epochs costs accuracy at batch size {RENTED_BATCH_SIZE}",
    page="remedies",
    words=Words(
        "whether 60 epochs are too many in the question's training",
        "Yes. With 4,000 photographs, 60 epochs cost accuracy, compared with stopping where the validation loss is "
        "lowest",
        {
            OPPOSITE: "No, the opposite. With 4,000 photographs, the test error is lower after 60 epochs than where "
            "the validation loss is lowest",
            NOTHING: "No. With 4,000 photographs, training on to 60 epochs changes the test error by less than "
            f"{HIGHER.margin:g} point, compared with stopping where the validation loss is lowest",
        },
    ),
    registered=Plan(
        "test error after 60 epochs minus that at the snapshot with the lowest validation loss, loss and error in the "
        "same evaluation, paired by seed; recalibrated decides; Student's t interval",
        HIGHER.words(),
        analyses,
    ),
    study="question",
)
