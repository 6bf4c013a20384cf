"""Training as Keras does it: `fit` with SGD and momentum, a budget in epochs or steps, divergence caught."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from smallbatch import recalibration
from smallbatch.config import RunConfig
from smallbatch.data import Data, Split, augmentation

EVALUATION_BATCH_SIZE = 64
# Training images whose statistics the moving averages are compared with after each epoch.
LAG_IMAGES = 128
# Mean cross-entropy, in nats, that no training comes back from; guessing costs log(classes), 2.3 for ten.
EXPLODED_LOSS = 1e3


class Batches(keras.utils.PyDataset):
    """A split for evaluation, every image once: float32 images (batch, side, side, 3) and labels.

    The labels are (batch,) or, where `n_classes` is given, rows of zeros and a one, (batch, n_classes).
    """

    def __init__(self, split: Split, batch_size: int = EVALUATION_BATCH_SIZE, n_classes: int | None = None):
        super().__init__()
        self.split, self.batch_size, self.n_classes = split, batch_size, n_classes

    def __len__(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = self.split.take(np.arange(len(self.split))[index * self.batch_size :][: self.batch_size])
        labels = batch.labels if self.n_classes is None else _one_hot(batch.labels, self.n_classes)
        return batch.images.astype(np.float32), labels


class TrainingBatches(keras.utils.PyDataset):
    """A split for training: images, labels and, where the loss is masked, weights of 1 or 0.

    The order is drawn anew each epoch, and an incomplete last batch is left out, since its few images would be
    normalized over a smaller batch than the one under study. With a masked loss an epoch shows each image once with
    its loss; the images that only take part in the statistics are drawn at random from the others at each step.
    """

    def __init__(self, split: Split, config: RunConfig, n_classes: int):
        super().__init__()
        self.split, self.config, self.n_classes = split, config, n_classes
        self.augment = None
        if config.augmentation != "none":
            self.augment = augmentation.make(config.augmentation, config.seed)
        self.epoch = 0
        self.order = self._draw_order()

    def __len__(self) -> int:
        return len(self.split) // self.config.sgd_batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        size = self.config.sgd_batch_size
        with_loss = self.order[index * size : (index + 1) * size]
        batch = self.split.take(np.concatenate([with_loss, self._companions(with_loss, index)]))
        images, labels = batch.images.astype(np.float32), batch.labels
        if has_soft_labels(self.config):
            labels = _one_hot(labels, self.n_classes, self.config.label_smoothing)
        if self.augment:
            images, labels = self.augment(images, labels)
        if self.config.masked_loss_batch_size is None:
            return images, labels
        return images, labels, (np.arange(len(images)) < size).astype(np.float32)

    def on_epoch_begin(self) -> None:
        """Draw the order of the epoch. (Keras calls `on_epoch_end` once too often, when it peeks at a first batch.)"""
        self.order = self._draw_order()
        self.epoch += 1

    def _draw_order(self) -> np.ndarray:
        return np.random.default_rng([self.config.seed, 3, self.epoch]).permutation(len(self.split))

    def _companions(self, with_loss: np.ndarray, index: int) -> np.ndarray:
        count = self.config.batch_size - len(with_loss)
        if not count:
            return with_loss[:0]
        drawn = np.random.default_rng([self.config.seed, 4, self.epoch, index]).permutation(len(self.split))
        return drawn[~np.isin(drawn, with_loss)][:count]


def _one_hot(labels: np.ndarray, n_classes: int, smoothing: float = 0.0) -> np.ndarray:
    """Return labels as rows that sum to one, float32 (n, n_classes) (smoothing: Szegedy et al. 2016, section 7)."""
    rows = np.eye(n_classes, dtype=np.float32)[labels]
    return (1 - smoothing) * rows + np.float32(smoothing / n_classes)


def has_soft_labels(config: RunConfig) -> bool:
    """Return whether training labels are shares of classes and not a class each."""
    return config.label_smoothing > 0 or config.augmentation in ("mixup", "cutmix")


@dataclass(frozen=True)
class Fitted:
    """What training came to: the history, a row per epoch; whether it diverged; the epoch whose weights were kept."""

    history: list[dict]
    diverged: bool
    kept_epoch: int


class Progress(keras.callbacks.Callback):
    """Prints a line per epoch and keeps the history: what `fit` reports, with steps, images, seconds and the lag.

    `measure_lag` returns what is added to the row of an epoch.
    """

    def __init__(self, config: RunConfig, epochs: int, measure_lag: Callable[[], dict[str, float]]):
        super().__init__()
        self.config, self.epochs, self.measure_lag = config, epochs, measure_lag
        self.rows: list[dict] = []
        self.steps = 0
        self.start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        """Count the step."""
        self.steps += 1

    def on_epoch_end(self, epoch, logs=None):
        """Keep and print what this epoch came to."""
        row = {
            "epoch": epoch + 1,
            "steps": self.steps,
            "images": self.steps * self.config.sgd_batch_size,
            "seconds": round(time.perf_counter() - self.start, 3),
            "train_loss": logs["loss"],
            "train_accuracy": logs["accuracy"],
            "validation_loss": logs.get("val_loss"),
            "validation_accuracy": logs.get("val_accuracy"),
        }
        start = time.perf_counter()
        row |= self.measure_lag()
        row["seconds_lag"] = round(time.perf_counter() - start, 3)
        self.rows.append(row)
        validation = "" if row["validation_loss"] is None else f", validation accuracy {row['validation_accuracy']:.3f}"
        print(
            f"batch size {self.config.batch_size}, seed {self.config.seed}: epoch {epoch + 1} of {self.epochs}, "
            f"loss {row['train_loss']:.3f}, accuracy {row['train_accuracy']:.3f}{validation}, "
            f"{row['seconds']:.0f} s",
            flush=True,
        )


class StopOnDivergence(keras.callbacks.Callback):
    """Ends the run where the loss of an epoch so far is not a number or beyond `EXPLODED_LOSS`."""

    diverged = False

    def on_train_batch_end(self, batch, logs=None):
        """Look at the mean loss of the epoch so far."""
        self._look(logs["loss"])

    def on_epoch_end(self, epoch, logs=None):
        """Look at the validation loss too: weights that overflowed in the last step show only there."""
        if not np.isfinite(logs.get("val_loss", 0.0)):
            self._look(np.nan)

    def _look(self, loss: float) -> None:
        if not loss < EXPLODED_LOSS:  # also true of NaN
            self.diverged = True
            self.model.stop_training = True


class StopAfterSteps(keras.callbacks.Callback):
    """Ends the run after so many steps, wherever in an epoch that is."""

    def __init__(self, steps: int):
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch, logs=None):
        """Count down."""
        self.left -= 1
        if self.left <= 0:
            self.model.stop_training = True


def prepare(config: RunConfig) -> None:
    """Make the run repeatable: seed everything, fix the number of threads, ask for deterministic operations.

    Call it before the first model is built: the backends read the number of threads only once. Raises
    `ParameterError` where the backend cannot do what is asked for.
    """
    if config.augmentation != "none":
        augmentation.check_backend(config.augmentation)
    if keras.backend.backend() == "tensorflow":
        _prepare_tensorflow(config.threads)
    elif keras.backend.backend() == "jax" and config.threads == 1:
        flag = "--xla_cpu_multi_thread_eigen=false"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
    keras.utils.set_random_seed(config.seed)


def _prepare_tensorflow(threads: int) -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return
    tf.config.experimental.enable_op_determinism()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        # A session that has computed already keeps its threads.
        print(f"TensorFlow is already running; restart the kernel to use threads = {threads}.")


def compile_model(model: keras.Model, config: RunConfig, n_train: int) -> None:
    """Compile for classification by logits with SGD and momentum, for `n_train` training images."""
    learning_rate = config.scaled_learning_rate()
    warmup_steps = round(config.warmup_epochs * (n_train // config.sgd_batch_size))
    if warmup_steps:
        # Keras's linear "decay", upwards: after the last of these steps the rate stays where it is.
        learning_rate = keras.optimizers.schedules.PolynomialDecay(
            learning_rate / warmup_steps, warmup_steps, end_learning_rate=learning_rate
        )
    optimizer = keras.optimizers.SGD(learning_rate, config.momentum, weight_decay=config.weight_decay or None)
    if config.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["beta", "bias"])
    loss = keras.losses.SparseCategoricalCrossentropy
    if has_soft_labels(config):
        loss = keras.losses.CategoricalCrossentropy
    # The mean over the images that have a weight; over all images where there are no weights.
    model.compile(optimizer, loss(from_logits=True, reduction="mean_with_sample_weight"), weighted_metrics=["accuracy"])


def fit(model: keras.Model, data: Data, config: RunConfig, observed: recalibration.Observed) -> Fitted:
    """Train within the budget, validating and measuring the lag of the moving averages after each epoch."""
    n_classes = len(data.class_names)
    train = TrainingBatches(data.train, config, n_classes)
    validation = Batches(data.validation, n_classes=n_classes if has_soft_labels(config) else None)
    if config.normalization == "frozen":
        recalibration.freeze_statistics(model, data.train.images)
    epochs = config.epochs
    if config.steps is not None:
        epochs = math.ceil(config.steps / len(train))
    some = data.train.images[np.random.default_rng(0).permutation(len(data.train))[:LAG_IMAGES]]
    progress = Progress(config, epochs, lambda: recalibration.lag(observed, some))
    divergence = StopOnDivergence()
    callbacks = [progress, divergence]
    if config.steps is not None:
        callbacks.append(StopAfterSteps(config.steps))
    if config.early_stopping_patience is not None:
        patience = config.early_stopping_patience
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True))
    model.fit(
        train,
        epochs=epochs,
        validation_data=validation,
        callbacks=callbacks,
        shuffle=False,  # TrainingBatches shuffles
        verbose=0,  # Progress prints
    )
    kept = len(progress.rows)
    if config.early_stopping_patience is not None:
        kept = callbacks[-1].best_epoch + 1
    return Fitted(progress.rows, divergence.diverged, kept)
