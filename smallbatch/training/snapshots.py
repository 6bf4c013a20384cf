"""The evaluations on the way through a training, so that a long run contains the short ones."""

import time

from smallbatch.batchnorm.recalibration import Observed
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data
from smallbatch.training.evaluation import snapshot


class Snapshots:
    """The evaluations on the way through a training: which are due, what they found and the time that they took."""

    def __init__(self, data: Data, config: RunConfig, observed: Observed, steps_per_epoch: int, rows: list[dict]):
        self._data, self._config, self._observed = data, config, observed
        self._steps_per_epoch = steps_per_epoch
        self.rows = rows  # those of before, to which new ones are added
        self.seconds = 0.0

    def inside(self, first: int, last: int) -> list[int]:
        """Return the steps after which one is due, strictly between these two."""
        return sorted(step for step in self._config.snapshot_steps if first < step < last)

    def take_after_epoch(self, epoch: int, steps: int) -> None:
        """Take the one that is due at the end of an epoch, if any."""
        every = self._config.snapshot_epochs
        if (every and epoch % every == 0) or steps in self._config.snapshot_steps:
            self.take(steps)

    def take(self, steps: int) -> None:
        """Evaluate the model as it is after so many steps."""
        start = time.perf_counter()
        head = {"epoch": steps / self._steps_per_epoch, "steps": steps}
        self.rows += [head | row for row in snapshot(self._data, self._config, self._observed)]
        self.seconds += time.perf_counter() - start
