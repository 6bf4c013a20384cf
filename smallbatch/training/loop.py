"""Training with SGD and momentum: a budget in epochs or steps, the history of each epoch, divergence caught."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np

from smallbatch.batchnorm import recalibration
from smallbatch.batchnorm.inference import scores
from smallbatch.training.checkpoint import Checkpoint, Course
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data, augmentation
from smallbatch.training.optimizer import SGD, learning_rate
from smallbatch.training.preparing import prepare as prepare  # where notebooks look for it
from smallbatch.training.snapshots import Snapshots
from smallbatch.training.steps import Epoch, TrainingProgram, place

# Augmented images that wait in memory to be trained on.
AUGMENTED_AT_ONCE = 512
# Training images whose statistics the moving averages are compared with after each epoch.
LAG_IMAGES = 128
# Mean cross-entropy, in nats, that no training comes back from; guessing costs log(classes), 2.3 for ten.
EXPLODED_LOSS = 1e3
# In float16, gradients below 6e-8 would be lost: the loss is so many times as large while they are computed.
LOSS_SCALE = 1024.0


class Order:
    """Which images each step of an epoch takes: drawn anew each epoch, the same at every batch size for a seed.

    An incomplete last batch is left out, since its few images would be normalized over a smaller batch than the one
    under study. With a masked loss an epoch shows each image once with its loss; the images that only take part in the
    statistics come last in their batch and are drawn at random from the others at each step.
    """

    def __init__(self, n_images: int, config: RunConfig):
        self.n_images, self.config = n_images, config
        self.n_steps = config.steps_per_epoch(n_images)

    def epoch(self, number: int) -> np.ndarray:
        """Return indices of images, (steps, batch size), of the epoch of this number, from 0."""
        seed, size = self.config.seed, self.config.sgd_batch_size
        order = np.random.default_rng([seed, 3, number]).permutation(self.n_images)
        with_loss = order[: self.n_steps * size].reshape(self.n_steps, size)
        if size == self.config.batch_size:
            return with_loss
        generator = np.random.default_rng([seed, 4, number])
        return np.stack([self._with_companions(batch, generator) for batch in with_loss])

    def _with_companions(self, with_loss: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        drawn = generator.permutation(self.n_images)
        companions = drawn[~np.isin(drawn, with_loss)][: self.config.batch_size - len(with_loss)]
        return np.concatenate([with_loss, companions])


def _one_hot(labels: np.ndarray, n_classes: int, smoothing: float = 0.0) -> np.ndarray:
    """Return labels as rows that sum to one, float32 (n, n_classes) (smoothing: Szegedy et al. 2016, section 7)."""
    rows = np.eye(n_classes, dtype=np.float32)[labels]
    return (1 - smoothing) * rows + np.float32(smoothing / n_classes)


def has_soft_labels(config: RunConfig) -> bool:
    """Return whether training labels are shares of classes and not a class each."""
    return config.label_smoothing > 0 or config.augmentation in ("mixup", "cutmix")


def training_labels(data: Data, config: RunConfig) -> np.ndarray:
    """Return the labels to train on: int32 (n,), or float32 (n, classes) where they are shares of classes."""
    if not has_soft_labels(config):
        return data.train.labels.astype(np.int32)
    return _one_hot(data.train.labels, len(data.class_names), config.label_smoothing)


@dataclass(frozen=True)
class TrainingResult:
    """What a training left: the history, a row per epoch; whether it diverged; the epoch whose weights were kept.

    `snapshots` are the evaluations on the way: rows of `epoch` (with a fraction inside an epoch), `steps`,
    `evaluation`, `split`, `loss` (nats) and `accuracy`. `continued_after` names the epochs after which the training was
    cut off and taken up again; `seconds_before` is what it had taken until then.
    """

    history: list[dict]
    diverged: bool
    kept_epoch: int
    snapshots: list[dict] = field(default_factory=list)
    continued_after: list[int] = field(default_factory=list)
    seconds_before: float = 0.0


def compile_model(model: keras.Model, config: RunConfig, n_train: int) -> None:
    """Compile for classification by logits with SGD and momentum, for `n_train` training images."""
    optimizer = SGD(
        learning_rate(config, n_train),
        config.momentum,
        weight_decay=config.weight_decay or None,
        loss_scale_factor=LOSS_SCALE if config.precision == "mixed_float16" else None,
    )
    if config.weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["beta", "bias"])
    loss = keras.losses.SparseCategoricalCrossentropy
    if has_soft_labels(config):
        loss = keras.losses.CategoricalCrossentropy
    # The factor of the loss is the optimizer's own: Keras's, which changes on the way, would come on top of it.
    model.compile(optimizer, loss(from_logits=True), metrics=["accuracy"], auto_scale_loss=False)


def fit(
    model: keras.Model,
    data: Data,
    config: RunConfig,
    observed: recalibration.Observed,
    checkpoint: Checkpoint | None = None,
) -> TrainingResult:
    """Train within the budget; after each epoch, validate and measure the lag of the moving averages.

    With a checkpoint, a training that was cut off goes on from it.
    """
    order = Order(len(data.train), config)
    n_steps = config.n_steps(len(data.train))
    n_epochs = math.ceil(n_steps / order.n_steps)
    early_stopping = _early_stopping(model, config)
    course = _begin(model, data, config, early_stopping, checkpoint)
    before, start = (course.seconds, course.wall_seconds), time.perf_counter()
    snapshots = Snapshots(data, config, observed, order.n_steps, course.snapshots)
    train_epoch = _epoch_program(model, data, config, course.steps)
    sample = data.train.images[np.random.default_rng(0).permutation(len(data.train))[:LAG_IMAGES]]
    diverged = False
    for number in range(course.epochs, n_epochs):
        epoch = _train_in_parts(train_epoch, order.epoch(number), n_steps - course.steps, course.steps, snapshots)
        losses, correct = scores(observed.inference, data.validation.images, data.validation.labels)
        course.epochs, course.steps = number + 1, course.steps + epoch.steps
        wall = time.perf_counter() - start
        course.seconds = before[0] + wall - snapshots.seconds - (checkpoint.seconds if checkpoint else 0.0)
        course.wall_seconds = before[1] + wall
        row = {
            "epoch": course.epochs,
            "steps": course.steps,
            "images": course.steps * config.sgd_batch_size,
            "seconds": round(course.seconds, 3),
            "train_loss": epoch.loss,
            "train_accuracy": epoch.accuracy,
            "validation_loss": losses.mean(),
            "validation_accuracy": correct.mean(),
        }
        course.history.append(row | _timed_lag(observed, sample))
        _report(row, n_epochs, config)
        # Weights that overflowed in the last step show in the validation loss only.
        diverged = not epoch.loss < EXPLODED_LOSS or not math.isfinite(losses.mean())
        early_stopping.on_epoch_end(number, {"val_loss": _monitored(losses.mean(), data, config, observed)})
        if diverged or model.stop_training:
            break
        snapshots.take_after_epoch(course.epochs, course.steps)
        if checkpoint and course.epochs < n_epochs:
            checkpoint.write_if_due(course, model, early_stopping)
    early_stopping.on_train_end()
    kept = getattr(early_stopping, "best_epoch", number) + 1
    return TrainingResult(course.history, diverged, kept, snapshots.rows, course.continued_after, before[1])


def _begin(
    model: keras.Model,
    data: Data,
    config: RunConfig,
    early_stopping: keras.callbacks.Callback,
    checkpoint: Checkpoint | None,
) -> Course:
    """Return where a training begins: where its checkpoint left it, else at its first epoch."""
    model.optimizer.build(model.trainable_variables)
    course = checkpoint.resume(model, early_stopping) if checkpoint else None
    if course:
        print(f"batch size {config.batch_size}, seed {config.seed}: goes on after epoch {course.epochs}", flush=True)
        return course
    if config.normalization == "frozen":
        recalibration.freeze_statistics(model, data.train.images)
    return Course()


def _train_in_parts(
    train: Callable[[np.ndarray, int], Epoch], indices: np.ndarray, most: int, steps_before: int, snapshots: Snapshots
) -> Epoch:
    """Train for an epoch, at most so many steps, stopping on the way for the snapshots that are due inside it."""
    parts, done, n_steps = [], 0, min(most, len(indices))
    stops = [step - steps_before for step in snapshots.inside(steps_before, steps_before + n_steps)]
    for stop in [*stops, n_steps]:
        # The table keeps its shape, for which the program was compiled; what comes next is moved to its top.
        parts.append(train(np.roll(indices, -done, axis=0), stop - done))
        done += parts[-1].steps
        if done < stop:
            break
        if stop in stops:
            snapshots.take(steps_before + stop)
    return _joined(parts)


def _joined(parts: list[Epoch]) -> Epoch:
    """Return the parts of an epoch as one."""
    if len(parts) == 1:
        return parts[0]
    weights = [part.steps for part in parts]
    loss, accuracy = (np.average([part[k] for part in parts], weights=weights) for k in (0, 1))
    return Epoch(float(loss), float(accuracy), sum(weights))


def _monitored(moving_loss: float, data: Data, config: RunConfig, observed: recalibration.Observed) -> float:
    """Return the validation loss that early stopping goes by, nats."""
    if config.early_stopping_patience is None or config.early_stopping_evaluation == "moving" or not observed.layers:
        return moving_loss
    with recalibration.recalibrated(observed, data.train.images):
        return scores(observed.inference, data.validation.images, data.validation.labels)[0].mean()


def _epoch_program(
    model: keras.Model, data: Data, config: RunConfig, steps_done: int
) -> Callable[[np.ndarray, int], Epoch]:
    """Return a function that trains on the first so many batches of a table of indices."""
    program = TrainingProgram(model, EXPLODED_LOSS, config.jit_compile)
    images, labels = data.train.images, training_labels(data, config)
    if config.augmentation == "none":
        placed = place(images), place(labels)
        return lambda indices, n_steps: program(*placed, indices, n_steps, config.sgd_batch_size)
    augment = augmentation.make(config.augmentation, config.seed)
    augment.calls = steps_done  # its random numbers go by the batches so far

    def augmented_epoch(indices: np.ndarray, n_steps: int) -> Epoch:
        parts, indices = [], indices[:n_steps]
        for some in np.array_split(indices, math.ceil(indices.size / AUGMENTED_AT_ONCE)):
            batches = [augment(images[batch].astype(np.float32), labels[batch]) for batch in some]
            stacked = (place(np.concatenate(part)) for part in zip(*batches, strict=True))
            rows = np.arange(some.size).reshape(some.shape)
            parts.append(program(*stacked, rows, len(rows), config.sgd_batch_size))
            if parts[-1].steps < len(rows):
                break
        return _joined(parts)

    return augmented_epoch


def _early_stopping(model: keras.Model, config: RunConfig) -> keras.callbacks.Callback:
    """Return Keras's early stopping, or a callback that does nothing, ready for the first epoch."""
    callback = keras.callbacks.Callback()
    if config.early_stopping_patience is not None:
        callback = keras.callbacks.EarlyStopping(
            "val_loss", patience=config.early_stopping_patience, restore_best_weights=True
        )
    model.stop_training = False
    callback.set_model(model)
    callback.on_train_begin()
    return callback


def _timed_lag(observed: recalibration.Observed, images: np.ndarray) -> dict[str, float]:
    start = time.perf_counter()
    lag = recalibration.lag(observed, images)
    return lag | {"seconds_lag": round(time.perf_counter() - start, 3)}


def _report(row: dict, n_epochs: int, config: RunConfig) -> None:
    print(
        f"batch size {config.batch_size}, seed {config.seed}: epoch {row['epoch']} of {n_epochs}, "
        f"loss {row['train_loss']:.3f}, accuracy {row['train_accuracy']:.3f}, "
        f"validation accuracy {row['validation_accuracy']:.3f}, {row['seconds']:.0f} s",
        flush=True,
    )
