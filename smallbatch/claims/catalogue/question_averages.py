"""The claim *question-averages*: in the question's training, to scale, the moving averages cost accuracy."""

from smallbatch.claims.claim import PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.conditions import ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.pairs import at_sixty
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE
from smallbatch.claims.snapshots import cost_of_averages
from smallbatch.claims.tables import Tables

# Momenta by the evaluation in which a run has them: its own and those that it followed.
MOMENTA = {"moving_0.9997": "0.9997", "moving": "0.99", "moving_0.9": "0.9", "moving_steps_per_epoch": "by the rule"}


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: what the averages of each momentum cost after 60 epochs, at both batch sizes."""
    long = next(iter(MOMENTA))
    by_size = dict(zip((RENTED_BATCH_SIZE, ORIGINAL_BATCH_SIZE), at_sixty(), strict=True))
    return Analyses(
        Analysis(PRIMARY, HIGHER, cost_of_averages(long, by_size[RENTED_BATCH_SIZE]), long),
        related=(
            *(
                Analysis(
                    f"batch size {size}, momentum {label}",
                    HIGHER,
                    cost_of_averages(name, at),
                    name,
                    f"moving averages of momentum {label} cost accuracy at batch size {size}",
                )
                for name, label in MOMENTA.items()
                for size, at in by_size.items()
            ),
            *(
                Analysis(
                    f"more at {RENTED_BATCH_SIZE} than at {ORIGINAL_BATCH_SIZE}, momentum {label}",
                    HIGHER,
                    cost_of_averages(name, *by_size.values()),
                    name,
                    f"moving averages of momentum {label} cost more at batch size {RENTED_BATCH_SIZE} than at "
                    f"{ORIGINAL_BATCH_SIZE}",
                )
                for name, label in MOMENTA.items()
            ),
        ),
    )


CLAIM = Claim(
    "question-averages",
    "How much of it was the moving averages?",
    f"after 60 epochs with 4,000 photographs, moving averages of momentum 0.9997 cost accuracy at batch size "
    f"{RENTED_BATCH_SIZE}",
    page="is-it-overfitting",
    words=Words(
        "whether the moving averages of momentum 0.9997 cost accuracy in the question's training",
        "Moving averages of momentum 0.9997 cost accuracy in the question's training",
        {
            OPPOSITE: "None. In the question's training, moving averages of momentum 0.9997 are better than "
            "recalibrated statistics",
            NOTHING: "Nothing that counts. In the question's training, moving averages of momentum 0.9997 cost less "
            f"than {HIGHER.margin:g} point",
        },
    ),
    registered=Plan(
        f"test error in moving averages minus recalibrated at batch size {RENTED_BATCH_SIZE} after 60 epochs, for "
        "momentum 0.9997, TF-slim's value for this network; the other momenta beside it; Student's t interval",
        HIGHER.words(),
        analyses,
    ),
    study="question",
)
