"""Which layers' moving averages are off, how many more steps they would need, and which momentum fits."""

import math

import keras
import numpy as np
import pandas as pd

from smallbatch.batchnorm.evaluator import Evaluator
from smallbatch.batchnorm.observed import Statistics
from smallbatch.batchnorm.usage import BATCHES, FROZEN
from smallbatch.diagnosis.sweeping import Measured

# Moving averages closer than this, in standard deviations, count as those of the images.
CLOSE = 0.1
# Frozen statistics further away than this, in standard deviations, do not fit the images.
FAR = 1.0
# Moving averages that rest on fewer images than this are a noisy estimate, whatever their lag.
FEW_IMAGES = 256
# Averages have to forget within an epoch: of its start, exp(-10) is left.
TIME_CONSTANTS_PER_EPOCH = 10


def distance(moving: tuple, measured: tuple, epsilon: float) -> tuple[float, float]:
    """Return how far moving averages are from measured statistics, both (mean, variance), over the channels.

    First the root mean square distance of the means in standard deviations, then that of the natural logarithm of the
    ratio of the standard deviations.
    """
    variance, moving_variance = (np.asarray(pair[1], np.float64) + epsilon for pair in (measured, moving))
    shift = (np.asarray(moving[0], np.float64) - measured[0]) / np.sqrt(variance)
    ratio = np.log(np.maximum(moving_variance, 1e-30) / variance) / 2
    return float(np.sqrt(np.mean(np.square(shift)))), float(np.sqrt(np.mean(np.square(ratio))))


def typical_distance(layers: list, one: Statistics, other: Statistics) -> float:
    """Return the median over layers of the distance of two sets of statistics, means and deviations together."""
    pairs = zip(layers, one, other, strict=True)
    return float(np.median([math.hypot(*distance(a, b, layer.epsilon)) for layer, a, b in pairs])) if layers else 0.0


def layer_table(evaluator: Evaluator, measured: Measured) -> pd.DataFrame:
    """Return a row per batch norm layer, in the order of running.

    `role` says what it does, `masked` whether a mask reaches it, `never_updated` whether its moving averages are still
    at 0 and 1. `lag_mean` and `lag_sd` are the distances of its moving averages from the statistics of the training
    images (see `distance`); `steps`, how many more steps of training, at rest, would bring them within 0.1.
    """
    rows = []
    for use in evaluator.usage.uses:
        row = {"layer": use.name, "role": use.role, "masked": use.masked, "never_updated": use.never_updated}
        row |= {"momentum": use.layer.momentum, "lag_mean": np.nan, "lag_sd": np.nan, "steps": np.nan}
        if use.role in (BATCHES, FROZEN):
            moving = [keras.ops.convert_to_numpy(v) for v in (use.layer.moving_mean, use.layer.moving_variance)]
            mean, sd = distance(moving, measured.statistics([use.layer])[0], use.layer.epsilon)
            row |= {"lag_mean": mean, "lag_sd": sd}
            if use.role == BATCHES:
                row["steps"] = steps_to_catch_up(math.hypot(mean, sd), use.layer.momentum)
        rows.append(row)
    columns = ["layer", "role", "masked", "never_updated", "momentum", "lag_mean", "lag_sd", "steps"]
    return pd.DataFrame(rows, columns=columns)


def steps_to_catch_up(away: float, momentum: float) -> float:
    """Return after how many steps, with weights at rest, a distance falls to 0.1: each step leaves `momentum` of it."""
    if away <= CLOSE:
        return 0.0
    if momentum >= 1:
        return math.inf
    return float(math.ceil(math.log(away / CLOSE) / -math.log(max(momentum, 1e-9))))


def fitting_momentum(n_images: int, batch_size: int) -> float:
    """Return the momentum that forgets within an epoch and yet averages over 256 images or more.

    The rule: the larger of 1 - 10 / S and (256 - B) / (256 + B), for S steps per epoch and batches of B images. An
    average with momentum m over batches of B has the weight of B (1 + m) / (1 - m) images.
    """
    steps = n_images / batch_size
    enough_images = (FEW_IMAGES - batch_size) / (FEW_IMAGES + batch_size)
    return round(max(1 - TIME_CONSTANTS_PER_EPOCH / steps if steps else 0.0, enough_images, 0.0), 3)


def steps_taken(model: keras.Model) -> int | None:
    """Return how many steps the model's optimizer has taken, None where that is not known."""
    iterations = getattr(getattr(model, "optimizer", None), "iterations", None)
    taken = 0 if iterations is None else int(keras.ops.convert_to_numpy(iterations))
    return taken or None
