"""A model's outputs with its moving averages, compiled once, and the loss and correctness of each image."""

from collections.abc import Callable

import keras
import numpy as np

from smallbatch.backend import by_backend
from smallbatch.batchnorm.chunks import chunks


class Inference:
    """A model's outputs with its moving averages, compiled at the first call; so keep it for many batches."""

    def __init__(self, model: keras.Model):
        self._run = by_backend(tensorflow=_inference_in_tensorflow, jax=_inference_in_jax)(model)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the outputs for images (n, side, side, 3)."""
        return np.asarray(self._run(images))


def scores(
    logits_of: Callable[[np.ndarray], np.ndarray], images: np.ndarray, labels: np.ndarray, group_size: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Return cross-entropy (nats) and whether it is classified correctly for each image, both (n,), in their order.

    `logits_of` is handed the images in chunks of a multiple of `group_size`, in a fixed random order (see `chunks`).
    """
    losses, correct = np.empty(len(labels)), np.empty(len(labels), bool)
    for chunk, places, counted in chunks((images, np.arange(len(labels))), group_size):
        places = places[:counted]
        losses[places], correct[places] = cross_entropy(logits_of(chunk)[:counted], labels[places])
    return losses, correct


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of each image, in nats, and whether it is classified correctly, both (n,)."""
    logits = logits.astype(np.float64)
    highest = logits.max(axis=1, keepdims=True)
    log_sum = highest[:, 0] + np.log(np.exp(logits - highest).sum(axis=1))
    return log_sum - logits[np.arange(len(logits)), labels], logits.argmax(axis=1) == labels


def _inference_in_tensorflow(model: keras.Model):
    import tensorflow as tf

    return tf.function(lambda images: model(images, training=False), reduce_retracing=True, autograph=False)


def _inference_in_jax(model: keras.Model):
    import jax

    compiled = jax.jit(lambda trainable, others, x: model.stateless_call(trainable, others, x, training=False)[0])

    def call(images):
        groups = (model.trainable_variables, model.non_trainable_variables)
        return compiled(*[[variable.value for variable in group] for group in groups], images)

    return call
