"""Which learning rate fits a batch size: the best one for a single step, and the largest that a training survives.

The answer to the thread says that batch size 1 needs a small learning rate. Both measurements start from one
checkpoint and change nothing but batch size and rate; `scaling_laws` beside this fits what they find. Nothing here
knows Keras: an objective has `n_images`, `weights` (p,), `loss(weights, indices)` and `gradient(weights, indices)`.
"""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from smallbatch.errors import require

if TYPE_CHECKING:
    from smallbatch.measurements.objective import Objective

# Rates on either side of the best that are looked at too.
NEIGHBOURS = 2


def one_step_learning_rate(
    objective: "Objective", draws: dict[int, int], learning_rates: Sequence[float], seed: int = 0
) -> pd.DataFrame:
    """Measure the loss after a single step of SGD without momentum from `objective.weights`.

    McCandlish et al. 2018, section 2.2: the best rate of one step is eps_max / (1 + B_noise / B). `draws` says for each
    batch size how many batches to take: the smaller they are, the more are needed. Only the rates around the best are
    tried: from the best of the batch size before (at first from the middle) the search walks on until two rates on
    either side of the lowest mean loss are measured. A draw uses the same batch for every rate.

    Returns rows of `batch_size`, `learning_rate`, `draw` and `loss` (nats, over all images, after the step). Costs a
    loss over all images for each row, and 4 p bytes for each draw of a batch size.

    Raises `ParameterError` where a batch size, a learning rate or a number of draws is not positive.
    """
    _require_grid(draws, learning_rates)
    for n in draws.values():
        require("draws", n, n >= 1, "at least 1")
    rates, rows = np.sort(learning_rates), []
    start = len(rates) // 2
    for batch_size, n in draws.items():
        generator = np.random.default_rng([seed, batch_size])
        batches = generator.integers(objective.n_images, size=(n, batch_size))
        gradients = [objective.gradient(objective.weights, batch) for batch in batches]

        def mean_loss(place, gradients=gradients, batch_size=batch_size):
            rate = float(rates[place])
            losses = [objective.loss(objective.weights - rate * gradient) for gradient in gradients]
            rows.extend(
                {"batch_size": batch_size, "learning_rate": rate, "draw": draw, "loss": loss}
                for draw, loss in enumerate(losses)
            )
            return np.mean(np.nan_to_num(losses, nan=np.inf))

        start = _lowest(mean_loss, start, len(rates))
    return pd.DataFrame(rows)


def _lowest(value: Callable[[int], float], start: int, n: int) -> int:
    """Return the place, 0 to n - 1, of a lowest value with its neighbours on both sides looked at."""
    seen, place = {}, None
    while place != start:
        place = start
        for k in range(max(place - NEIGHBOURS, 0), min(place + NEIGHBOURS, n - 1) + 1):
            if k not in seen:
                seen[k] = value(k)
        start = min(seen, key=seen.get)
    return place


