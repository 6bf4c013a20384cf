"""The claim *noise*: the noise of the gradient estimate is what makes small batches generalize better."""

from smallbatch.claims.claim import (
    AMENDED,
    PRIMARY,
    Analyses,
    Analysis,
    Claim,
    Plan,
    Words,
    in_other_evaluations,
    with_other_intervals,
)
from smallbatch.claims.conditions import LARGEST
from smallbatch.claims.contrasts import Estimator, contrast, slope
from smallbatch.claims.results import Result
from smallbatch.claims.rules import HIGHER, NOTHING, OPPOSITE, SLOPE
from smallbatch.claims.tables import Cells, Tables, cells_of

# Weights of A, B, C and A32, see `interaction`.
INTERACTION = (1, -1, -1, 1)
# Sizes at which all conditions of the interaction exist.
INTERACTION_SIZES = (1, 4, 16)


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the slope over the number of images with a loss; and what batch norm's noise does."""
    baseline = ("batch_size", {"batch_size": LARGEST})
    masked = {"plus": baseline, "used_normalization_batch_size": LARGEST}
    ghost = {"column": "used_normalization_batch_size", "plus": baseline, "used_sgd_batch_size": LARGEST}
    return Analyses(
        Analysis(PRIMARY, SLOPE, slope("masked_loss", "recalibrated", **masked)),
        sensitivity=(
            *in_other_evaluations(lambda evaluation: slope("masked_loss", evaluation, **masked), SLOPE),
            *with_other_intervals(
                lambda interval: slope("masked_loss", "recalibrated", interval=interval, **masked), SLOPE
            ),
            Analysis("group norm, without batch statistics", SLOPE, slope("group_norm", "moving"), "moving"),
        ),
        related=(
            Analysis(
                "ghost batch norm",
                SLOPE,
                slope("ghost", "recalibrated", **ghost),
                statement="normalizing over fewer images lowers the test error, with the gradient of 32 images "
                "throughout",
            ),
            *(
                Analysis(
                    f"interaction at {size}",
                    HIGHER,
                    interaction(size),
                    statement=f"both noises of batch size {size} together raise the test error by more than the sum of "
                    "what each does alone",
                )
                for size in INTERACTION_SIZES
            ),
        ),
    )


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analyses without a loss of one image, which at the common learning rate does not fit its images."""
    masked = {"plus": ("batch_size", {"batch_size": LARGEST}), "used_normalization_batch_size": LARGEST}
    return Analyses(
        Analysis(PRIMARY, SLOPE, slope("masked_loss", "recalibrated", interval="t", smallest=2, **masked)),
        sensitivity=(
            Analysis("with a loss of one image", SLOPE, slope("masked_loss", "recalibrated", interval="t", **masked)),
            Analysis(
                "group norm, without batch statistics", SLOPE, slope("group_norm", "moving", interval="t"), "moving"
            ),
        ),
    )


def interaction(size: int) -> Estimator:
    """Estimate by how much two small batches together differ from the sum of the effects of each: A - B - C + A32.

    A is standard batch norm at this batch size and at 32; B is ghost batch norm over parts of this size, in batches of
    32; C is the loss of so many images, in batches of 32. Test error, recalibrated, points.
    """

    def estimate(tables: Tables) -> Result:
        return contrast(tables, interaction_cells(tables, size), INTERACTION, "recalibrated")

    return estimate


def interaction_cells(tables: Tables, size: int) -> Cells:
    """Return the runs that the interaction at a batch size is made of, in the order of `INTERACTION`."""
    conditions = {
        "A": ("batch_size", {"batch_size": size}),
        "B": ("ghost", {"batch_size": LARGEST, "ghost_batch_size": size}),
        "C": ("masked_loss", {"batch_size": LARGEST, "masked_loss_batch_size": size}),
        "A32": ("batch_size", {"batch_size": LARGEST}),
    }
    return cells_of(tables, conditions)


CLAIM = Claim(
    "noise",
    "Is it the noise of the gradient estimate that does it?",
    f"a noisier gradient lowers the test error, with {LARGEST} images normalized together throughout",
    page="channels",
    words=Words(
        "whether the noise of the gradient lowers the test error",
        "Yes. A noisier gradient alone lowers the test error, with the same number of images normalized together",
        {
            OPPOSITE: "No, the opposite. A noisier gradient alone raises the test error",
            NOTHING: f"No. A noisier gradient alone changes the test error by no more than {SLOPE.margin:g} "
            f"{SLOPE.unit}",
        },
    ),
    registered=Plan(
        "slope of the test error on log2 of the number of images with a loss, by least squares for each seed and then "
        "averaged over seeds; experiment masked_loss; recalibrated evaluation",
        SLOPE.words(),
        analyses,
    ),
    amended=Plan(
        "slope of the test error on log2 of the images with a loss, 4 to 32, with 32 images normalized together; "
        "experiment masked_loss; recalibrated evaluation; Student's t interval",
        SLOPE.words(),
        amended_analyses,
        dated=AMENDED,
        reason="with a loss of one image the common learning rate leaves a quarter of the training images wrong, so "
        "its test error mixes noise with underfitting; the noise of batch norm is a claim of its own",
    ),
    prediction="the same slope if only the gradient gets noisier, and batch norm sees 32 images throughout",
)
