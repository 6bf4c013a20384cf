"""The gap between training and validation, cut into parts that add up to it, each with an interval from the images.

    batch(train) - moving(validation)  =  batch(train) - recalibrated(train)             small normalization batch
                                        + recalibrated(train) - recalibrated(validation)  overfitting
                                        + recalibrated(validation) - moving(validation)   moving averages

The middle part is cut once more where a part of it can be told to be something else than overfitting.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from smallbatch.diagnosis.sweeping import BATCH, EVALUATIONS, MOVING, RECALIBRATED, Sweep, Tally
from smallbatch.statistics import interval

SMALL_BATCH, OVERFITTING, AVERAGES = "small normalization batch", "overfitting", "moving averages"
DIFFER, ORDER = "validation images differ", "classes in another order?"
RESAMPLES = 4000
# Half the width of a 95 % interval, in standard errors.
WIDTH = 1.96


@dataclass(frozen=True)
class Measure:
    """What is compared: its name, its value per image from a tally (more is better), and what it is multiplied by."""

    name: str
    unit: str
    scale: float
    of: Callable[[Tally], np.ndarray]


ACCURACY = Measure("accuracy", "points", 100.0, lambda tally: tally.correct)
LOSS = Measure("loss", "nats", 1.0, lambda tally: -tally.loss)


def mean_recall(classes: int) -> Measure:
    """Return the mean over classes of the share found of each, as a measure: every class counts the same."""

    def of(tally: Tally) -> np.ndarray:
        images = np.bincount(tally.truth, minlength=classes)
        present = (images > 0).sum()
        return tally.correct * len(tally.truth) / (present * images[tally.truth])

    return Measure("mean recall", "points", 100.0, of)


def accuracy_table(train: Sweep, validation: Sweep) -> pd.DataFrame:
    """Return accuracy with its 95 % interval, and loss, by evaluation and set."""
    rows = []
    for name, sweep in (("train", train), ("validation", validation)):
        for mode in EVALUATIONS:
            tally = sweep.tallies[mode]
            correct, count = tally.correct, tally.count
            # An image of many positions is one draw: its positions go together.
            low, high = interval(round(len(count) * correct.sum() / count.sum()), len(count))
            accuracy, loss = correct.sum() / count.sum(), tally.loss.sum() / count.sum()
            row = {"evaluation": mode, "set": name, "accuracy": accuracy, "low": low, "high": high, "loss": loss}
            rows.append(row | {"low": min(low, accuracy), "high": max(high, accuracy)})
    return pd.DataFrame(rows)


def parts_table(measure: Measure, train: Sweep, validation: Sweep) -> pd.DataFrame:
    """Return the three parts of the gap in one measure, each with its 95 % interval."""
    t, v = train.tallies, validation.tallies
    pairs = {
        SMALL_BATCH: _paired(measure, t[BATCH], t[RECALIBRATED]),
        OVERFITTING: _unpaired(measure, t[RECALIBRATED], v[RECALIBRATED]),
        AVERAGES: _paired(measure, v[RECALIBRATED], v[MOVING]),
    }
    columns = [measure.unit, "low", "high"]
    return pd.DataFrame(list(pairs.values()), index=pd.Index(list(pairs), name="part"), columns=columns)


def with_differing_images(parts: pd.DataFrame, measure: Measure, train: Sweep, validation: Sweep) -> pd.DataFrame:
    """Return the parts with that of the overfitting cut off which the validation images' own statistics repair.

    What batch statistics gain over recalibrated ones on validation images, beyond what they gain on training images:
    the network has not learned anything wrong, its validation images have other means and variances.
    """
    t, v = train.tallies, validation.tallies
    gain = np.array(_paired(measure, v[BATCH], v[RECALIBRATED]))
    expected = np.array(_paired(measure, t[BATCH], t[RECALIBRATED]))
    points = gain[0] - expected[0]
    half = np.hypot((gain[2] - gain[1]) / 2, (expected[2] - expected[1]) / 2)
    return _cut(parts, DIFFER, points, half)


def with_class_order(parts: pd.DataFrame, train: Sweep, validation: Sweep) -> pd.DataFrame:
    """Return the parts with that of the overfitting cut off which another order of the classes repairs.

    The order is the one in which most images of one half would be correct, tested in the other half, both ways. What
    another order gains on training images as well is no matter of order, but of a network that confuses classes.
    """
    if any(sweep.tallies[RECALIBRATED].tables is None for sweep in (train, validation)):
        return parts
    usual, _ = _gain_of_another_order(train.tallies[RECALIBRATED].tables)
    points, share = _gain_of_another_order(validation.tallies[RECALIBRATED].tables)
    fitted = train.tallies[RECALIBRATED]
    # In the right order they must come at least half of the way to the training images.
    before, goal = share - points / 100, fitted.correct.sum() / fitted.count.sum()
    if share < (before + goal) / 2:
        points = 0.0
    total = validation.tallies[RECALIBRATED].tables.sum()
    share = min(max(share, 1e-9), 1 - 1e-9)
    return _cut(parts, ORDER, points - max(usual, 0.0), 100 * WIDTH * np.sqrt(2 * share * (1 - share) / total))


def _gain_of_another_order(tables: np.ndarray) -> tuple[float, float]:
    """Return what the best order gains in points, and the accuracy with it, both in images that did not choose it."""
    correct, total = 0.0, tables.sum()
    for half in (0, 1):
        truth, predicted = linear_sum_assignment(-tables[1 - half])
        correct += tables[half][truth, predicted].sum()
    return 100 * (correct - np.trace(tables.sum(axis=0))) / total, correct / total


def _cut(parts: pd.DataFrame, name: str, points: float, half: float) -> pd.DataFrame:
    rest = parts.loc[OVERFITTING].to_numpy() - points
    middle = pd.DataFrame(
        [[points, points - half, points + half], [rest[0], rest[1] - half, rest[2] + half]],
        index=[name, OVERFITTING], columns=parts.columns,
    )  # fmt: skip
    cut = pd.concat([parts.loc[:OVERFITTING].iloc[:-1], middle, parts.loc[AVERAGES:]])
    return cut.rename_axis("part")


def _paired(measure: Measure, one: Tally, other: Tally) -> tuple[float, float, float]:
    return _interval(measure, measure.of(one) - measure.of(other), one.count, np.zeros(1), np.ones(1))


def _unpaired(measure: Measure, one: Tally, other: Tally) -> tuple[float, float, float]:
    return _interval(measure, measure.of(one), one.count, measure.of(other), other.count)


def _interval(measure, one, one_count, other, other_count) -> tuple[float, float, float]:
    """Return the difference of two means and its 95 % interval: a bootstrap of images, or the normal one."""
    difference = one.sum() / one_count.sum() - other.sum() / other_count.sum()
    if _are_answers(one, one_count) and _are_answers(other, other_count):
        generator = np.random.default_rng(0)
        resampled = _resampled_means(one, generator) - _resampled_means(other, generator)
        low, high = np.quantile(resampled, [0.025, 0.975])
    else:
        half = WIDTH * np.hypot(_standard_error(one, one_count), _standard_error(other, other_count))
        low, high = difference - half, difference + half
    return measure.scale * difference, measure.scale * min(low, difference), measure.scale * max(high, difference)


def _are_answers(values: np.ndarray, count: np.ndarray) -> bool:
    return bool((count == 1).all() and np.isin(values, (-1, 0, 1)).all())


def _resampled_means(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    # Values are -1, 0 or 1, so drawing images with replacement is drawing how often each value comes.
    shares = [(values == v).mean() for v in (-1, 0, 1)]
    return generator.multinomial(len(values), shares, size=RESAMPLES) @ np.array([-1, 0, 1]) / len(values)


def _standard_error(values: np.ndarray, count: np.ndarray) -> float:
    if len(values) < 2:
        return 0.0
    away = values - count * values.sum() / count.sum()
    return float(away.std(ddof=1) / (count.mean() * np.sqrt(len(values))))


def recall_table(train: Sweep, validation: Sweep) -> pd.DataFrame:
    """Return for each class its images in either set and the share found in each evaluation; empty without classes."""
    columns = {}
    for name, sweep in (("train", train), ("validation", validation)):
        if any(sweep.tallies[mode].tables is None for mode in EVALUATIONS):
            return pd.DataFrame()
        columns[f"{name}_images"] = sweep.tallies[MOVING].tables.sum(axis=(0, 2)).astype(int)
    for name, sweep in (("train", train), ("validation", validation)):
        for mode in EVALUATIONS:
            table = sweep.tallies[mode].tables.sum(axis=0)
            with np.errstate(invalid="ignore"):
                columns[f"{name}_{mode}"] = np.diag(table) / table.sum(axis=1)
    return pd.DataFrame(columns).rename_axis("class")
