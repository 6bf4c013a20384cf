"""The loss of a Keras classifier as a function of one flat weight vector, so that NumPy and SciPy can study it.

Noise scales and stable learning rates are statements about this function. Batch norm makes it a
different function for every batch: so here it uses the statistics that the model has stored, unless those of each batch
are asked for. Dropout is always off.
"""

import contextlib

import keras
import numpy as np

from smallbatch.backend import by_backend
from smallbatch.batchnorm.recalibration import using_batch_statistics
from smallbatch.errors import ParameterError

# Bounds the memory of a gradient over many images.
CHUNK = 64


class Objective:
    """Mean cross-entropy, in nats, of `model` (images to logits (n, classes)) over some images, without dropout.

    `images` are (n, side, side, 3), uint8 or float32; `labels` are n class numbers. The weights are the p trainable
    variables, one after the other; `weights` (p,) holds them, and everything else that the model has stored, as they
    were at construction or at the last `update`. The model itself is never changed. `indices` choose images, also
    repeatedly; None means all.

    With `batch_statistics` the images of one call are normalized together, as those of a training step are: the loss of
    a batch is then not the mean of the losses of its images, and all images of a call are computed at once.

    Raises `ParameterError` for a backend other than TensorFlow or JAX and where images and labels do not match.
    """

    def __init__(self, model: keras.Model, images: np.ndarray, labels: np.ndarray, batch_statistics: bool = False):
        if len(images) != len(labels) or len(images) == 0:
            raise ParameterError(f"labels has length {len(labels)}, images {len(images)}. Allowed: one label per image")
        self.n_images = len(images)
        self._model, self._images, self._labels = model, images, labels
        self._together = batch_statistics
        self._loss, self._gradient = _operations(model, batch_statistics)
        self.update()

    def update(self) -> None:
        """Take over the weights, and everything else, that the model has now; nothing is compiled anew."""
        self.weights = _flatten(self._model.trainable_variables)
        self._state = _flatten(_numbers(self._model))

    def loss(self, weights: np.ndarray, indices: np.ndarray | None = None) -> float:
        """Return the mean loss, in nats, at these weights (p,)."""
        return float(self._mean(self._loss, indices, weights))

    def gradient(self, weights: np.ndarray, indices: np.ndarray | None = None) -> np.ndarray:
        """Return the gradient (p,) of the mean loss at these weights (p,)."""
        return self._mean(self._gradient, indices, weights)

    def _mean(self, operation, indices, weights) -> np.ndarray:
        indices = np.arange(self.n_images) if indices is None else np.asarray(indices)
        point = np.asarray(weights, np.float32)
        total, size = 0.0, len(indices) if self._together else CHUNK
        for start in range(0, len(indices), size):
            chunk = indices[start : start + size]
            batch = self._images[chunk].astype(np.float32), self._labels[chunk]
            total = total + np.asarray(operation(point, self._state, *batch)) * (len(chunk) / len(indices))
        return total


def _flatten(variables: list) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *(np.ravel(keras.ops.convert_to_numpy(v)) for v in variables)])


def _unflatten(flat, variables: list) -> list:
    # Hundreds of small arrays handed over one by one would take longer than the gradient of an image.
    ends = np.cumsum([int(np.prod(variable.shape)) for variable in variables])
    pieces = keras.ops.split(flat, list(ends[:-1]))
    return [keras.ops.reshape(piece, variable.shape) for piece, variable in zip(pieces, variables, strict=True)]


def _numbers(model: keras.Model) -> list:
    """Return what a model stores beside its weights, without the states of random generators, which nothing uses."""
    return [v for v in model.non_trainable_variables if keras.backend.is_float_dtype(v.dtype)]


def _operations(model: keras.Model, batch_statistics: bool) -> tuple:
    """Return the compiled loss of (weights, state, images, labels) and its gradient by the weights."""

    def loss(weights, state, images, labels):
        numbers = iter(_unflatten(state, _numbers(model)) if _numbers(model) else [])
        everything = [
            next(numbers) if keras.backend.is_float_dtype(variable.dtype) else variable.value
            for variable in model.non_trainable_variables
        ]
        # A stateless call can leave no trace in the model, whatever happens on the way.
        with using_batch_statistics(model) if batch_statistics else contextlib.nullcontext():
            point = _unflatten(weights, model.trainable_variables)
            logits, _ = model.stateless_call(point, everything, images, training=False)
        return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))

    return by_backend(tensorflow=_in_tensorflow, jax=_in_jax)(loss)


def _in_tensorflow(loss) -> tuple:
    import tensorflow as tf

    def gradient(weights, *rest):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = loss(weights, *rest)
        return tape.gradient(value, weights)

    return tuple(tf.function(operation, reduce_retracing=True, autograph=False) for operation in (loss, gradient))


def _in_jax(loss) -> tuple:
    import jax

    return jax.jit(loss), jax.jit(jax.grad(loss))
