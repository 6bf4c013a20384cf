"""How noisy is the gradient, and what does that noise do to the learning rate?

The answer to the thread says that batch size 1 needs a small learning rate because its gradient varies a lot. Three
measurements from one checkpoint take that apart: how much the gradient varies, which rate is best for a single step,
and which rate a short training survives. Each takes an objective with `n_images`, `weights` (p,),
`loss(weights, indices)` and `gradient(weights, indices)`, such as `smallbatch.objective.Objective`: batch norm has to
be frozen, else the gradient of a batch is not the mean of the gradients of its images.

All batches are drawn with replacement, so that a mean over B images has exactly 1/B of the variance of one image.
Without replacement it would have (n - B)/(n - 1) of that, and no noise at all at B = n.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit

from smallbatch.errors import require
from smallbatch.objective import Objective

RESAMPLES = 2000


def gradient_noise_scale(
    objective: Objective, small: int = 8, big: int = 64, draws: int = 50, seed: int = 0
) -> dict[str, float]:
    """Estimate the simple noise scale, the batch size at which noise and signal of the gradient are equally strong.

    McCandlish et al. 2018, section 2.2 and appendix A.1. Each draw takes `big` images and cuts them into batches of
    `small` images. From the squared lengths of both kinds of gradient follow, without bias, those of the true gradient
    and of the noise of one image; the noise scale is the ratio of their means over all draws.

    Returns `noise_scale` (images) with `low` and `high`, the ends of its 95 % percentile bootstrap interval over
    draws; `gradient_norm_squared`, |G|^2; `noise`, the trace of the covariance S of the gradients of single images; and
    `small`, `big`, `draws`. |G|^2 is an estimate and can come out at 0 or below: the noise scale is then `inf`, that
    is, not decided from above. The same goes for resamples, hence for `high` and `low`: take more draws or a larger
    `big`. Costs `draws * big` images forward and backward.

    Raises `ParameterError` unless `small` < `big`, a multiple of `small`, and `draws` >= 2.
    """
    require("small", small, small >= 1, "at least 1")
    require("big", big, big > small and big % small == 0, f"a multiple of small = {small}, and larger")
    require("draws", draws, draws >= 2, "at least 2")
    generator = np.random.default_rng([seed, 0])
    lengths = np.array([_squared_lengths(objective, small, big, generator) for _ in range(draws)])
    resamples = generator.integers(draws, size=(RESAMPLES, draws))
    ratios = _noise_scale(*_signal_and_noise(*lengths[resamples].mean(axis=1).T, small, big))
    signal, noise = _signal_and_noise(*lengths.mean(axis=0), small, big)
    # Not interpolated: between a number and infinity there is nothing.
    low, high = np.quantile(ratios, [0.025, 0.975], method="inverted_cdf")
    return {
        "noise_scale": float(_noise_scale(signal, noise)),
        "low": float(low),
        "high": float(high),
        "gradient_norm_squared": float(signal),
        "noise": float(noise),
        "small": small,
        "big": big,
        "draws": draws,
    }


def _squared_lengths(objective, small, big, generator) -> tuple[float, float]:
    """Return |G_small|^2, averaged over the small batches of one big batch, and |G_big|^2."""
    batches = generator.integers(objective.n_images, size=(big // small, small))
    total, squares = 0.0, 0.0
    for batch in batches:
        gradient = objective.gradient(objective.weights, batch)
        total = total + gradient
        squares += _squared_length(gradient)
    return squares / len(batches), _squared_length(total / len(batches))


def _squared_length(gradient: np.ndarray) -> float:
    # S is a small difference of two of these, summed over millions of weights.
    return float(np.square(gradient, dtype=np.float64).sum())


def _signal_and_noise(small_squared, big_squared, small, big):
    """Return |G|^2 and S: both batches have the expectation |G|^2 + S / size."""
    signal = (big * big_squared - small * small_squared) / (big - small)
    noise = (small_squared - big_squared) / (1 / small - 1 / big)
    return signal, noise


def _noise_scale(signal, noise):
    positive = np.asarray(signal) > 0
    return np.where(positive, noise / np.where(positive, signal, 1.0), np.inf)


def one_step_learning_rate(
    objective: Objective, batch_sizes: Sequence[int], learning_rates: Sequence[float], draws: int, seed: int = 0
) -> pd.DataFrame:
    """Measure the loss after a single step of plain SGD from `objective.weights`.

    McCandlish et al. 2018, section 2.2: the best rate of one step is eps_max / (1 + B_noise / B). A draw uses the same
    batch for every rate. Returns rows of `batch_size`, `learning_rate`, `draw` and `loss` (nats, over all images, after
    the step). Costs a loss over all images for each row.

    Raises `ParameterError` where a batch size, a learning rate or `draws` is not positive.
    """
    _require_grid(batch_sizes, learning_rates)
    require("draws", draws, draws >= 1, "at least 1")
    rows = []
    for batch_size in batch_sizes:
        generator = np.random.default_rng([seed, batch_size])
        for draw in range(draws):
            gradient = objective.gradient(objective.weights, _batch(objective, batch_size, generator))
            for rate in learning_rates:
                loss = objective.loss(objective.weights - rate * gradient)
                rows.append({"batch_size": batch_size, "learning_rate": rate, "draw": draw, "loss": loss})
    return pd.DataFrame(rows)


def best_learning_rate(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each batch size of a `one_step_learning_rate` table, the rate with the lowest mean loss.

    Columns `batch_size`, `learning_rate`, `loss` (its mean, nats) and `at_edge`: true where the best rate is the
    smallest or largest one tried, so that a wider grid might find a better one. A loss that is not a number counts as
    infinite.
    """
    # A mean over draws would leave out those that are not a number, and so flatter the rates that are too large.
    losses = table.assign(loss=table["loss"].fillna(np.inf))
    means = losses.groupby(["batch_size", "learning_rate"], as_index=False)["loss"].mean()
    best = means.loc[means.groupby("batch_size")["loss"].idxmin()].reset_index(drop=True)
    rates = table["learning_rate"]
    return best.assign(at_edge=best["learning_rate"].isin([rates.min(), rates.max()]))


