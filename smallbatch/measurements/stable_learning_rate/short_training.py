"""A short training with the ordinary step, from one checkpoint, at any batch size and learning rate."""

import math

import keras
import numpy as np

from smallbatch.batchnorm import inference, recalibration
from smallbatch.errors import ParameterError
from smallbatch.measurements.stable_learning_rate.parameters import Config
from smallbatch.training import loop, steps
from smallbatch.training.data import Data, Split


class ShortTraining:
    """Trains a network for a few steps from where it stands, at any batch size and rate, and then puts it back.

    The step is that of every training of this project: the network's optimizer with its momentum, velocity zero at the
    start, and images in the order that `loop.Order` gives a seed. The outcome is the loss of `judged` images in nats,
    in the same way for every batch size: with batch norm over groups of 32 images, or, where its statistics are frozen,
    with these.
    """

    def __init__(self, network: keras.Model, images: Data, judged: Split, config: Config):
        self._config, self._judged = config, judged
        without_warmup = config.model_copy(update={"warmup_epochs": 0.0})
        loop.compile_model(network, without_warmup, len(images.train))
        self._optimizer = network.optimizer
        self._program = steps.TrainingProgram(network, loop.EXPLODED_LOSS)
        self._n_images = len(images.train)
        self._placed = steps.place(images.train.images), steps.place(loop.training_labels(images, config))
        self._observed = recalibration.Observed(network)
        self._variables = [*network.variables, *self._optimizer.variables]
        self._initial = [keras.ops.convert_to_numpy(variable) for variable in self._variables]

    def __call__(self, batch_size: int, learning_rate: float, seed: int) -> float:
        """Return the loss after training; not a number where the loss became so large that training stopped."""
        indices = self._order(batch_size, seed)
        self._optimizer.learning_rate = learning_rate
        try:
            # A step has at most so many images, so the loss counts all of them; the same number at every batch size
            # makes one compiled program do for all.
            epoch = self._program(*self._placed, indices, len(indices), max(self._config.batch_sizes))
            return self.loss() if epoch.steps == len(indices) else math.nan
        finally:
            for variable, value in zip(self._variables, self._initial, strict=True):
                variable.assign(value)

    def loss(self) -> float:
        """Return the loss of the judged images with the weights as they are."""

        def with_batch_statistics(images):
            return self._observed(images, recalibration.GROUP)[0]

        frozen = not self._observed.layers
        logits_of, group = (self._observed.inference, 1) if frozen else (with_batch_statistics, recalibration.GROUP)
        return float(inference.scores(logits_of, self._judged.images, self._judged.labels, group)[0].mean())

    def _order(self, batch_size: int, seed: int) -> np.ndarray:
        order = loop.Order(self._n_images, self._config.model_copy(update={"batch_size": batch_size, "seed": seed}))
        epochs = math.ceil(self._config.short_steps / order.n_steps)
        return np.concatenate([order.epoch(k) for k in range(epochs)])[: self._config.short_steps]


def require_below(limit: float, loss: float, config: Config) -> None:
    """Raise `ParameterError` where the checkpoint itself would count as diverged."""
    if not loss < limit:
        raise ParameterError(
            f"epochs = {config.epochs}: the checkpoint's loss of {loss:.2f} nats is not below {limit:.2f}, above which "
            "a short training counts as diverged. Allowed: more epochs"
        )
