"""The parameters of the notebook about the noise of batch statistics."""

from typing import ClassVar

from pydantic import model_validator

from smallbatch.measurements.checkpoint import BATCH_SIZES, CheckpointConfig
from smallbatch.parameters import parameter


class Config(CheckpointConfig):
    """The parameters of the notebook: those of the training, and how the noise of its batch norm is measured."""

    NOTEBOOK: ClassVar[str] = "batch_norm_noise"

    batch_sizes: list[int] = parameter(
        [*BATCH_SIZES, 64],
        "Batch sizes that the images are dealt into.",
        "images",
        allowed="list of whole numbers, ≥ 1",
    )
    images_measured: int = parameter(512, "Training images that are dealt into batches.", "images", ge=4)
    deals: int = parameter(4, "How often the images are dealt, at random.", ge=1)

    @model_validator(mode="after")
    def _check_measurement(self):
        sizes = self.batch_sizes
        if not sizes or min(sizes) < 1 or max(sizes) > self.images_measured // 4:
            raise ValueError(
                f"batch_sizes = {sizes} with images_measured = {self.images_measured} is not allowed. "
                "Allowed: whole numbers from 1 to a quarter of the images"
            )
        return self

    def shown_batch_size(self) -> int:
        """Return the batch size in the middle of those measured, for figures that show one."""
        return sorted(self.batch_sizes)[len(self.batch_sizes) // 2]
