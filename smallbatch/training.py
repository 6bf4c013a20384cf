"""Training as Keras does it: `fit` with SGD and momentum, a budget in epochs or steps, divergence caught."""

import math
import os
import time

import keras
import numpy as np

from smallbatch.config import RunConfig
from smallbatch.data import Data, Split

EVALUATION_BATCH_SIZE = 64
# Mean cross-entropy, in nats, that no training comes back from; guessing costs log(classes), 2.3 for ten.
EXPLODED_LOSS = 1e3


class Batches(keras.utils.PyDataset):
    """A split, batch by batch: float32 images (batch, side, side, 3) and labels.

    For training the order is drawn anew each epoch and an incomplete last batch is left out, since its few images
    would be normalized over a smaller batch than the one under study. For evaluation every image comes once.
    """

    def __init__(self, split: Split, batch_size: int, shuffle_seed: int | None = None):
        super().__init__()
        self.split, self.batch_size, self.shuffle_seed = split, batch_size, shuffle_seed
        self.epoch = 0
        self.order = self._draw_order()

    def __len__(self) -> int:
        if self.shuffle_seed is None:
            return -(-len(self.split) // self.batch_size)
        return len(self.split) // self.batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch = self.split.take(self.order[index * self.batch_size : (index + 1) * self.batch_size])
        return batch.images.astype(np.float32), batch.labels

    def on_epoch_begin(self) -> None:
        """Draw the order of the epoch. (Keras calls `on_epoch_end` once too often, when it peeks at a first batch.)"""
        self.order = self._draw_order()
        self.epoch += 1

    def _draw_order(self) -> np.ndarray:
        if self.shuffle_seed is None:
            return np.arange(len(self.split))
        return np.random.default_rng([self.shuffle_seed, 3, self.epoch]).permutation(len(self.split))


class Progress(keras.callbacks.Callback):
    """Prints a line per epoch and keeps the history: what `fit` reports, with steps, images and seconds."""

    def __init__(self, config: RunConfig, epochs: int):
        super().__init__()
        self.config, self.epochs = config, epochs
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
            "images": self.steps * self.config.batch_size,
            "seconds": round(time.perf_counter() - self.start, 3),
            "train_loss": logs["loss"],
            "train_accuracy": logs["accuracy"],
            "validation_loss": logs.get("val_loss"),
            "validation_accuracy": logs.get("val_accuracy"),
        }
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

    Call it before the first model is built: the backends read the number of threads only once.
    """
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


def scaled_learning_rate(config: RunConfig) -> float:
    """Return the learning rate at this batch size by the chosen rule.

    Linear: Goyal et al. 2017, section 2.1.
    """
    ratio = config.batch_size / config.reference_batch_size
    factors = {"none": 1.0, "linear": ratio, "sqrt": ratio**0.5}
    return config.learning_rate * factors[config.learning_rate_scaling]


def compile_model(model: keras.Model, config: RunConfig) -> None:
    """Compile for classification by logits with SGD and momentum."""
    learning_rate = scaled_learning_rate(config)
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate, config.momentum),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def fit(model: keras.Model, data: Data, config: RunConfig) -> tuple[list[dict], bool]:
    """Train within the budget, validating after each epoch.

    Returns the rows of the history and whether the run diverged.
    """
    train = Batches(data.train, config.batch_size, shuffle_seed=config.seed)
    epochs = config.epochs
    if config.steps is not None:
        epochs = math.ceil(config.steps / len(train))
    progress, divergence = Progress(config, epochs), StopOnDivergence()
    callbacks = [progress, divergence]
    if config.steps is not None:
        callbacks.append(StopAfterSteps(config.steps))
    model.fit(
        train,
        epochs=epochs,
        validation_data=Batches(data.validation, EVALUATION_BATCH_SIZE),
        callbacks=callbacks,
        shuffle=False,  # Batches shuffles
        verbose=0,  # Progress prints
    )
    return progress.rows, divergence.diverged
