"""One split of a data set."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Images, uint8 of shape (n, side, side, 3) with values 0-255, and their labels, int64 of shape (n,)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: np.ndarray) -> "Split":
        """Return the images at these indices, in this order."""
        return Split(self.images[indices], self.labels[indices])
