"""The parameters of the notebook about learning rates by batch size."""

import math
from typing import ClassVar

import numpy as np
from pydantic import model_validator

from smallbatch.measurements.checkpoint import BATCH_SIZES, CheckpointConfig
from smallbatch.parameters import parameter


class Config(CheckpointConfig):
    """The parameters of the notebook: those of the training of the checkpoint, and what is measured at it."""

    NOTEBOOK: ClassVar[str] = "stable_learning_rate"

    batch_sizes: list[int] = parameter(
        BATCH_SIZES, "Batch sizes whose rates are measured.", "images", allowed="list of three or more, ≥ 1"
    )
    images_measured: int = parameter(64, "Training images that a loss is measured over.", "images", ge=2)
    draws: int = parameter(
        12,
        "Batches drawn to find the best rate of one step at batch size 32; at others, times √(32 / batch size).",
        ge=2,
    )
    short_steps: int = parameter(20, "Length of a short training.", "steps", ge=1)
    repetitions: int = parameter(4, "Short trainings of a batch size, each with another order of images.", ge=1)
    lowest_rate: float = parameter(1e-5, "Smallest learning rate that is tried.", gt=0)
    highest_rate: float = parameter(100.0, "Learning rates that are tried stay below this.", gt=0)
    rates_per_doubling: int = parameter(2, "Learning rates tried from one to its double, for the short training.", ge=1)
    diverged_above: float = parameter(
        0.9, "A short training has diverged if it ends above so many times the loss at chance level.", gt=0, le=2
    )

    @model_validator(mode="after")
    def _check_measurement(self):
        sizes = self.batch_sizes
        if len(set(sizes)) < 3 or min(sizes) < 1:
            raise ValueError(f"batch_sizes = {sizes} is not allowed. Allowed: three or more whole numbers, ≥ 1")
        if self.n_train is not None and max(sizes) > self.n_train:
            raise ValueError(f"batch_sizes = {sizes} with n_train = {self.n_train}. Allowed: 1 to {self.n_train}")
        if self.highest_rate <= 2 * self.lowest_rate:
            raise ValueError(
                f"highest_rate = {self.highest_rate} is not allowed with lowest_rate = {self.lowest_rate}. "
                "Allowed: more than twice as much"
            )
        return self

    def draws_by_batch_size(self) -> dict[int, int]:
        """Return how many batches of each size are drawn for the best rate of one step, largest batches first."""
        sizes = sorted(set(self.batch_sizes), reverse=True)
        return {size: max(2, round(self.draws * math.sqrt(32 / size))) for size in sizes}

    def rates(self, per_doubling: int) -> np.ndarray:
        """Return the learning rates to try, as a geometric series."""
        n = math.ceil(per_doubling * math.log2(self.highest_rate / self.lowest_rate))
        return self.lowest_rate * 2 ** (np.arange(n) / per_doubling)
