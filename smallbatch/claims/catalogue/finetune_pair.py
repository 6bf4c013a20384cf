"""The claim *finetune-pair*: from pretrained weights, too, batch size 32 ends with a higher error than 10."""

from smallbatch.claims.claim import PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.conditions import ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.contrasts import Estimator, difference
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE
from smallbatch.claims.tables import Tables


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: 32 minus 10 after fine-tuning, with batch norm trainable and frozen."""
    frozen = f"with frozen batch norm, batch size {RENTED_BATCH_SIZE} has a higher test error after fine-tuning"
    return Analyses(
        Analysis(PRIMARY, HIGHER, pair("batch", "moving"), "moving"),
        sensitivity=(Analysis("recalibrated evaluation", HIGHER, pair("batch", "recalibrated")),),
        related=(Analysis("frozen batch norm", HIGHER, pair("frozen", "moving"), "moving", frozen),),
    )


def pair(normalization: str, evaluation: str) -> Estimator:
    """Estimate the test error at 32 minus that at 10, with one way of normalizing; Student's t interval."""
    both = [
        ("finetune", {"batch_size": size, "normalization": normalization})
        for size in (RENTED_BATCH_SIZE, ORIGINAL_BATCH_SIZE)
    ]
    return difference(*both, evaluation, "t")


CLAIM = Claim(
    "finetune-pair",
    f"Is batch size {RENTED_BATCH_SIZE} worse than {ORIGINAL_BATCH_SIZE} when pretrained weights are fine-tuned?",
    f"fine-tuned from weights of other classes, batch size {RENTED_BATCH_SIZE} has a higher test error than "
    f"{ORIGINAL_BATCH_SIZE}",
    page="is-it-overfitting",
    words=Words(
        "whether batch size 32 is worse than 10 in fine-tuning",
        "Yes. Fine-tuned from weights of other classes, batch size 32 has a higher test error than 10",
        {
            OPPOSITE: "No, the opposite. Fine-tuned from weights of other classes, batch size 32 has a lower test "
            "error than 10",
            NOTHING: "No. Fine-tuned from weights of other classes, batch sizes 32 and 10 differ by less than "
            f"{HIGHER.margin:g} point",
        },
    ),
    registered=Plan(
        f"test error at batch size {RENTED_BATCH_SIZE} minus {ORIGINAL_BATCH_SIZE} after fine-tuning, moving averages, "
        "batch norm trainable, paired by seed; recalibrated and frozen beside it; Student's t interval",
        HIGHER.words(),
        analyses,
    ),
    study="finetune",
)
