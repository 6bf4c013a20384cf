"""Validation with recalibrated statistics after every epoch, in the log beside what Keras reports."""

import contextlib

import keras

from smallbatch.backend import by_backend
from smallbatch.diagnosis.data import Source
from smallbatch.diagnosis.diagnosing import require_whole
from smallbatch.diagnosis.preparing import image_shape, prepare
from smallbatch.diagnosis.scoring import decide
from smallbatch.diagnosis.sweeping import measure
from smallbatch.errors import ParameterError


class Recalibrated(keras.callbacks.Callback):
    """Adds `recalibrated_val_accuracy` and `recalibrated_val_loss` to the log of every epoch.

    Validation as it would be after `recalibrate`: while moving averages lag, the usual `val_accuracy` tells of them and
    not of the weights. Costs a pass over the training images and one over the validation images; the model is compiled
    for it once and stays as it is. Put it before callbacks that read its values, such as `EarlyStopping`.

    Parameters
    ----------
    train, validation
        Training images without augmentation, and validation images with labels, in the forms that `diagnose` takes.
    every : int
        Only every so many epochs.
    steps, validation_steps : int, optional
        How many batches to take from data that do not end.

    Examples
    --------
    >>> import keras, numpy as np, smallbatch
    >>> images = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    >>> labels = (images[:, 0] > 0).astype(int)
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(), keras.layers.Dense(2)])
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> callback = smallbatch.Recalibrated(images, (images, labels))
    >>> history = model.fit(images, labels, epochs=2, verbose=0, callbacks=[callback]).history
    >>> len(history["recalibrated_val_accuracy"])
    2
    """

    def __init__(
        self, train, validation, every: int = 1, steps: int | None = None, validation_steps: int | None = None
    ):
        super().__init__()
        require_whole("every", every)
        self._every = every
        self._data = (train, "train", steps), (validation, "validation", validation_steps)
        self._sources = self._scoring = None

    def on_epoch_end(self, epoch, logs=None):
        """Add the recalibrated validation accuracy and loss to `logs`."""
        if logs is not None and (epoch + 1) % self._every == 0:
            with by_backend(tensorflow=contextlib.nullcontext, jax=contextlib.nullcontext, torch=_same_numbers_later)():
                logs.update(self._recalibrated_validation())

    def _recalibrated_validation(self) -> dict[str, float]:
        model = self.model
        if self._sources is None:
            shape = image_shape(model)
            self._sources = [Source(*each, shape) for each in self._data]
            self._require_labels()
        train, validation = self._sources
        evaluator = prepare(model, train).evaluator
        statistics = None
        if evaluator.layers:
            measured, _ = measure(evaluator, train, mixed=not train.is_arrays)
            statistics = measured.statistics(evaluator.layers)
        correct = loss = count = 0.0
        for images, labels, counted in validation.chunks(64):
            outputs = evaluator.predict(images, statistics)
            self._scoring = self._scoring or decide(model, images, outputs.values, labels, validation.name)
            scores = self._scoring(outputs.values, labels, outputs.mask, validation.name)
            correct += scores.correct[:counted].sum()
            loss += scores.loss[:counted].sum()
            count += scores.count[:counted].sum()
        return {
            "recalibrated_val_accuracy": float(correct / count),
            "recalibrated_val_loss": float(loss / count),
        }

    def _require_labels(self) -> None:
        if not self._sources[1].has_labels:
            raise ParameterError("validation holds no labels. Allowed: pairs of images and labels")


def _same_numbers_later():
    """Return a context in which PyTorch draws random numbers without those of the training changing.

    Even `predict` draws one there, for its loader of data, and so would give the next epoch another order.
    """
    import torch

    return torch.random.fork_rng(devices=[])
