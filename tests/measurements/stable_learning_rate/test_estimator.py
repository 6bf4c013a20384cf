"""Learning rates: against quadratics, whose best rate and whose limit of stability are known exactly."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements.stable_learning_rate import estimator
from tests.objectives import Quadratic, Regression, short_sgd

GRID = np.arange(0.01, 1.2, 0.01)


def test_the_best_rate_of_a_step_without_noise():
    objective = Quadratic([1, 5], [2, 1])
    table = estimator.one_step_learning_rate(objective, {1: 2, 4: 2}, GRID)
    best = estimator.best_learning_rate(table)
    assert best["batch_size"].tolist() == [1, 4] and not best["at_edge"].any()
    eps_max, b_noise = objective.exact()
    # Between the rates tried: the loss is a parabola in the rate.
    np.testing.assert_allclose(best["learning_rate"], eps_max, rtol=1e-6)
    assert b_noise == 0
    lowest = objective.loss(objective.weights * (1 - eps_max * objective.curvatures))
    np.testing.assert_allclose(best["loss"], lowest, rtol=3e-3)  # the grid is that coarse


def test_only_rates_around_the_best_are_tried():
    objective = Quadratic([1, 5], [2, 1])
    table = estimator.one_step_learning_rate(objective, {1: 1, 4: 1}, GRID)
    tried = [sorted(part["learning_rate"]) for _, part in table.groupby("batch_size")]
    near = GRID[np.abs(GRID - objective.exact()[0]).argmin()]
    # The first batch size walks from the middle of the grid, the second starts where the first has ended.
    assert len(tried[0]) > 5 and min(tried[0]) == pytest.approx(near - 0.02)
    np.testing.assert_allclose(tried[1], near + np.arange(-2, 3) * 0.01)


@pytest.mark.parametrize("start", range(8))
def test_the_search_finds_the_lowest_value_from_anywhere(start):
    values = [9, 7, 5, 3, 4, 6, 8, 10]
    assert estimator._lowest(values.__getitem__, start, 8) == 3


def test_the_best_rate_of_a_step_with_known_noise():
    objective = Quadratic([1, 5], [2, 1], 8 * np.random.default_rng(1).normal(size=(300, 2)))
    eps_max, b_noise = objective.exact()
    assert 1 < b_noise < 4
    sizes = [1, 2, 4, 8]
    draws = {1: 2500, 2: 2000, 4: 1500, 8: 1000}
    table = estimator.one_step_learning_rate(objective, draws, 0.005 * 1.5 ** np.arange(12))
    assert table.groupby("batch_size")["draw"].nunique().to_dict() == draws
    expected = eps_max / (1 + b_noise / np.array(sizes))
    np.testing.assert_allclose(estimator.best_learning_rate(table)["learning_rate"], expected, rtol=0.1)
    low, high = np.quantile(estimator.resample_best(table, 300), [0.025, 0.975], axis=0)
    assert ((0.97 * low < expected) & (expected < 1.03 * high)).all()
    assert (high < 1.6 * low).all()


def test_a_step_into_nowhere_is_never_the_best_and_an_edge_is_told():
    table = pd.DataFrame(
        [(1, 0.1, 0, 2.0), (1, 0.1, 1, 2.0), (1, 0.2, 0, 1.0), (1, 0.2, 1, np.nan)],
        columns=["batch_size", "learning_rate", "draw", "loss"],
    )
    best = estimator.best_learning_rate(table).iloc[0]
    assert (best["learning_rate"], best["loss"], best["at_edge"]) == (pytest.approx(0.1), 2.0, True)
    # Without the draw that goes nowhere the other rate is the better one; a resample may be so.
    resampled = estimator.resample_best(table, 200)
    assert resampled.shape == (200, 1)
    np.testing.assert_allclose(np.unique(resampled.round(9)), [0.1, 0.2])


@pytest.mark.parametrize("top", [0.5, 4.0, 100.0])
def test_a_quadratic_is_stable_below_two_over_its_curvature(top):
    objective = Quadratic([top / 10, top], [1, 1], c=0.1)
    rates = np.array([0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 3.0]) * 2 / top
    limit, training = 2 * objective.loss(objective.weights), short_sgd(objective, 200)
    table = estimator.largest_stable_learning_rate(training, limit, [1, 3], rates, seeds=[0, 1])
    np.testing.assert_array_equal(table["stable"], table["learning_rate"] < 2 / top)
    limit = estimator.stable_limit(table)
    assert len(limit) == 4 and not limit["at_edge"].any()
    np.testing.assert_allclose(limit["learning_rate"], 0.99 * 2 / top)
    # After the first search, two runs on either side of the limit are enough.
    assert len(table) <= 4 + 3 * 2


def test_noise_makes_a_rate_unstable_at_small_batches_only():
    """For a curvature of 1 and a small rate r the loss settles near r S / (4B): too high for small batches only."""
    objective = Quadratic([1, 1], [0.1, 0.1], np.random.default_rng(0).normal(size=(500, 2)))
    limit, training = 5 * objective.loss(objective.weights), short_sgd(objective, 50)
    table = estimator.largest_stable_learning_rate(training, limit, [1, 256], [0.5], seeds=range(5))
    assert table.groupby("batch_size")["stable"].mean().to_dict() == {1: 0.0, 256: 1.0}
    limit = estimator.stable_limit(table)
    assert limit["learning_rate"].isna().tolist() == [True] * 5 + [False] * 5
    assert limit["at_edge"].tolist() == [False] * 5 + [True] * 5


def test_overflow_is_an_unstable_run_and_no_error():
    training = short_sgd(Quadratic([1, 2], [1, 1]), 9)
    table = estimator.largest_stable_learning_rate(training, 9.0, [1], [1e200], seeds=[0])
    assert np.isnan(table["loss"][0]) and not table["stable"][0]


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("last", range(-1, 6))
def test_the_search_ends_between_the_last_stable_and_the_first_unstable_rate(start, last):
    asked = []

    def holds(place):
        asked.append(place)
        return place <= last

    assert estimator._last_true(holds, start, 6) == last
    assert len(asked) == len(set(asked)) and set(asked) <= set(range(6))
    assert {last, last + 1} & set(range(6)) <= set(asked)


def test_a_good_start_saves_runs():
    asked = []

    def holds(place):
        asked.append(place)
        return place <= 500

    assert estimator._last_true(holds, 500, 1000) == 500 and len(asked) == 2


def test_the_limit_ends_at_the_first_unstable_rate():
    rows = [(1, 0, rate, stable) for rate, stable in [(0.4, True), (0.1, True), (0.3, False), (0.2, True)]]
    rows += [(1, 1, 0.1, False), (1, 1, 0.2, True), (2, 0, 0.1, True), (2, 0, 0.2, True)]
    limit = estimator.stable_limit(pd.DataFrame(rows, columns=["batch_size", "seed", "learning_rate", "stable"]))
    np.testing.assert_array_equal(limit["learning_rate"], [0.2, np.nan, 0.2])
    assert limit["at_edge"].tolist() == [False, False, True]


def test_seeds_are_resampled_within_their_batch_size():
    limits = pd.DataFrame({"batch_size": [1, 1, 1, 2, 2, 2], "learning_rate": [1.0, 2, 3, 10, 20, 30]})
    resampled = estimator.resample_seeds(limits, 400)
    assert set(np.unique(resampled[:, :3])) == {1, 2, 3} and set(np.unique(resampled[:, 3:])) == {10, 20, 30}
    np.testing.assert_allclose(resampled.mean(axis=0), [2, 2, 2, 20, 20, 20], rtol=0.1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_sizes": [0]}, "batch_sizes = 0 .*Allowed: whole numbers, at least 1"),
        ({"learning_rates": [-0.1]}, "learning_rates = -0.1 .*Allowed: finite numbers, more than 0"),
        ({"learning_rates": [np.inf]}, "learning_rates = inf"),
    ],
)
def test_impossible_runs_are_refused(parameters, message):
    allowed = {"limit": 1.0, "batch_sizes": [1], "learning_rates": [0.1], "seeds": [0]}
    with pytest.raises(ParameterError, match=message):
        estimator.largest_stable_learning_rate(short_sgd(Regression(), 1), **(allowed | parameters))


def test_a_step_needs_a_draw():
    with pytest.raises(ParameterError, match=r"draws = 0 .*Allowed: at least 1"):
        estimator.one_step_learning_rate(Regression(), {1: 0}, [0.1])
