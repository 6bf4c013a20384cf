"""The parameters of the notebook about gradient noise along training."""

from typing import ClassVar

from pydantic import model_validator

from smallbatch.measurements.checkpoint import BATCH_SIZES, CheckpointConfig, meaning
from smallbatch.parameters import parameter

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
