"""The parameters of the notebook that repeats Wilson & Martinez 2003."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import model_validator

from smallbatch.parameters import Parameters, parameter

# Examples in each of scikit-learn's data sets.
EXAMPLES = {"iris": 150, "wine": 178, "breast_cancer": 569, "digits": 1797}
# Fractions of a data set that are put aside, to choose rates and epochs by and to test on.
HOLDOUT_FRACTION, TEST_FRACTION = 0.25, 0.25


def _n_train(dataset: str, most: int) -> int:
    n = EXAMPLES[dataset]
    return min(most, n - round(HOLDOUT_FRACTION * n) - round(TEST_FRACTION * n))


class Config(Parameters):
    """The parameters of one run: one data set and one convention of the gradient."""

    NOTEBOOK: ClassVar[str] = "wilson_martinez"

    dataset: Literal["iris", "wine", "breast_cancer", "digits"] = parameter(
        "iris", "Data set of scikit-learn to learn to classify."
    )
    gradient: Literal["mean", "sum"] = parameter(
        "mean", "A step follows the `mean` of its examples' gradients, as today, or their `sum`, as in 2003."
    )
    n_train: int = parameter(
        512, "Train on at most so many examples; a stratified subset where there are more.", "examples", ge=20
    )
    largest_batch_size: int | None = parameter(
        None,
        "Batch sizes are the powers of 2 below this number, and the number itself; none: the whole training set.",
        "examples",
        ge=4,
    )
    repetitions: int = parameter(
        20, "Repetitions, each with its own split, initial weights and order of examples.", ge=3, le=200
    )
    hidden_units: int = parameter(16, "Units of the hidden layer.", "units", ge=1, le=256)
    epochs: int = parameter(150, "Every network is trained for so many epochs.", "epochs", ge=1)
    lowest_rate: float = parameter(2.0**-10, "Lowest learning rate that is tried.", gt=0)
    highest_rate: float = parameter(2.0**9, "No learning rate above this is tried.", gt=0)
    rate_factor: float = parameter(2.0, "Each learning rate is so many times the one before.", gt=1)

    @model_validator(mode="after")
    def _check_together(self):
        if self.highest_rate < self.lowest_rate:
            raise ValueError(
                f"highest_rate = {self.highest_rate} is below lowest_rate = {self.lowest_rate}. "
                f"Allowed: {self.lowest_rate} or more"
            )
        n = _n_train(self.dataset, self.n_train)
        if self.largest_batch_size is not None and self.largest_batch_size > n:
            raise ValueError(
                f"largest_batch_size = {self.largest_batch_size} is larger than the training set of {n} examples. "
                f"Allowed: 4 to {n}, or None"
            )
        return self

    def batch_sizes(self) -> list[int]:
        """Return the batch sizes of the run, ascending."""
        largest = self.largest_batch_size or _n_train(self.dataset, self.n_train)
        return [2**k for k in range(largest.bit_length()) if 2**k < largest] + [largest]

    def rates(self) -> np.ndarray:
        """Return the learning rates of the run, float64 (rates,), ascending."""
        # A hair is added so that rounding does not lose a last rate that is meant to be there.
        count = 1 + int(np.log(self.highest_rate / self.lowest_rate) / np.log(self.rate_factor) + 1e-9)
        return self.lowest_rate * self.rate_factor ** np.arange(count)
