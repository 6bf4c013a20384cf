"""The statistics of batch norm measured on images, compared with the moving averages, and put in their place.

For networks whose layers are known to use the statistics of batches in training, as those of this project do. For a
model of which that is not known, `smallbatch.recalibrate` looks first.
"""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from smallbatch.batchnorm.chunks import CHUNK, chunks
from smallbatch.batchnorm.layers import FrozenBatchNormalization
from smallbatch.batchnorm.observed import Observed, Statistics, batch_norm_layers, using_batch_statistics
from smallbatch.batchnorm.pool import Pool
from smallbatch.errors import ParameterError

__all__ = [
    "GROUP", "Observed", "Statistics", "assign", "batch_norm_layers", "freeze_statistics", "lag", "measure",
    "moving_averages", "recalibrate", "recalibrated", "using", "using_batch_statistics",
]  # fmt: skip

# Images normalized together while statistics are measured. It is fixed, so that these do not depend on the batch
# size of the pass or of the training.
GROUP = 32


def recalibrate(model: keras.Model, data, batch_size: int = CHUNK, passes: int = 1) -> int:
    """Give batch norm the statistics of `data` in place of its moving averages; return how many layers were changed.

    For each layer: mean and variance over all images and positions, from pooled first and second moments ("precise
    batch norm", Wu & Johnson 2021, section 3). `data` are training images without augmentation, in a form that
    `chunks.chunks` takes, and labels are ignored; weights stay as they are. `batch_size`, the images run at
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
        pools = pools or [Pool() for _ in seen]
        for pool, (mean, variance) in zip(pools, seen, strict=True):
            # Filled-up images do not count; those of a layer that ran twice come as two blocks.
            counts = np.tile(np.arange(len(images)) < counted, len(mean) // len(images))
            pool.add(mean[counts], variance[counts])
    return [pool.statistics() for pool in pools]


def moving_averages(layers: list[keras.layers.BatchNormalization]) -> Statistics:
    """Return moving mean and moving variance of each layer, both (channels,)."""
    return [(ops.convert_to_numpy(k.moving_mean), ops.convert_to_numpy(k.moving_variance)) for k in layers]


def assign(layers: list[keras.layers.BatchNormalization], statistics: Statistics) -> None:
    """Set moving mean and moving variance of each layer, and what batch renormalization derives the variance from."""
    for layer, (mean, variance) in zip(layers, statistics, strict=True):
        layer.moving_mean.assign(mean)
        layer.moving_variance.assign(variance)
        if getattr(layer, "renorm", False):
            layer.moving_stddev.assign(np.sqrt(variance + layer.epsilon))


@contextlib.contextmanager
def recalibrated(observed: Observed, data) -> Iterator[None]:
    """Give a model the statistics of `data` for as long as the context lasts."""
    measured = measure(observed, data)  # puts the layers in order
    with using(observed.layers, measured):
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
