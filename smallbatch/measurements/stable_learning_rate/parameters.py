"""Learning rates by batch size: the parameters of the notebook, and its short training with the ordinary step."""

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import model_validator

from smallbatch.errors import ParameterError
from smallbatch.measurements.checkpoint import BATCH_SIZES, CheckpointConfig
from smallbatch.parameters import parameter

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from smallbatch.measurements.stable_learning_rate.scaling_laws import Fits
    from smallbatch.training.data import Data, Split


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
        0.9, "A short training has diverged if it ends above so many times the loss of guessing.", gt=0, le=2
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


class ShortTraining:
    """Trains a network for a few steps from where it stands, at any batch size and rate, and then puts it back.

    The step is that of every training of this project: the network's optimizer with its momentum, velocity zero at the
    start, and images in the order that `training.Order` gives a seed. What it comes to is the loss of `judged` images
    in nats, in the same way for every batch size: with batch norm over groups of 32 images, or, where its statistics
    are frozen, with these.
    """

    def __init__(self, network: "keras.Model", images: "Data", judged: "Split", config: Config):
        import keras

        from smallbatch.batchnorm import recalibration
        from smallbatch.training import loop
        from smallbatch.training import steps as compiled

        self._config, self._judged = config, judged
        without_warmup = config.model_copy(update={"warmup_epochs": 0.0})
        loop.compile_model(network, without_warmup, len(images.train))
        self._optimizer = network.optimizer
        self._program = compiled.TrainingProgram(network, loop.EXPLODED_LOSS)
        self._n_images = len(images.train)
        self._placed = (
            compiled.place(images.train.images),
            compiled.place(loop.training_labels(images, config)),
        )
        self._observed = recalibration.Observed(network)
        self._variables = [*network.variables, *self._optimizer.variables]
        self._start = [keras.ops.convert_to_numpy(variable) for variable in self._variables]

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
            for variable, value in zip(self._variables, self._start, strict=True):
                variable.assign(value)

    def loss(self) -> float:
        """Return the loss of the judged images with the weights as they are."""
        from smallbatch.batchnorm import recalibration
        from smallbatch.training import steps as compiled

        def with_batch_statistics(images):
            return self._observed(images, recalibration.GROUP)[0]

        frozen = not self._observed.layers
        logits_of, group = (self._observed.inference, 1) if frozen else (with_batch_statistics, recalibration.GROUP)
        return float(compiled.scores(logits_of, self._judged.images, self._judged.labels, group)[0].mean())

    def _order(self, batch_size: int, seed: int) -> np.ndarray:
        from smallbatch.training.loop import Order

        order = Order(self._n_images, self._config.model_copy(update={"batch_size": batch_size, "seed": seed}))
        epochs = math.ceil(self._config.short_steps / order.n_steps)
        return np.concatenate([order.epoch(k) for k in range(epochs)])[: self._config.short_steps]


def loss_limit(n_classes: int, config: Config) -> float:
    """Return the loss (nats) above which a short training has diverged; guessing costs log(classes)."""
    return config.diverged_above * math.log(n_classes)


def summarize(fits: "Fits", points: "pd.DataFrame") -> dict:
    """Return the numbers a page would quote: the rate at each batch size, and the laws with their intervals."""
    rates = points.groupby("batch_size")["learning_rate"].apply(lambda rates: float(np.exp(np.log(rates).mean())))
    parameters = {
        f"{row.law} {row.parameter}".replace(" ", "_"): {"value": row.value, "low": row.low, "high": row.high}
        for row in fits.parameters.itertuples()
    }
    names = ("aicc", "left_out_error", "share_best")
    comparison = {
        name: {row["law"].replace(" ", "_"): row[name] for row in fits.comparison.to_dict("records")} for name in names
    }
    best = fits.comparison.loc[fits.comparison["is_best"], "law"].iloc[0]
    return {
        "rate": {f"batch_{size}": rate for size, rate in rates.items()},
        **parameters,
        **comparison,
        "best_law": best,
        "at_edge": int(points["at_edge"].sum()),
    }


def require_below(limit: float, loss: float, config: Config) -> None:
    """Raise `ParameterError` where the checkpoint itself would count as diverged."""
    if not loss < limit:
        raise ParameterError(
            f"epochs = {config.epochs}: the checkpoint's loss of {loss:.2f} nats is not below {limit:.2f}, above which "
            "a short training counts as diverged. Allowed: more epochs"
        )


def interval(resampled: np.ndarray) -> np.ndarray:
    """Return the ends of 95 % percentile intervals, (n, 2), of resampled numbers (resamples, n)."""
    return np.quantile(resampled, [0.025, 0.975], axis=0).T


def tidy(steps: "pd.DataFrame", runs: "pd.DataFrame") -> "pd.DataFrame":
    """Return both measurements as one table: a row per loss, at its batch size, learning rate and repetition.

    `repetition` is the batch drawn for a single step, or the order of images of a short training. A loss that is not a
    number is an empty field.
    """
    import pandas as pd

    one = steps.rename(columns={"draw": "repetition"}).assign(measurement="one step", batch_norm="recalibrated")
    other = runs.rename(columns={"seed": "repetition"}).assign(measurement="short training")
    columns = ["measurement", "batch_norm", "batch_size", "repetition", "learning_rate", "loss", "stable"]
    table = pd.concat([one, other], ignore_index=True)[columns]
    # Six digits are more than a loss in single precision has.
    return table.assign(**{name: table[name].map(lambda x: float(f"{x:.6g}")) for name in ("learning_rate", "loss")})
