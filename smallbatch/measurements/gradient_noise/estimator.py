"""How noisy is the gradient of a batch, and from which batch size on does the noise stop to matter?

The answer to the thread says that batch size 1 needs a small learning rate because its gradient varies a lot. Here this
is measured: gradients of many batches are drawn, and their spread is set against the length of their mean. The
functions take an objective with `n_images`, `weights` (p,) and `gradient(weights, indices)`, such as
`smallbatch.measurements.objective.Objective`.

All batches are drawn with replacement, so that with stored statistics of batch norm a mean over B images has exactly
1/B of the variance of one image. Without replacement it would have (n - B)/(n - 1) of that, and no noise at all at
B = n. With the statistics of each batch the gradient at batch size B is that of another function for every B: its noise
belongs to this B only, and so does its mean.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from smallbatch.errors import require
from smallbatch.measurements.gradient_noise.parameters import BLOCKS, Config

if TYPE_CHECKING:
    from smallbatch.measurements.objective import Objective

RESAMPLES = 2000


class Gradients(NamedTuple):
    """Gradients of many batches of the same size, drawn independently: what their noise and signal follow from.

    The batches stand in equal blocks, which are what the bootstrap draws from. `block_means` (blocks, p) holds the mean
    gradient of each block, `squared_lengths` (blocks,) the mean squared length of its gradients.
    """

    block_means: np.ndarray
    squared_lengths: np.ndarray
    batches_per_block: int
    batch_size: int

    @property
    def mean(self) -> np.ndarray:
        """The mean gradient of all batches, (p,)."""
        return self.block_means.mean(axis=0)


def sample_gradients(
    objective: "Objective", batch_size: int, batches: int, blocks: int = 20, seed: int = 0
) -> Gradients:
    """Compute the gradients of so many batches at `objective.weights`, and keep what `gradient_noise_scale` needs.

    A batch size and seed always draw the same batches. Costs `batches * batch_size` images forward and backward, and
    4 `blocks` p bytes. Raises `ParameterError` unless `batches` is a multiple of `blocks`, and `blocks` >= 2.
    """
    require("batch_size", batch_size, batch_size >= 1, "at least 1")
    require("blocks", blocks, blocks >= 2, "at least 2")
    require("batches", batches, batches >= blocks and batches % blocks == 0, f"a multiple of blocks = {blocks}")
    generator = np.random.default_rng([seed, batch_size])
    drawn = generator.integers(objective.n_images, size=(blocks, batches // blocks, batch_size))
    block_means = np.empty((blocks, len(objective.weights)), np.float32)
    squared_lengths = np.zeros(blocks)
    for k, block in enumerate(drawn):
        total = 0.0
        for batch in block:
            # In double precision: the signal is a small difference of sums over millions of weights.
            gradient = objective.gradient(objective.weights, batch).astype(np.float64)
            total = total + gradient
            squared_lengths[k] += gradient @ gradient / len(block)
        block_means[k] = total / len(block)
    return Gradients(block_means, squared_lengths, batches // blocks, batch_size)


def gradient_noise_scale(
    gradients: Gradients, true_gradient: np.ndarray | None = None, seed: int = 0
) -> dict[str, float]:
    """Estimate the simple noise scale, the batch size at which noise and signal of the gradient are equally strong.

    McCandlish et al. 2018, section 2.2: tr(S) / |G|^2, with S the covariance of the gradients of single images and G
    the true gradient. With `true_gradient` (p,), such as the gradient over all images with stored statistics, G is
    known. Without, both follow from the squared lengths of the gradients of a batch and of all batches together
    (appendix A.1), without bias.

    Returns `noise_scale` (images) with `low` and `high`, the ends of its 95 % percentile bootstrap interval over
    blocks of batches; `noise_to_signal`, the same divided by the batch size, as is seen at that batch size;
    `gradient_norm_squared`, |G|^2; `noise`, the trace of S: for single images, as it follows from this batch size; and
    `batch_size`, `batches`. An estimated |G|^2 can come out at 0 or below: the noise scale is then `inf`, that is, not
    decided from above. The same goes for resamples, hence for `high` and `low`: take more batches.

    Where |G|^2 is estimated and the noise hides it, the interval is wider than it would have to be: resampling adds
    noise of its own to products of blocks.
    """
    weights = _as_drawn_and_resampled(gradients, np.random.default_rng([seed, 0]))
    signals, noises = _signal_and_noise(gradients, true_gradient, weights)
    ratios = _ratio(signals, noises)
    # Not interpolated: between a number and infinity there is nothing.
    low, high = np.quantile(ratios[1:], [0.025, 0.975], method="inverted_cdf")
    noise_scale = float(ratios[0])
    return {
        "noise_scale": noise_scale,
        "low": float(low),
        "high": float(high),
        "noise_to_signal": noise_scale / gradients.batch_size,
        "gradient_norm_squared": float(signals[0]),
        "noise": float(noises[0]),
        "batch_size": gradients.batch_size,
        "batches": len(gradients.block_means) * gradients.batches_per_block,
    }


def _as_drawn_and_resampled(gradients: Gradients, generator: np.random.Generator) -> np.ndarray:
    """Return how often each block counts: once in the first row, as bootstrap samples have it in the others."""
    blocks = len(gradients.block_means)
    return np.vstack([np.ones(blocks), generator.multinomial(blocks, [1 / blocks] * blocks, size=RESAMPLES)])


def _signal_and_noise(gradients: Gradients, true_gradient, weights) -> tuple[np.ndarray, np.ndarray]:
    """Return |G|^2 and tr(S), both (n,), where `weights` (n, blocks) says how often each block counts."""
    total = _weighted_mean(gradients.squared_lengths, weights)
    if true_gradient is None:
        signal = _products(gradients, gradients, weights, weights)
        return signal, gradients.batch_size * (total - signal)
    true_gradient = true_gradient.astype(np.float64)
    signal = true_gradient @ true_gradient
    along = np.array([block @ true_gradient for block in gradients.block_means])
    # The mean squared distance from the true gradient: it varies less than the difference of squared lengths.
    distance = total - 2 * _weighted_mean(along, weights) + signal
    return np.full(len(weights), signal), gradients.batch_size * distance


def _weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ values / weights.sum(axis=1)


def _products(one: Gradients, other: Gradients, weights, other_weights) -> np.ndarray:
    """Return the mean product of two gradients, (n,), over all pairs of different batches: without bias, their noise
    being independent. `weights` are (n, blocks)."""
    inner = one.block_means.astype(np.float64) @ other.block_means.T
    size, other_size = one.batches_per_block, other.batches_per_block
    summed = size * other_size * np.einsum("ni,ij,nj->n", weights, inner, other_weights)
    pairs = size * weights.sum(axis=1) * other_size * other_weights.sum(axis=1)
    if one is other:
        # A batch makes no pair with itself, nor with the copies of itself that a resample holds.
        summed = summed - size * (weights**2) @ one.squared_lengths
        pairs = pairs - size * (weights**2).sum(axis=1)
    return summed / pairs


def _ratio(signal, noise):
    positive = np.asarray(signal) > 0
    return np.where(positive, noise / np.where(positive, signal, 1.0), np.inf)


def cosine(one: Gradients, other: Gradients, seed: int = 0) -> dict[str, float]:
    """Estimate the cosine of the angle between two true gradients, from independent batches of each.

    The noise of the means makes them look more at right angles than the true gradients are: lengths here are those of
    the true gradients, so that this is corrected, and an estimate may exceed 1. Returns `cosine`, `low` and `high`
    (95 % percentile bootstrap over blocks); not a number where a length cannot be told from noise.
    """
    generator = np.random.default_rng([seed, 1])
    weights, other_weights = (_as_drawn_and_resampled(gradients, generator) for gradients in (one, other))
    squares = _products(one, one, weights, weights), _products(other, other, other_weights, other_weights)
    lengths = np.sqrt(np.where(np.minimum(*squares) > 0, squares[0] * squares[1], np.nan))
    cosines = _products(one, other, weights, other_weights) / lengths
    # A resample without a length says that the angle is not decided.
    low, high = np.quantile(cosines[1:], [0.025, 0.975])
    return {"cosine": float(cosines[0]), "low": float(low), "high": float(high)}


# --- What a checkpoint is measured with ---


def measure_with_stored_statistics(objective: "Objective", config: Config, batch_size: int = 8) -> dict:
    """Return the noise scale where batch norm uses stored statistics, and `loss`, the mean over all images in nats.

    A batch's gradient is then the mean of those of its images, so the batch size drawn does not matter, and the true
    gradient is that over all images.
    """
    gradients = sample_gradients(objective, batch_size, config.batches(batch_size), BLOCKS, config.seed)
    found = gradient_noise_scale(gradients, objective.gradient(objective.weights))
    return {"batch_norm": "recalibrated", **found, "loss": objective.loss(objective.weights)}


def measure_with_batch_statistics(objective: "Objective", config: Config) -> pd.DataFrame:
    """Return the noise scale at each batch size where batch norm uses the statistics of each batch, a row each.

    `cosine`, `cosine_low`, `cosine_high`: of the angle between the mean gradient at this batch size and at the last.
    """
    rows, reference = [], None
    for batch_size in reversed(config.batch_sizes):
        gradients = sample_gradients(objective, batch_size, config.batches(batch_size), BLOCKS, config.seed)
        row = {"batch_norm": "batch", **gradient_noise_scale(gradients)}
        if reference is None:
            reference = gradients
        else:
            angle = cosine(gradients, reference)
            row |= {"cosine": angle["cosine"], "cosine_low": angle["low"], "cosine_high": angle["high"]}
        rows.append(row)
    return pd.DataFrame(rows[::-1])