def best_learning_rate(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each batch size of a `one_step_learning_rate` table, the rate with the lowest mean loss.

    Columns `batch_size`, `learning_rate`, at the lowest point of the parabola through the best rate tried and its two
    neighbours (exact where the loss is quadratic along the step); `loss`, the mean at the best rate tried (nats); and
    `at_edge`: true where that is the smallest or largest one tried, so that a wider grid might find a better one. A
    loss that is not a number counts as infinite.
    """
    rows = []
    for batch_size, part in table.groupby("batch_size"):
        losses = _losses(part)
        means = losses.to_numpy().mean(axis=0)
        rate, place = _lowest_point(losses.columns.to_numpy(), means[None])
        at_edge = bool(place[0] in (0, len(means) - 1))
        row = {"batch_size": batch_size, "learning_rate": rate[0], "loss": means[place[0]], "at_edge": at_edge}
        rows.append(row)
    return pd.DataFrame(rows)


def resample_best(table: pd.DataFrame, resamples: int, seed: int = 0) -> np.ndarray:
    """Return the best rates of a `one_step_learning_rate` table with its draws resampled, (resamples, batch sizes)."""
    generator = np.random.default_rng(seed)
    columns = []
    for _, part in table.groupby("batch_size"):
        losses = _losses(part)
        draws = len(losses)
        weights = generator.multinomial(draws, [1 / draws] * draws, size=resamples) / draws
        # Zero times infinity: a draw that a resample leaves out counts nothing.
        finite = losses.to_numpy().clip(max=np.finfo(float).max / draws)
        columns.append(_lowest_point(losses.columns.to_numpy(), weights @ finite)[0])
    return np.stack(columns, axis=1)


def _losses(part: pd.DataFrame) -> pd.DataFrame:
    """Return the losses of a batch size, draws by rates, with infinity for what is not a number."""
    # A mean over draws would leave out those that are not a number, and so flatter the rates that are too large.
    return part.assign(loss=part["loss"].fillna(np.inf)).pivot(index="draw", columns="learning_rate", values="loss")


def _lowest_point(rates: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where `means` (n, rates) are lowest: rates, between those tried, and the places of the nearest."""
    places = means.argmin(axis=1)
    best = rates[places].astype(float)
    for n, k in enumerate(places):
        if 0 < k < len(rates) - 1 and np.isfinite(means[n, k - 1 : k + 2]).all():
            left, right = rates[k] - rates[k - 1], rates[k + 1] - rates[k]
            up, down = means[n, k - 1] - means[n, k], means[n, k + 1] - means[n, k]
            curvature = up * right + down * left
            if curvature > 0:
                best[n] += (up * right**2 - down * left**2) / (2 * curvature)
    return best, places


def loss_limit(n_classes: int, diverged_above: float) -> float:
    """Return the loss (nats) above which a short training has diverged; at chance level it is log(classes)."""
    return diverged_above * math.log(n_classes)


FinalLoss = Callable[[int, float, int], float]


def largest_stable_learning_rate(
    final_loss: FinalLoss,
    limit: float,
    batch_sizes: Sequence[int],
    learning_rates: Sequence[float],
    seeds: Sequence[int],
) -> pd.DataFrame:
    """Search, for each batch size and seed, for the largest rate that a short training survives.

    `final_loss(batch_size, learning_rate, seed)` trains and returns the loss that it ends with; above `limit`, and
    where it is not finite, the run has diverged. The search starts where it ended before, doubles its steps along the
    sorted rates, and then halves them: it takes for granted that with a larger rate than a diverged run's all diverge.

    Returns the runs made, in rows of `batch_size`, `learning_rate`, `seed`, `loss` and `stable`; see `stable_limit`.
    Raises `ParameterError` where a batch size or a learning rate is not positive.
    """
    _require_grid(batch_sizes, learning_rates)
    rates, rows, found = np.sort(learning_rates), [], {}
    start = len(rates) // 2
    for seed in seeds:
        for batch_size in batch_sizes:

            def is_stable(place, batch_size=batch_size, seed=seed):
                rate = float(rates[place])
                loss = final_loss(batch_size, rate, seed)
                stable = bool(np.isfinite(loss) and loss <= limit)
                row = {"batch_size": batch_size, "learning_rate": rate, "seed": seed, "loss": loss, "stable": stable}
                rows.append(row)
                return stable

            # From where the seed before ended at this batch size; for the first seed, the batch size before.
            start = _last_true(is_stable, max(found.get(batch_size, start), 0), len(rates))
            found[batch_size] = start
    return pd.DataFrame(rows)


def _last_true(holds: Callable[[int], bool], start: int, n: int) -> int:
    """Return the last of n places at which `holds`, -1 if there is none; it holds up to some place and not after."""
    yes, no, place, step = -1, n, start, 1
    while no - yes > 1:
        if holds(place):
            yes = place
        else:
            no = place
        if yes < 0:
            place = max(no - step, 0)
        elif no == n:
            place = min(yes + step, n - 1)
        else:
            place = (yes + no) // 2
        step *= 2
    return yes


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


def resample_seeds(limits: pd.DataFrame, resamples: int, seed: int = 0) -> np.ndarray:
    """Return the rates of a `stable_limit` table, (resamples, rows), with the seeds of each batch size resampled."""
    generator = np.random.default_rng(seed)
    rates = limits["learning_rate"].to_numpy()
    columns = np.empty((resamples, len(rates)))
    for rows in limits.reset_index(drop=True).groupby("batch_size").indices.values():
        columns[:, rows] = rates[generator.choice(rows, size=(resamples, len(rows)))]
    return columns


def _require_grid(batch_sizes, learning_rates) -> None:
    for batch_size in batch_sizes:
        require("batch_sizes", batch_size, batch_size >= 1, "whole numbers, at least 1")
    for rate in learning_rates:
        require("learning_rates", rate, 0 < rate < np.inf, "finite numbers, more than 0")
