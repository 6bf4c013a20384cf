"""The claim *question-pair*: in the question's training, to scale, batch size 32 ends with a higher error than 10."""

from smallbatch.claims.claim import Claim, Plan, Words
from smallbatch.claims.conditions import ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.pairs import pair_analyses, state
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE

# 60 epochs of batch size 10 with 4,000 images, and 192 of 32.
STEPS = 24_000

CLAIM = Claim(
    "question-pair",
    f"Is batch size {RENTED_BATCH_SIZE} worse than {ORIGINAL_BATCH_SIZE} in the question's training?",
    f"after 60 epochs with 4,000 photographs, batch size {RENTED_BATCH_SIZE} has a higher test error than "
    f"{ORIGINAL_BATCH_SIZE}",
    page="is-it-overfitting",
    words=Words(
        "whether batch size 32 is worse than 10 in the question's training",
        "Yes. After 60 epochs, batch size 32 has a higher test error than 10",
        {
            OPPOSITE: "No, the opposite. After 60 epochs, batch size 32 has a lower test error than 10",
            NOTHING: f"No. After 60 epochs, batch sizes 32 and 10 differ by less than {HIGHER.margin:g} point",
        },
    ),
    registered=Plan(
        f"test error at batch size {RENTED_BATCH_SIZE} minus {ORIGINAL_BATCH_SIZE} after 60 epochs, in the moving "
        "averages of momentum 0.99, paired by seed; recalibrated beside it; Student's t interval",
        HIGHER.words(),
        lambda tables: pair_analyses(
            "moving", (state(RENTED_BATCH_SIZE, steps=STEPS), state(ORIGINAL_BATCH_SIZE, steps=STEPS))
        ),
    ),
    study="question",
)
