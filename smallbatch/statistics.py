"""Estimates and their uncertainty, from a value per seed: slopes, intervals, tests and equivalence.

The unit of all of it is the seed: initialization, order and subset of images are drawn together, and a seed has a run
in every condition, so conditions are compared within seeds. Two kinds of luck are told apart: that of the seed, and
that of the test images, which all runs share (`pigeonhole_interval`).

Six seeds are few. The bootstrap interval is then too narrow: for normal values, what is called 95 % covers the truth
in 86 % of the cases with 6 seeds, 73 % with 3 and 92 % with 12 (tests/test_statistics.py simulates it). Student's t
interval keeps its level there, and the sign-flip test is exact for any symmetric distribution. So the three stand side
by side in the table of verdicts.

This module knows nothing of claims.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from smallbatch.errors import require

# Of every interval here: the share of repetitions of a study whose interval would hold the truth, if it were exact.
LEVEL = 0.95
RESAMPLES = 9999
# A resample of seeds and images takes as much memory as there are test images.
IMAGE_RESAMPLES = 2000
# From fewer values the bootstrap learns nothing of their spread.
FEWEST_SEEDS = 3
# All 2^n ways to flip n signs are tried up to this n; of more values, so many flips are drawn.
EXACT_UP_TO = 20
DRAWN_FLIPS = 100_000
# Sums of the same numbers in another order differ by rounding; they have to count as equal.
ROUNDING = 1e-9


class Estimate(NamedTuple):
    """A mean over `n` seeds, the ends of its interval and the p-value of the exact sign-flip test against 0."""

    number: float
    low: float
    high: float
    p: float
    n: int


def interval(n_correct: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of an accuracy measured on n images (Wilson 1927)."""
    low, high = stats.binomtest(n_correct, n).proportion_ci(method="wilson")
    return float(low), float(high)


def error_points(accuracy: pd.Series, n_classes: int) -> pd.Series:
    """Return errors in points (percent) from accuracies (shares).

    A missing accuracy, of a run that diverged to where nothing can be measured, is an outcome too: it counts as the
    error of guessing among `n_classes`, 100 (1 - 1 / n_classes).

    Raises `ParameterError` unless `n_classes` is 2 or more.
    """
    require("n_classes", n_classes, n_classes >= 2, "2 or more")
    return 100 * (1 - accuracy.astype(float).fillna(1 / n_classes))


def log2_weights(sizes: Sequence[float], degree: int = 1) -> np.ndarray:
    """Return weights w (K,) such that `values @ w` is the leading coefficient of a least-squares polynomial in log2.

    `values` (..., K) belong to the K `sizes`. Degree 1: the slope, a change per doubling. Degree 2: the curvature,
    positive for a U; a change per doubling squared. As this is a weighted sum, seeds and images can be averaged first
    or last, with the same result.

    Raises `ParameterError` unless there are more than `degree` different sizes, all positive.
    """
    sizes = np.asarray(sizes, float)
    enough = len(np.unique(sizes)) > degree and bool((sizes > 0).all())
    require("sizes", sizes.tolist(), enough, f"more than {degree} different sizes, all positive")
    doublings = np.log2(sizes)
    return np.linalg.pinv(np.vander(doublings - doublings.mean(), degree + 1))[0]


