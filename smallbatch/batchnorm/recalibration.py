"""The statistics of batch norm looked at from outside, in any Keras model: measured, compared and repaired.

A model is run with its batch norm layers observed. Nothing of the model is changed by that, neither its weights nor
its moving averages nor the functions that Keras has compiled for it.
"""

import contextlib
import functools
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from smallbatch.backend import by_backend
from smallbatch.batchnorm.chunks import CHUNK, chunks
from smallbatch.batchnorm.inference import Inference
from smallbatch.batchnorm.layers import FrozenBatchNormalization, normalize_in_groups
from smallbatch.errors import ParameterError

# Images normalized together while statistics are measured. It is fixed, so that these do not depend on the batch
# size of the pass or of the training.
GROUP = 32

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


def recalibrate(model: keras.Model, data, batch_size: int = CHUNK, passes: int = 1) -> int:
    """Give batch norm the statistics of `data` in place of its moving averages; return how many layers were changed.

    For each layer: mean and variance over all images and positions, from pooled first and second moments ("precise
    batch norm", Wu & Johnson 2021, section 3). `data` are training images without augmentation, in a form that
    `batches.chunks` takes, and labels are ignored; weights stay as they are. `batch_size`, the images run at
    a time, is a matter of memory and not of the result.

    In one pass a layer's inputs are normalized upstream over groups of 32 images, as in training, and no longer with
    the moving averages: a layer with no other batch norm in front of it gets the exact statistics, the others come
    very close. Each further pass makes one more layer exact, in the order in which the model runs them. Layers with
    `trainable = False` use their statistics as constants and are left alone. Raises `ParameterError` where no layer
    is left to change.
    """
    observed = Observed(model)
    if not observed.layers:
        raise ParameterError(
            f"model = {model.name!r}: no batch norm layer uses the statistics of batches. "
            "Allowed: a model with a BatchNormalization whose trainable is True"
        )
    for n_fixed in range(min(passes, len(observed.layers))):
        statistics = measure(observed, data, batch_size, n_fixed)  # puts the layers in order
        assign(observed.layers, statistics)
    return len(observed.layers)


def freeze_statistics(model: keras.Model, data) -> None:
    """Measure the statistics of frozen batch norm, which training leaves as they are, on images (n, ...)."""
    observed = Observed(model, [k for k in batch_norm_layers(model) if isinstance(k, FrozenBatchNormalization)])
    statistics = measure(observed, data)
    assign(observed.layers, statistics)


def measure(observed: Observed, data, batch_size: int = CHUNK, n_fixed: int = 0) -> Statistics:
    """Return for each observed layer the mean and (biased) variance of its inputs over all images, (channels,)."""
    pools = None
    for images, _, counted in chunks(data, GROUP, batch_size):
        _, seen = observed(images, GROUP, n_fixed)
        pools = pools or [_Pool() for _ in seen]
        for pool, (mean, variance) in zip(pools, seen, strict=True):
            # Filled-up images do not count; those of a layer that ran twice come as two blocks.
            counts = np.tile(np.arange(len(images)) < counted, len(mean) // len(images))
            pool.add(mean[counts], variance[counts])
    return [pool.statistics() for pool in pools]


def moving_averages(layers: list[keras.layers.BatchNormalization]) -> Statistics:
    """Return moving mean and moving variance of each layer, both (channels,)."""
    return [(ops.convert_to_numpy(k.moving_mean), ops.convert_to_numpy(k.moving_variance)) for k in layers]


def assign(layers: list[keras.layers.BatchNormalization], statistics: Statistics) -> None:
    """Set moving mean and moving variance of each layer."""
    for layer, (mean, variance) in zip(layers, statistics, strict=True):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)


@contextlib.contextmanager
def recalibrated(observed: Observed, data) -> Iterator[None]:
    """Give a model the statistics of `data` for as long as the context lasts."""
    with using(observed.layers, measure(observed, data)):
        yield


@contextlib.contextmanager
def using(layers: list[keras.layers.BatchNormalization], statistics: Statistics) -> Iterator[None]:
    """Give batch norm layers these statistics for as long as the context lasts."""
    kept = moving_averages(layers)
    assign(layers, statistics)
    try:
        yield
    finally:
        assign(layers, kept)


def lag(observed: Observed, data) -> dict[str, float]:
    """Return how far the moving averages are from the statistics of `data`, as median and maximum over the layers.

    For each layer, over its channels: `lag_mean` is the root mean square of the distance between moving mean and
    mean, in standard deviations; `lag_sd` that of the natural logarithm of the ratio of the standard deviations.
    Not a number where no layer is observed.
    """
    if not observed.layers:
        return dict.fromkeys(("lag_mean", "lag_mean_worst", "lag_sd", "lag_sd_worst"), float("nan"))
    measured = measure(observed, data)
    rows = []
    for layer, old, new in zip(observed.layers, moving_averages(observed.layers), measured, strict=True):
        variance, moving_variance = (np.float64(v) + layer.epsilon for v in (new[1], old[1]))
        shift = (old[0] - new[0]) / np.sqrt(variance)
        ratio = np.log(moving_variance / variance) / 2
        rows.append([np.sqrt(np.mean(np.square(shift))), np.sqrt(np.mean(np.square(ratio)))])
    middle, worst = np.median(rows, axis=0), np.max(rows, axis=0)
    return {
        "lag_mean": float(middle[0]), "lag_mean_worst": float(worst[0]),
        "lag_sd": float(middle[1]), "lag_sd_worst": float(worst[1]),
    }  # fmt: skip


@contextlib.contextmanager
def using_batch_statistics(model: keras.Model) -> Iterator[None]:
    """Let batch norm use the statistics of each batch, as in training, while the rest of the model does not train."""

    def call(layer, inputs, training=None, mask=None):
        return type(layer).call(layer, inputs, training=True)

    with _calling(_in_use(model), call):
        yield


class _Pool:
    """Pools the moments of images in double precision: squares of float32 would lose what two passes agree on."""

    def __init__(self):
        self.n, self.sum, self.square_sum = 0, 0.0, 0.0

    def add(self, mean: np.ndarray, variance: np.ndarray) -> None:
        mean, variance = mean.astype(np.float64), variance.astype(np.float64)
        self.n += len(mean)
        self.sum = self.sum + mean.sum(axis=0)
        self.square_sum = self.square_sum + (variance + mean**2).sum(axis=0)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        mean = self.sum / self.n
        return mean, np.maximum(self.square_sum / self.n - mean**2, 0.0)


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
