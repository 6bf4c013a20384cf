"""The claim *confirmation-pair*: what was seen after the fact about batch sizes 32 and 10 holds on new seeds."""

from smallbatch.claims.claim import Claim, Plan, Words
from smallbatch.claims.conditions import ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.pairs import EPOCHS, pair_analyses, state
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE

# 60 epochs of batch size 32 with 960 images.
STEPS = 1800

CLAIM = Claim(
    "confirmation-pair",
    f"Is batch size {RENTED_BATCH_SIZE} worse than {ORIGINAL_BATCH_SIZE} on new seeds too?",
    f"after 60 epochs, batch size {RENTED_BATCH_SIZE} has a higher test error than {ORIGINAL_BATCH_SIZE}, even with "
    "recalibrated statistics",
    page="is-it-overfitting",
    words=Words(
        "whether batch size 32 is worse than 10 on new seeds too",
        "Yes. On new seeds too, batch size 32 has a higher test error than 10 after 60 epochs",
        {
            OPPOSITE: "No, the opposite. On new seeds, batch size 32 has a lower test error than 10 after 60 epochs",
            NOTHING: f"No. On new seeds, batch sizes 32 and 10 differ by less than {HIGHER.margin:g} point after 60 "
            "epochs",
        },
    ),
    registered=Plan(
        f"test error at batch size {RENTED_BATCH_SIZE} minus {ORIGINAL_BATCH_SIZE} after 60 epochs, recalibrated, "
        "paired by seed; moving averages beside it; Student's t interval",
        HIGHER.words(),
        lambda tables: pair_analyses(
            "recalibrated", (state(RENTED_BATCH_SIZE, EPOCHS), state(ORIGINAL_BATCH_SIZE, steps=STEPS))
        ),
    ),
    prediction="a difference above 0: on seeds 0 to 5 it was 3 points",
    study="confirmation",
)