def bca_interval(
    values: Sequence[float], level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of the mean of one value per seed.

    Efron 1987, "Better bootstrap confidence intervals"; computed by SciPy. With few seeds it is narrower
    than its level says (see the head of this module). Values that are all the same give an interval of no width.
    NaN, NaN from fewer than three values, or from values that are not all finite.
    """
    values = np.asarray(values, float)
    if len(values) < FEWEST_SEEDS or not np.isfinite(values).all():
        return np.nan, np.nan
    if np.ptp(values) <= ROUNDING * np.abs(values).max():
        return float(values.mean()), float(values.mean())
    result = stats.bootstrap(
        (values,), np.mean, confidence_level=level, n_resamples=resamples, method="BCa", rng=np.random.default_rng(seed)
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def t_interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Return Student's t interval of the mean of one value per seed; exact where the values are normal.

    NaN, NaN in the same cases as `bca_interval`, which also gives the same for values that are all the same.
    """
    values = np.asarray(values, float)
    if len(values) < FEWEST_SEEDS or not np.isfinite(values).all():
        return np.nan, np.nan
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def sign_flip_p(differences: Sequence[float], seed: int = 0) -> float:
    """Return the two-sided p-value of Fisher's sign-flip test that differences (n,) are symmetric around 0.

    Fisher 1935, *The Design of Experiments*, section 21: under the hypothesis, every difference might as well have had
    the other sign. p is the share of all 2^n ways to set the signs whose mean is as far from 0 as the one found, so it
    is exact, and at least 2 / 2^n: 0.031 with six seeds, 0.0625 with five. Above n = 20, 100,000 flips are drawn and
    the one found is counted among them. NaN from no differences.
    """
    return float(joint_sign_flip_p(np.asarray(differences, float)[:, np.newaxis], seed)[0])


def joint_sign_flip_p(differences: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return sign-flip p-values (K,) of K comparisons with the same n seeds, (n, K), adjusted for looking at all K.

    The single-step maxT method of Westfall & Young 1993, *Resampling-Based Multiple Testing*: all
    comparisons of a seed are flipped together, and each is held against the strongest that the flip yields
    anywhere. That keeps the chance of any false finding to the level, as Holm's method does, but uses that comparisons
    with one reference go together; and its smallest p stays 2 / 2^n, however large K is.

    Strength is the sum over the root of the sum of squares, which orders flips as the t-statistic does. NaN without
    seeds.
    """
    differences = np.asarray(differences, float)
    if len(differences) == 0:
        return np.full(differences.shape[1], np.nan)
    length = np.sqrt((differences**2).sum(axis=0))
    scaled = differences / np.where(length > 0, length, 1.0)
    found = np.abs(scaled.sum(axis=0))
    strongest = np.abs(_signs(len(differences), seed) @ scaled).max(axis=1)
    as_strong = (strongest[:, np.newaxis] >= found - ROUNDING).sum(axis=0)
    if len(differences) <= EXACT_UP_TO:
        return as_strong / len(strongest)
    return (1 + as_strong) / (1 + len(strongest))


def _signs(n: int, seed: int) -> np.ndarray:
    """Return rows of n signs: all of them, or drawn. The first stays +, as turning all signs changes no strength."""
    if n > EXACT_UP_TO:
        return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(DRAWN_FLIPS, n))
    rows = np.arange(2 ** (n - 1))[:, np.newaxis]
    return 1.0 - 2.0 * (rows >> np.arange(n) & 1)[:, ::-1]


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values adjusted by Holm 1979, "A simple sequentially rejective multiple test procedure".

    The smallest of k is multiplied by k, the next by k - 1, and so on; none falls below a smaller one's. NaN, of what
    was not measured, stays and does not count. With six seeds no p is below 2/64, so that k = 2 comparisons are already
    too many for anything below 0.05.
    """
    p_values = np.asarray(p_values, float)
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def equivalent(low: float, high: float, margin: float) -> bool:
    """Return whether an interval lies within `margin` of 0 on both sides: what difference there may be is small.

    Inclusion of an interval of 95 % is two one-sided tests at 2.5 % each (Schuirmann 1987 uses one of 90 %, at 5 %
    each, which would be found within the margin more often). An interval of NaN is not.
    """
    return bool(-margin <= low and high <= margin)


def mean_over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean of one value per seed with its bootstrap interval and sign-flip p; NaN without values."""
    values = np.asarray(values, float)
    number = float(values.mean()) if len(values) else np.nan
    return Estimate(number, *bca_interval(values), sign_flip_p(values), len(values))


def paired_differences(values: pd.DataFrame, reference, margin: float) -> pd.DataFrame:
    """Compare every condition with one of them, within seeds.

    `values` has a row per seed and a column per condition; gaps are NaN. Returns, by condition, `difference` (the mean
    of condition minus reference over the seeds that have both), `low` and `high` (bootstrap), `p` (sign-flip), `p_holm`
    (Holm, over the conditions here), `p_joint` (`joint_sign_flip_p`, over the seeds that have all conditions),
    `equivalent` (the interval lies within `margin` of 0) and `n_seeds`.

    Raises `ParameterError` where `reference` is no column.
    """
    require("reference", reference, reference in values, ", ".join(map(str, values.columns)))
    differences = values.drop(columns=reference).sub(values[reference], axis=0)
    rows = [mean_over_seeds(differences[name].dropna()) for name in differences]
    table = pd.DataFrame(rows, index=differences.columns, columns=Estimate._fields)
    table = table.rename(columns={"number": "difference", "n": "n_seeds"})
    table["p_holm"] = holm(table["p"])
    table["p_joint"] = joint_sign_flip_p(differences.dropna().to_numpy())
    table["equivalent"] = [equivalent(row.low, row.high, margin) for row in table.itertuples()]
    return table


def probability_best(errors: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Return, for each of K conditions, the bootstrap probability that its mean error is the lowest: (K,), sum 1.

    `errors` is (seeds, K). Seeds are resampled whole, so that conditions stay paired (the bootstrap of Efron &
    Tibshirani 1993, *An Introduction to the Bootstrap*); conditions that tie share. It asks more than whether the
    lowest mean is here: whether other seeds would have put it here as well. NaN from fewer than three seeds.
    """
    errors = np.asarray(errors, float)
    if len(errors) < FEWEST_SEEDS:
        return np.full(errors.shape[1], np.nan)
    drawn = np.random.default_rng(seed).integers(len(errors), size=(resamples, len(errors)))
    means = errors[drawn].mean(axis=1)
    best = means <= means.min(axis=1, keepdims=True) + ROUNDING
    return (best / best.sum(axis=1, keepdims=True)).mean(axis=0)


def pigeonhole_interval(
    correct: np.ndarray,
    weights: Sequence[float],
    level: float = LEVEL,
    resamples: int = IMAGE_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the interval of a weighted sum of test errors, in points, over both seeds and test images.

    `correct`, bool (S, K, N), says whether the run of a seed in one of K conditions classifies a test image correctly;
    the N images are the same for all. `weights` (K,): (1, -1) for a difference, `log2_weights` for a slope.

    The pigeonhole bootstrap of Owen 2007 (Annals of Applied Statistics 1(2), 386-411): rows and columns, here seeds and
    images, are resampled each on their own. Percentile interval. No bootstrap is exact for such a table (McCullagh
    2000, as Owen reports); this one's variance is right on average as seeds and images grow in number. With few seeds
    it is too narrow in their direction, like any bootstrap. NaN, NaN from fewer than three seeds.
    """
    correct, weights = np.asarray(correct, bool), np.asarray(weights, float)
    n_seeds, _, n_images = correct.shape
    if n_seeds < FEWEST_SEEDS:
        return np.nan, np.nan
    # The sum of the errors of one image over conditions, in each seed.
    sums = 100 * np.einsum("skn,k->sn", ~correct, weights, dtype=float)
    generator = np.random.default_rng(seed)
    times_drawn = generator.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=resamples)
    by_image = times_drawn @ sums / n_seeds
    images = generator.integers(n_images, size=(resamples, n_images))
    means = np.take_along_axis(by_image, images, axis=1).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def error_at_matched_loss(history: pd.DataFrame, diverged: pd.Series, n_classes: int) -> pd.DataFrame:
    """Return the validation error of runs at the same training loss, so that a lead in training does not count.

    `history` has a row per run and epoch, with `run`, `epoch`, `train_loss` (nats, the mean over an epoch, as `fit`
    reports it) and `validation_accuracy`; `diverged` says of each run, by name, whether it diverged. The level is the
    lowest training loss that all runs reach which did not diverge; each run is read at its first epoch at that level or
    below. Returned by run: `level`, `epoch` and `error` (points). A run that never reaches the level, which only one
    that diverged can be, counts as guessing, at no epoch.

    Why validation: test images are looked at once, when training is over. The validation accuracy of an epoch is that
    of the moving averages, so their lag is in it. Empty where every run diverged.
    """
    history = history[history["run"].isin(diverged.index)]
    finished = history[~history["run"].map(diverged).astype(bool)]
    if finished.empty:
        return pd.DataFrame(columns=["level", "epoch", "error"])
    level = finished.groupby("run")["train_loss"].min().max()
    reached = history[history["train_loss"] <= level].sort_values("epoch").groupby("run").first()
    reached = reached.reindex(diverged.index)
    error = error_points(reached["validation_accuracy"], n_classes)
    return pd.DataFrame({"level": level, "epoch": reached["epoch"], "error": error})
