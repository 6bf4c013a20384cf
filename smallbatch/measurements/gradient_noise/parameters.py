"""Gradient noise along training: the parameters of the notebook, and what it measures at each checkpoint."""

from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from pydantic import model_validator

from smallbatch.measurements.checkpoint import BATCH_SIZES, CheckpointConfig, meaning
from smallbatch.measurements.gradient_noise import estimator
from smallbatch.parameters import parameter

if TYPE_CHECKING:
    from smallbatch.measurements.objective import Objective

# Parts of the batches that the bootstrap draws from.
BLOCKS = 20


class Config(CheckpointConfig):
    """The parameters of the notebook: those of the training, and how the noise of its gradient is measured."""

    NOTEBOOK: ClassVar[str] = "gradient_noise"

    epochs: int = parameter(8, meaning("epochs"), "epochs", ge=1)
    batch_sizes: list[int] = parameter(
        BATCH_SIZES,
        "Batch sizes at which the noise is measured with batch statistics; the last is what the others' mean "
        "gradients are compared with.",
        "images",
        allowed="list of whole numbers, ≥ 1",
    )
    images_measured: int = parameter(512, "Training images that batches are drawn from.", "images", ge=2)
    images_drawn: int = parameter(
        480, "Images drawn for an estimate, in as many batches as they fill, but at least 20.", "images", ge=20
    )

    @model_validator(mode="after")
    def _check_measurement(self):
        if not self.batch_sizes or min(self.batch_sizes) < 1:
            raise ValueError(f"batch_sizes = {self.batch_sizes} is not allowed. Allowed: whole numbers, ≥ 1")
        if self.steps is not None or self.early_stopping_patience is not None:
            raise ValueError(
                f"steps = {self.steps} with early_stopping_patience = {self.early_stopping_patience}: the checkpoints "
                "lie at whole epochs. Allowed: None for both"
            )
        return self

    def checkpoints(self) -> list[int]:
        """Return the epochs after which is measured: 0, the powers of two, and the last."""
        powers = [2**k for k in range(self.epochs.bit_length())]
        return sorted({0, *powers, self.epochs})

    def batches(self, batch_size: int) -> int:
        """Return how many batches of a size are drawn, a multiple of `BLOCKS`."""
        return BLOCKS * max(1, self.images_drawn // (batch_size * BLOCKS))


def with_stored_statistics(objective: "Objective", config: Config, batch_size: int = 8) -> dict:
    """Return the noise scale where batch norm uses stored statistics, and `loss`, the mean over all images in nats.

    A batch's gradient is then the mean of those of its images, so the batch size drawn does not matter, and the true
    gradient is that over all images.
    """
    gradients = estimator.sample_gradients(objective, batch_size, config.batches(batch_size), BLOCKS, config.seed)
    found = estimator.gradient_noise_scale(gradients, objective.gradient(objective.weights))
    return {"batch_norm": "recalibrated", **found, "loss": objective.loss(objective.weights)}


def with_batch_statistics(objective: "Objective", config: Config) -> pd.DataFrame:
    """Return the noise scale at each batch size where batch norm uses the statistics of each batch, a row each.

    `cosine`, `cosine_low`, `cosine_high`: of the angle between the mean gradient at this batch size and at the last.
    """
    rows, reference = [], None
    for batch_size in reversed(config.batch_sizes):
        gradients = estimator.sample_gradients(objective, batch_size, config.batches(batch_size), BLOCKS, config.seed)
        row = {"batch_norm": "batch", **estimator.gradient_noise_scale(gradients)}
        if reference is None:
            reference = gradients
        else:
            angle = estimator.cosine(gradients, reference)
            row |= {"cosine": angle["cosine"], "cosine_low": angle["low"], "cosine_high": angle["high"]}
        rows.append(row)
    return pd.DataFrame(rows[::-1])


def summarize(table: pd.DataFrame) -> dict:
    """Return the numbers a page would quote: noise scales and cosines with intervals, by statistics and epoch."""
    summary = {}
    for row in table.to_dict("records"):
        kind = "recalibrated" if row["batch_norm"] == "recalibrated" else f"batch_of_{row['batch_size']}"
        names = ["noise_scale", "low", "high"]
        if pd.notna(row.get("cosine")):
            names += ["cosine", "cosine_low", "cosine_high"]
        summary.setdefault(kind, {})[f"epoch_{row['epoch']}"] = {name: row[name] for name in names}
    return summary


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it is published: the epoch first, and six digits."""
    numbers = table.select_dtypes("float").columns
    rounded = table.assign(**{name: table[name].map(lambda x: float(f"{x:.6g}")) for name in numbers})
    return rounded[["epoch", *rounded.columns.drop("epoch")]]
