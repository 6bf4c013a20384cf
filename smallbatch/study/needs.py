"""The memory and the time that a run asks a cluster for, from its parameters alone: no framework is loaded for it.

Upper estimates for one CPU core: a run that asks for too much waits a little longer for its place, one that asks for
too little is killed. What a killed run asks for grows with each attempt, and it goes on from its last checkpoint.
"""

import math

from smallbatch.parameters import Parameters
from smallbatch.training.config import RunConfig

MIB = 2**20
# The published network at 299 pixels, as `measurements.cost.counting` counts it: what stays the same at every depth,
# and what comes with all residual blocks. Numbers kept for the backward pass of an image, multiplications of its
# forward pass, weights, layers.
KEPT, MULTIPLICATIONS, WEIGHTS, LAYERS = (14.4e6, 30.4e6), (3.9e9, 9.3e9), (10.2e6, 44.1e6), (82, 700)
# Pixels that convolutions without padding take off the image.
BORDER = 22
# What Python, a framework and its compiled programs take: up to 1.6 GiB in the published records of miniatures.
BASE_MIB = 2000
# How far the count may be exceeded, by scratch space of libraries.
CAUTION = 1.5
# What one CPU core does at the least, and what it needs for each layer of a step however small the batch is.
OPERATIONS_PER_SECOND, SECONDS_PER_LAYER = 10e9, 5e-4
# Start-up, compilation and the last evaluations.
START_MINUTES = 30
# Queues seldom give more.
LONGEST_MINUTES = 24 * 60
# Training images where `n_train` does not say.
IMAGES = 5000
# What notebooks that train no single network of these parameters ask for.
MEASUREMENT_MIB, MEASUREMENT_MINUTES = 8000, 12 * 60


def ram_mib(config: Parameters) -> int:
    """Return the memory that a run is to have, MiB in whole hundreds."""
    if not isinstance(config, RunConfig):
        return MEASUREMENT_MIB
    batch_size = max([config.batch_size, *getattr(config, "batch_sizes", [])])
    kept = batch_size * _by_depth(KEPT, config) * config.width * _area(config)
    # With gradient, velocity and a copy.
    weights = 4 * _by_depth(WEIGHTS, config) * config.width**2
    # All three splits, as bytes; the others together are taken to be as large as the training images.
    images = 2 * (config.n_train or IMAGES) * 3 * config.image_size**2
    needed = BASE_MIB + (CAUTION * 4 * (kept + weights) + images) / MIB
    return 100 * math.ceil(max(needed, 0 if config.NOTEBOOK == RunConfig.NOTEBOOK else MEASUREMENT_MIB) / 100)


def minutes(config: Parameters) -> int:
    """Return the time that a run is to have, in minutes."""
    if config.NOTEBOOK != RunConfig.NOTEBOOK:
        return MEASUREMENT_MINUTES
    # Forward, and backward for inputs and weights; a multiplication and an addition each.
    operations = 6 * _by_depth(MULTIPLICATIONS, config) * config.width**2 * _area(config)
    step = config.batch_size * operations / OPERATIONS_PER_SECOND + SECONDS_PER_LAYER * _by_depth(LAYERS, config)
    seconds = config.n_steps(config.n_train or IMAGES) * step
    return min(START_MINUTES + math.ceil(seconds / 60), LONGEST_MINUTES)


def _by_depth(number: tuple[float, float], config: RunConfig) -> float:
    return number[0] + number[1] * config.depth


def _area(config: RunConfig) -> float:
    """Return the area of the feature maps, of that at 299 pixels."""
    return ((config.image_size - BORDER) / (299 - BORDER)) ** 2
