"""The claim *batch-norm-noise*: the noise of batch statistics is what makes small batches generalize better.

Made after the first study, in which it was a related analysis of *noise*: it has no registered plan.
"""

from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.conditions import LARGEST
from smallbatch.claims.contrasts import difference, slope
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE, SLOPE
from smallbatch.claims.tables import Tables


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the slope over the images that are normalized together, and 4 of them against 32."""
    baseline = ("batch_size", {"batch_size": LARGEST})
    ghost = {"column": "used_normalization_batch_size", "plus": baseline, "used_sgd_batch_size": LARGEST}
    four = ("ghost", {"ghost_batch_size": 4})
    return Analyses(
        Analysis(PRIMARY, SLOPE, slope("ghost", "recalibrated", interval="t", smallest=4, **ghost)),
        sensitivity=(
            Analysis("from 2 images on", SLOPE, slope("ghost", "recalibrated", interval="t", smallest=2, **ghost)),
            Analysis("groups of one image, too", SLOPE, slope("ghost", "recalibrated", interval="t", **ghost)),
        ),
        related=(
            Analysis(
                "32 minus 4",
                HIGHER,
                difference(baseline, four, "recalibrated", "t"),
                statement="normalizing 32 images together has a higher test error than normalizing 4",
            ),
        ),
    )


CLAIM = Claim(
    "batch-norm-noise",
    "Is it the noise of batch norm?",
    "normalizing over fewer images lowers the test error, with the gradient of 32 images throughout",
    page="channels",
    words=Words(
        "whether normalizing over fewer images lowers the test error",
        "Yes. Normalizing over fewer images lowers the test error, with the same gradient noise",
        {
            OPPOSITE: "No, the opposite. Normalizing over fewer images raises the test error",
            NOTHING: "No. Normalizing over fewer images changes the test error by no more than "
            f"{SLOPE.margin:g} {SLOPE.unit}",
        },
    ),
    registered=None,
    amended=Plan(
        "slope of the test error on log2 of the images normalized together, 4 to 32; experiment ghost; recalibrated "
        "evaluation; Student's t interval",
        SLOPE.words(),
        analyses,
        dated=AMENDED,
        reason="gradient noise and the noise of batch norm are two claims; groups of one image are batch norm of "
        "another kind and stand apart",
    ),
)