def fit_learning_rate(batch_sizes: Sequence[float], best_rates: Sequence[float]) -> dict[str, float]:
    """Fit eps_max / (1 + B_noise / B) to the best rates of a step (McCandlish et al. 2018, section 2.2).

    Least squares of log rates, so that every batch size counts alike. Returns `eps_max` and `b_noise` (images).
    `b_noise` is sought from a thousandth of the smallest to a thousand times the largest batch size; at either end the
    batch sizes cannot tell it (there, the rates do not depend on them, or are proportional to them).

    Raises `ParameterError` unless there are positive rates for two or more positive batch sizes.
    """
    sizes, rates = np.asarray(batch_sizes, float), np.asarray(best_rates, float)
    require("batch_sizes", batch_sizes, len(np.unique(sizes)) >= 2 and (sizes > 0).all(), "two or more, positive")
    fits = rates.shape == sizes.shape and np.isfinite(rates).all() and (rates > 0).all()
    require("best_rates", best_rates, fits, "one positive number for each batch size")

    def log_rate(size, log_maximum, log_noise):
        return log_maximum - np.log1p(np.exp(log_noise) / size)

    limits = np.log(sizes.min() / 1e3), np.log(sizes.max() * 1e3)
    start = np.log(rates.max()), np.log(sizes).mean()
    bounds = ([-np.inf, limits[0]], [np.inf, limits[1]])
    (log_maximum, log_noise), _ = curve_fit(log_rate, sizes, np.log(rates), p0=start, bounds=bounds)
    return {"eps_max": float(np.exp(log_maximum)), "b_noise": float(np.exp(log_noise))}


def largest_stable_learning_rate(
    objective: Objective,
    batch_sizes: Sequence[int],
    learning_rates: Sequence[float],
    steps: int,
    seeds: Sequence[int],
    factor: float = 2.0,
) -> pd.DataFrame:
    """Train from `objective.weights` with plain SGD for a few steps at each rate, and see which runs survive.

    Returns rows of `batch_size`, `learning_rate`, `seed`, `final_loss` (nats, over all images) and `stable`: whether
    weights and final loss are finite and the loss is at most `factor` times that at the start. (From a loss near 0 that
    asks much: raise `factor`.) A batch size and seed use the same batches for every rate.

    Raises `ParameterError` where a batch size, a learning rate, `steps` or `factor` is not positive.
    """
    _require_grid(batch_sizes, learning_rates)
    require("steps", steps, steps >= 1, "at least 1")
    require("factor", factor, factor > 0, "more than 0")
    limit = factor * objective.loss(objective.weights)
    rows = []
    for batch_size in batch_sizes:
        for seed in seeds:
            for rate in learning_rates:
                generator = np.random.default_rng([seed, batch_size])
                final_loss = _loss_after_training(objective, batch_size, rate, steps, generator)
                row = {"batch_size": batch_size, "learning_rate": rate, "seed": seed, "final_loss": final_loss}
                rows.append({**row, "stable": bool(np.isfinite(final_loss) and final_loss <= limit)})
    return pd.DataFrame(rows)


def _loss_after_training(objective, batch_size, rate, steps, generator) -> float:
    """Return the loss over all images after so many steps; NaN as soon as a weight is not finite."""
    weights = objective.weights
    # Overflow is one of the outcomes that are looked for.
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(steps):
            weights = weights - rate * objective.gradient(weights, _batch(objective, batch_size, generator))
            if not np.isfinite(weights).all():
                return np.nan
        return objective.loss(weights)


def stable_limit(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each batch size and seed, the largest rate up to which all rates tried are stable.

    `table` comes from `largest_stable_learning_rate`. Columns `batch_size`, `seed`, `learning_rate` (NaN where even the
    smallest rate is unstable) and `at_edge`: true where every rate is stable, so that the limit lies higher.
    """
    rows = []
    for (batch_size, seed), runs in table.sort_values("learning_rate").groupby(["batch_size", "seed"]):
        stable = runs["learning_rate"][runs["stable"].cummin().astype(bool)]
        row = {"batch_size": batch_size, "seed": seed, "learning_rate": stable.max()}
        rows.append({**row, "at_edge": len(stable) == len(runs)})
    return pd.DataFrame(rows)


def _batch(objective, batch_size, generator) -> np.ndarray:
    return generator.integers(objective.n_images, size=batch_size)


def _require_grid(batch_sizes, learning_rates) -> None:
    for batch_size in batch_sizes:
        require("batch_sizes", batch_size, batch_size >= 1, "whole numbers, at least 1")
    for rate in learning_rates:
        require("learning_rates", rate, 0 < rate < np.inf, "finite numbers, more than 0")
