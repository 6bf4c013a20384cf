"""A model run while its batch norm layers are looked at; for models whose layers are known to use batches.

Nothing of the model is changed by that, neither its weights nor its moving averages nor the functions that Keras has
compiled for it. What batch norm really does in a model that somebody else made, `usage` finds out.
"""

import contextlib
import functools
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from smallbatch.backend import by_backend
from smallbatch.batchnorm.inference import Inference
from smallbatch.batchnorm.layers import FrozenBatchNormalization, normalize_in_groups

Statistics = list[tuple[np.ndarray, np.ndarray]]


class Observed:
    """A model whose batch norm layers are observed while it runs; compiled once, so keep it for many batches.

    `layers` are those that use the statistics of batches in training: a layer with `trainable = False` does not.
    `inference` is the same model unobserved, with its moving averages.
    """

    def __init__(self, model: keras.Model, layers: list[keras.layers.BatchNormalization] | None = None):
        self.model = model
        self.layers = _in_use(model) if layers is None else layers
        self.inference = Inference(model)
        self._compiled = by_backend(tensorflow=_compile_tensorflow, jax=_compile_jax)(self._run)

    def __call__(self, images: np.ndarray, group_size: int, n_fixed: int = 0) -> tuple[np.ndarray, Statistics]:
        """Return the outputs, and for each layer mean and variance per image and channel, both (n, channels).

        Each `group_size` consecutive images are normalized together, but with the moving averages in the first
        `n_fixed` layers. Dropout is off. The layers are put in the order in which the model runs them.
        """
        outputs, observed = self._compiled(images, group_size, n_fixed)
        return np.asarray(outputs), [(np.asarray(mean), np.asarray(variance)) for mean, variance in observed]

    def _run(self, images, group_size, n_fixed):
        seen = {}

        def call(layer, inputs, training=None, mask=None):
            seen.setdefault(layer, []).append(_moments_of_images(layer, inputs))
            if list(seen).index(layer) < n_fixed:
                return type(layer).call(layer, inputs, training=False)
            return normalize_in_groups(layer, inputs, group_size)[0]

        with _calling(self.layers, call):
            outputs = self.model(images, training=False)
        self.layers = list(seen)
        # A layer that the model runs more than once has seen more "images".
        return outputs, [tuple(ops.concatenate(part) for part in zip(*seen[layer], strict=True)) for layer in seen]


def batch_norm_layers(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return every batch norm layer of a model, at any depth of nesting."""
    # The public `layers` stops at the first level.
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]


@contextlib.contextmanager
def using_batch_statistics(model: keras.Model) -> Iterator[None]:
    """Let batch norm use the statistics of each batch, as in training, while the rest of the model does not train."""

    def call(layer, inputs, training=None, mask=None):
        return type(layer).call(layer, inputs, training=True)

    with _calling(_in_use(model), call):
        yield


def _in_use(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [k for k in batch_norm_layers(model) if k.trainable and not isinstance(k, FrozenBatchNormalization)]


def _moments_of_images(layer, inputs):
    axes = [k for k in range(1, len(inputs.shape)) if k != layer.axis % len(inputs.shape)]
    inputs = ops.cast(inputs, "float32")
    return ops.moments(inputs, axes=axes) if axes else (inputs, ops.zeros_like(inputs))


@contextlib.contextmanager
def _calling(layers, call) -> Iterator[None]:
    """Let `call(layer, inputs, ...)` stand in for the layers' own `call`."""
    for layer in layers:
        layer.call = functools.partial(call, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _compile_tensorflow(run):
    import tensorflow as tf

    compiled = tf.function(run, reduce_retracing=True, autograph=False)
    # As a tensor the group size does not start a new trace.
    return lambda images, group_size, n_fixed: compiled(images, tf.constant(group_size), n_fixed)


def _compile_jax(run):
    import jax

    model = run.__self__.model

    @functools.partial(jax.jit, static_argnums=(3, 4))
    def pure(trainable, others, images, group_size, n_fixed):
        mapping = zip([*model.trainable_variables, *model.non_trainable_variables], [*trainable, *others], strict=True)
        with keras.StatelessScope(state_mapping=mapping):
            return run(images, group_size, n_fixed)

    def call(images, group_size, n_fixed):
        values = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
        return pure(*values, images, group_size, n_fixed)

    return call
