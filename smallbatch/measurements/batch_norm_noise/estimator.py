"""How noisy the statistics of a batch are, layer by layer: the noise that batch norm adds to a network in training."""

from typing import Literal

import numpy as np
import pandas as pd

from smallbatch.batchnorm.chunks import chunks
from smallbatch.batchnorm.recalibration import Observed, Statistics
from smallbatch.errors import require

FEWEST_BATCHES = 4


def batch_norm_noise(
    observed: Observed,
    images: np.ndarray,
    batch_sizes: list[int],
    upstream: Literal["batch", "fixed"] = "batch",
    deals: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Return, for each batch size and batch norm layer, how much the statistics differ from batch to batch.

    `images` is (n, side, side, 3); each deal puts them into batches at random, each image into one. With `upstream`
    "batch", all layers in front normalize with the statistics of the batch too, as in training. With "fixed" they use
    their moving averages: what reaches a layer from one image does then not depend on the other images of its batch.

    The rows hold the layer (its name and its place, from 0, in the order of running), the batch size, the deal, the
    positions of its map, and

    - `mean_noise`: standard deviation over batches of the batch mean, in standard deviations of the channel,
    - `sd_noise`: standard deviation over batches of the batch's standard deviation, in the same unit,
    - `between_images`: fraction of the channel's variance that lies between the means of images,
    - `predicted`: the mean noise that follows from it where images and positions are drawn independently,
      sqrt(s / B + (1 - s) / (B positions)),

    each as root mean square (the fraction: mean) over the channels that vary at all. Costs a pass over the images for
    each batch size and deal, with "fixed" a single one. Raises `ParameterError` where a batch size leaves fewer than
    four batches.
    """
    require("deals", deals, deals >= 1, "at least 1")
    most = len(images) // FEWEST_BATCHES
    for size in batch_sizes:
        require("batch_sizes", size, 1 <= size <= most, f"1 to {most} with {len(images)} images")
    once = _moments(observed, images, 1, len(observed.layers)) if upstream == "fixed" else None
    rows = []
    for size in batch_sizes:
        whole = len(images) // size * size
        for deal in range(deals):
            order = np.random.default_rng([seed, deal]).permutation(len(images))[:whole]
            dealt = _moments(observed, images[order], size) if once is None else _chosen(once, order)
            for place, (mean, variance) in enumerate(dealt):
                layer = observed.layers[place]
                positions = int(
                    np.prod([side for k, side in enumerate(layer.input.shape) if k not in (0, _axis(layer))])
                )
                row = {"layer": layer.name, "place": place, "batch_size": size, "deal": deal, "positions": positions}
                rows.append(row | _noise(mean, variance, size, positions))
    return pd.DataFrame(rows)


def _axis(layer) -> int:
    return layer.axis % len(layer.input.shape)


def _moments(observed: Observed, images: np.ndarray, size: int, n_fixed: int = 0) -> Statistics:
    """Return mean and variance per image, (n, channels), for each layer; n is a multiple of `size`."""
    seen = []
    for chunk, _, counted in chunks(images, size):
        seen.append([(mean[:counted], variance[:counted]) for mean, variance in observed(chunk, size, n_fixed)[1]])
    return [
        tuple(np.concatenate(part).astype(np.float64) for part in zip(*layer, strict=True))
        for layer in zip(*seen, strict=True)
    ]


def _chosen(moments: Statistics, order: np.ndarray) -> Statistics:
    return [(mean[order], variance[order]) for mean, variance in moments]


def _noise(mean: np.ndarray, variance: np.ndarray, size: int, positions: int) -> dict[str, float]:
    pooled = variance.mean(axis=0) + mean.var(axis=0)
    alive = pooled > 1e-12
    mean, variance, pooled = mean[:, alive], variance[:, alive], pooled[alive]
    by_batch = mean.reshape(-1, size, mean.shape[1])
    batch_mean = by_batch.mean(axis=1)
    second_moment = (variance + mean**2).reshape(by_batch.shape).mean(axis=1)
    batch_sd = np.sqrt(np.maximum(second_moment - batch_mean**2, 0))
    fraction = _fraction_between_images(mean, variance, positions)
    predicted = fraction / size + (1 - fraction) / (size * positions)
    return {
        "mean_noise": _root_mean_square(batch_mean.std(axis=0, ddof=1) / np.sqrt(pooled)),
        "sd_noise": _root_mean_square(batch_sd.std(axis=0, ddof=1) / np.sqrt(pooled)),
        "between_images": float(fraction.mean()),
        "predicted": float(np.sqrt(predicted.mean())),
    }


def _fraction_between_images(mean: np.ndarray, variance: np.ndarray, positions: int) -> np.ndarray:
    """Return the fraction per channel, by analysis of variance (images are the groups, positions their members)."""
    if positions == 1:
        return np.ones(mean.shape[1])
    within = variance.mean(axis=0) * positions / (positions - 1)
    between = np.maximum(mean.var(axis=0, ddof=1) - within / positions, 0)
    return between / (between + within)


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
