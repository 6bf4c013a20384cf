"""Which parts of a gap count, and what is behind them: the names of the causes, and the evidence for each."""

import numpy as np
import pandas as pd

from smallbatch.batchnorm.evaluator import Evaluator
from smallbatch.diagnosis.data import Source
from smallbatch.diagnosis.layerwise import FEW_IMAGES, typical_distance
from smallbatch.diagnosis.parts import AVERAGES, DIFFER, ORDER, OVERFITTING, SMALL_BATCH
from smallbatch.diagnosis.sweeping import SORTED, Sweep, measure_with_noise

LAG, NOISE = "moving averages lag", "moving averages are noisy"
NEVER, NOISE_ON = "moving averages never updated", "averages collected with noise on"
TINY = "averages collected over tiny batches"
SORTED_BATCHES = "batches sorted by class"
# Of the causes behind the part of the moving averages, these are repaired by recalibrating.
REPAIRED = (LAG, NOISE, NEVER, NOISE_ON, TINY)
# Averages that are so much closer to what noise or tiny batches make of them than to the images' statistics are
# explained by it.
EXPLAINED = 0.5
NOISE_IMAGES = 2048
# The numbers in validation images may differ from those in training images by so much: means in standard deviations,
# standard deviations as a ratio.
VALUES_DIFFER, VALUES_RATIO = 0.5, 1.5
# Another order of the classes has to make up for so many points.
ORDER_POINTS = 10.0


def those_that_count(parts: pd.DataFrame, threshold: float) -> list[str]:
    """Return the parts of at least `threshold` whose interval excludes zero, the largest first."""
    size = parts.iloc[:, 0]
    return list(parts[(size >= threshold) & (parts["low"] > 0)].sort_values(parts.columns[0], ascending=False).index)


def values_differ(train: Sweep, validation: Sweep) -> bool:
    """Return whether the numbers in validation images have another mean or spread than those in training images."""
    here, there = train.values, validation.values
    if not (np.isfinite([here.mean, there.mean]).all() and here.sd > 0 and there.sd > 0):
        return False
    ratio = max(here.sd / there.sd, there.sd / here.sd)
    return abs(here.mean - there.mean) > VALUES_DIFFER * here.sd or ratio > VALUES_RATIO


def cause_of_averages(evaluator: Evaluator, train: Source, sweep: Sweep, size: int, images_averaged: float) -> str:
    """Return why the moving averages are off: never updated, collected in noise or tiny batches, noisy, or lagging.

    What averages come to at rest is measured, with dropout and its like on: where they are close to that and far from
    the images' own statistics, more steps would not help.
    """
    layers = evaluator.layers
    if all(use.never_updated for use in evaluator.usage.uses if use.layer in layers):
        return NEVER
    moving, clean = evaluator.moving_averages(), sweep.measured.statistics(layers)
    away = typical_distance(layers, moving, clean)
    resting = sweep.measured.resting(layers)
    if resting is not None and typical_distance(layers, moving, resting) < EXPLAINED * away:
        return TINY
    noisy = measure_with_noise(evaluator, train, size, NOISE_IMAGES).resting(layers)
    if noisy is not None and typical_distance(layers, moving, noisy) < EXPLAINED * away:
        return NOISE_ON
    return LAG if images_averaged >= FEW_IMAGES else NOISE


def named(found: list[str], averages: str, train: Sweep, validation: Sweep) -> tuple[str, ...]:
    """Return the causes for the parts that count: `averages` for that of the moving averages."""
    causes = [averages if name == AVERAGES else name for name in found]
    if max(train.sorted, validation.sorted) > SORTED and (train.mixed or validation.mixed):
        # Not even mixed could be told what the batches do to these two.
        causes = [SORTED_BATCHES, *(c for c in causes if c not in (SMALL_BATCH, *REPAIRED))]
    return tuple(causes)


def cut_middle(
    parts: pd.DataFrame, candidates: dict[str, pd.DataFrame], differ: bool, threshold: float
) -> pd.DataFrame:
    """Return the parts with the middle one cut or renamed where it is not overfitting.

    `candidates` holds the parts cut for `DIFFER` and for `ORDER`; `differ` says whether the images' numbers do.
    """
    if parts.loc[OVERFITTING].iloc[0] < threshold:
        return parts
    order, differing = candidates.get(ORDER), candidates.get(DIFFER)
    if order is not None and order.loc[ORDER, "low"] > 0 and order.loc[ORDER].iloc[0] >= max(threshold, ORDER_POINTS):
        return order
    if differing is not None and DIFFER in those_that_count(differing, threshold):
        return differing
    return parts.rename(index={OVERFITTING: DIFFER}) if differ else parts
