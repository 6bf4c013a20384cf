"""Moments of images pooled over a data set, in double precision: squares of float32 lose what two passes share."""

import numpy as np


class Pool:
    """Mean and (biased) variance of a layer's inputs over all images and positions, from those of each image."""

    def __init__(self):
        self.n, self.sum, self.square_sum, self._squared_means = 0, 0.0, 0.0, 0.0

    def add(self, mean: np.ndarray, variance: np.ndarray, weight: np.ndarray | None = None) -> None:
        """Add images by mean and variance, both (n, channels); `weight` (n,) where they do not count alike."""
        mean, variance = mean.astype(np.float64), variance.astype(np.float64)
        square_of_mean = mean**2
        square = variance + square_of_mean
        if weight is not None:
            mean, square, square_of_mean = (part * weight[:, np.newaxis] for part in (mean, square, square_of_mean))
        self.n += len(mean) if weight is None else weight.sum(dtype=np.float64)
        self.sum = self.sum + mean.sum(axis=0)
        self.square_sum = self.square_sum + square.sum(axis=0)
        self._squared_means = self._squared_means + square_of_mean.sum(axis=0)

    @property
    def varies(self) -> bool:
        """Whether the means of images differ in any channel."""
        square = np.square(self.sum / self.n)
        return bool((self._squared_means / self.n - square > 1e-12 * (1 + square)).any())

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance, both (channels,)."""
        mean = self.sum / self.n
        return mean, np.maximum(self.square_sum / self.n - mean**2, 0.0)


class AtRest:
    """What moving averages come to where the weights rest: the plain average over batches of mean and variance.

    It differs from `Pool` in the variance: the spread of the batches' means is not in that of any batch.
    """

    def __init__(self):
        self.n, self.mean, self.variance = 0, 0.0, 0.0

    def add(self, mean: np.ndarray, variance: np.ndarray, weight: np.ndarray, size: int) -> None:
        """Add images in whole batches: (n, channels) and their weights (n,), each `size` rows a batch."""
        batches = weight.reshape(-1, size, 1).astype(np.float64)
        total = np.maximum(batches.sum(axis=1), 1e-12)

        def average(values):
            return (values.astype(np.float64).reshape(len(batches), size, -1) * batches).sum(axis=1) / total

        of_batches = average(mean)
        self.n += len(batches)
        self.mean = self.mean + of_batches.sum(axis=0)
        self.variance = self.variance + (average(variance + mean.astype(np.float64) ** 2) - of_batches**2).sum(axis=0)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance, both (channels,)."""
        return self.mean / self.n, np.maximum(self.variance / self.n, 0.0)
