"""The claim *signs-pair*: on photographs of another kind, too, batch size 32 ends with a higher error than 10."""

from smallbatch.claims.claim import Claim, Plan, Words
from smallbatch.claims.conditions import ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.pairs import EPOCHS, pair_analyses, state
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE

# 20 epochs of batch size 10 have 1,920 steps, 60 of batch size 32 have 1,800.
EPOCHS_OF_AS_MANY_STEPS = 20

CLAIM = Claim(
    "signs-pair",
    f"Is batch size {RENTED_BATCH_SIZE} worse than {ORIGINAL_BATCH_SIZE} on other photographs too?",
    f"on photographs of hand signs, batch size {RENTED_BATCH_SIZE} has a higher test error than {ORIGINAL_BATCH_SIZE} "
    "after 60 epochs, even with recalibrated statistics",
    page="is-it-overfitting",
    words=Words(
        "whether batch size 32 is worse than 10 on other photographs too",
        "Yes. On photographs of hand signs too, batch size 32 has a higher test error than 10",
        {
            OPPOSITE: "No, the opposite. On photographs of hand signs, batch size 32 has a lower test error than 10",
            NOTHING: "No. On photographs of hand signs, batch sizes 32 and 10 differ by less than "
            f"{HIGHER.margin:g} point",
        },
    ),
    registered=Plan(
        f"test error at batch size {RENTED_BATCH_SIZE} minus {ORIGINAL_BATCH_SIZE} after 60 epochs, recalibrated, "
        "paired by seed; moving averages beside it; Student's t interval",
        HIGHER.words(),
        lambda tables: pair_analyses(
            "recalibrated",
            (state(RENTED_BATCH_SIZE, EPOCHS), state(ORIGINAL_BATCH_SIZE, EPOCHS_OF_AS_MANY_STEPS)),
        ),
    ),
    study="signs",
)
