"""Gradient noise: against linear regression and quadratics, whose noise, best rate and stability are known exactly."""

import numpy as np
import pandas as pd
import pytest

from smallbatch import noise
from smallbatch.errors import ParameterError


class Regression:
    """Half the squared error of a linear regression, times `scale`; all gradients of single images are known."""

    def __init__(self, n=200, scale=1.0, seed=0):
        generator = np.random.default_rng(seed)
        self.inputs, self.scale = generator.normal(size=(n, 3)), scale
        self.targets = self.inputs @ [1.0, -2.0, 0.5] + generator.normal(size=n)
        self.weights, self.n_images = np.zeros(3), n

    def errors(self, weights, indices):
        indices = slice(None) if indices is None else indices
        return self.inputs[indices], self.inputs[indices] @ weights - self.targets[indices]

    def loss(self, weights, indices=None):
        return self.scale * np.square(self.errors(weights, indices)[1]).mean() / 2

    def gradient(self, weights, indices=None):
        inputs, errors = self.errors(weights, indices)
        return self.scale * inputs.T @ errors / len(errors)

    def exact(self):
        """Return |G|^2 and S of the images there are."""
        gradients = np.array([self.gradient(self.weights, [i]) for i in range(self.n_images)])
        return np.square(gradients.mean(0)).sum(), gradients.var(0).sum()


class Quadratic:
    """The loss w'Hw/2 + c, with a gradient that is off by `spread` (zero in the mean) from image to image."""

    def __init__(self, curvatures, weights, spread=((0.0, 0.0),), c=0.0):
        self.curvatures, self.weights, self.c = np.array(curvatures, float), np.array(weights, float), c
        self.spread = np.array(spread) - np.mean(spread, axis=0)
        self.n_images = len(self.spread)

    def loss(self, weights, indices=None):
        linear = 0.0 if indices is None else self.spread[indices].mean(0) @ weights
        return (self.curvatures * weights**2).sum() / 2 + linear + self.c

    def gradient(self, weights, indices=None):
        return self.curvatures * weights + (0.0 if indices is None else self.spread[indices].mean(0))

    def exact(self):
        """Return eps_max and B_noise of McCandlish et al. 2018, section 2.2."""
        gradient = self.gradient(self.weights)
        curvature = (self.curvatures * gradient**2).sum()
        return gradient @ gradient / curvature, (self.curvatures * self.spread.var(0)).sum() / curvature


@pytest.mark.parametrize(("small", "big"), [(1, 8), (4, 64)])
def test_the_noise_scale_of_a_regression(small, big):
    objective = Regression()
    signal, trace = objective.exact()
    estimate = noise.gradient_noise_scale(objective, small, big, draws=4000)
    assert estimate["gradient_norm_squared"] == pytest.approx(signal, rel=0.03)
    assert estimate["noise"] == pytest.approx(trace, rel=0.03)
    assert estimate["noise_scale"] == pytest.approx(trace / signal, rel=0.05)
    assert estimate["low"] < trace / signal < estimate["high"]
    assert estimate["low"] > 0.9 * trace / signal and estimate["high"] < 1.1 * trace / signal


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    objective = Regression(n=50)
    signal, trace = objective.exact()
    intervals = [noise.gradient_noise_scale(objective, 4, 16, draws=40, seed=seed) for seed in range(100)]
    covered = np.mean([interval["low"] <= trace / signal <= interval["high"] for interval in intervals])
    assert 0.85 <= covered <= 1.0  # 0.95 and three standard errors, less what percentile intervals lack at 40 draws


@pytest.mark.parametrize(("small", "big"), [(1, 2), (4, 64), (8, 24)])
def test_the_two_equations_are_solved(small, big):
    signal, trace = 3.0, 70.0
    solved = noise._signal_and_noise(signal + trace / small, signal + trace / big, small, big)
    assert solved == pytest.approx((signal, trace))


def test_images_with_one_and_the_same_gradient_make_no_noise():
    estimate = noise.gradient_noise_scale(Quadratic([1, 2], [3, 1], np.zeros((5, 2))), 1, 4, draws=10)
    assert estimate["gradient_norm_squared"] == pytest.approx(13)
    for name in ("noise", "noise_scale", "low", "high"):
        assert estimate[name] == pytest.approx(0, abs=1e-12)


def test_the_scale_of_the_loss_does_not_matter():
    plain, scaled = (noise.gradient_noise_scale(Regression(scale=scale), 2, 8, draws=20) for scale in (1, 50))
    for name in ("noise_scale", "low", "high"):
        assert scaled[name] == pytest.approx(plain[name])
    assert scaled["noise"] == pytest.approx(2500 * plain["noise"])


def test_without_a_mean_gradient_the_noise_scale_has_no_upper_end():
    spread = np.random.default_rng(0).normal(size=(100, 2))
    estimates = [noise.gradient_noise_scale(Quadratic([1, 1], [0, 0], spread), 1, 8, 30, seed) for seed in range(60)]
    assert np.mean([estimate["high"] == np.inf for estimate in estimates]) > 0.85
    for estimate in estimates:
        assert (estimate["noise_scale"] == np.inf) == (estimate["gradient_norm_squared"] <= 0)
    assert any(estimate["noise_scale"] == np.inf for estimate in estimates)


def test_the_noise_scale_is_a_function_of_the_seed():
    first, again, other = (noise.gradient_noise_scale(Regression(), 2, 4, 5, seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"small": 0}, "small = 0 .*Allowed: at least 1"),
        ({"small": 8, "big": 8}, "big = 8 .*Allowed: a multiple of small = 8, and larger"),
        ({"small": 16, "big": 8}, "big = 8 "),
        ({"small": 3, "big": 8}, "big = 8 .*Allowed: a multiple of small = 3"),
        ({"draws": 1}, "draws = 1 .*Allowed: at least 2"),
    ],
)
def test_impossible_noise_scales_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        noise.gradient_noise_scale(Regression(), **parameters)


GRID = np.arange(0.01, 1.2, 0.01)


def test_the_best_rate_of_a_step_without_noise():
    objective = Quadratic([1, 5], [2, 1])
    table = noise.one_step_learning_rate(objective, [1, 4], GRID, draws=2)
    assert len(table) == 2 * len(GRID) * 2
    best = noise.best_learning_rate(table)
    assert best["batch_size"].tolist() == [1, 4] and not best["at_edge"].any()
    eps_max, b_noise = objective.exact()
    np.testing.assert_allclose(best["learning_rate"], eps_max, atol=0.006)
    assert b_noise == 0
    lowest = objective.loss(objective.weights * (1 - eps_max * objective.curvatures))
    np.testing.assert_allclose(best["loss"], lowest, rtol=3e-3)  # the grid is that coarse


def test_the_best_rate_of_a_step_with_known_noise():
    objective = Quadratic([1, 5], [2, 1], 8 * np.random.default_rng(1).normal(size=(300, 2)))
    eps_max, b_noise = objective.exact()
    assert 1 < b_noise < 4
    sizes = [1, 2, 4, 8]
    best = noise.best_learning_rate(noise.one_step_learning_rate(objective, sizes, GRID[:40], draws=1500))
    np.testing.assert_allclose(best["learning_rate"], eps_max / (1 + b_noise / np.array(sizes)), rtol=0.1, atol=0.006)


def test_a_step_into_nowhere_is_never_the_best_and_an_edge_is_told():
    table = pd.DataFrame(
        [(1, 0.1, 0, 2.0), (1, 0.1, 1, 2.0), (1, 0.2, 0, 1.0), (1, 0.2, 1, np.nan)],
        columns=["batch_size", "learning_rate", "draw", "loss"],
    )
    best = noise.best_learning_rate(table).iloc[0]
    assert (best["learning_rate"], best["loss"], best["at_edge"]) == (0.1, 2.0, True)


@pytest.mark.parametrize(("eps_max", "b_noise"), [(0.1, 40.0), (3.0, 0.5), (1e-4, 900.0)])
def test_the_fit_finds_what_the_rates_were_made_from(eps_max, b_noise):
    sizes = np.array([1, 2, 4, 8, 16, 32])
    fit = noise.fit_learning_rate(sizes, eps_max / (1 + b_noise / sizes))
    assert (fit["eps_max"], fit["b_noise"]) == pytest.approx((eps_max, b_noise), rel=1e-4)


def test_rates_that_cannot_tell_the_noise_lead_to_an_end_of_the_range():
    sizes = np.array([2, 4, 8])
    assert noise.fit_learning_rate(sizes, [0.1, 0.1, 0.1])["b_noise"] < 0.01
    assert noise.fit_learning_rate(sizes, 0.1 * sizes)["b_noise"] > 1000


@pytest.mark.parametrize(
    ("sizes", "rates", "message"),
    [
        ([4, 4], [0.1, 0.1], r"batch_sizes = \[4, 4\] .*Allowed: two or more, positive"),
        ([0, 4], [0.1, 0.1], r"batch_sizes = \[0, 4\]"),
        ([2, 4], [0.1], r"best_rates = \[0.1\] .*Allowed: one positive number for each batch size"),
        ([2, 4], [0.1, 0], "best_rates"),
        ([2, 4], [0.1, np.nan], "best_rates"),
    ],
)
def test_impossible_fits_are_refused(sizes, rates, message):
    with pytest.raises(ParameterError, match=message):
        noise.fit_learning_rate(sizes, rates)


@pytest.mark.parametrize("top", [0.5, 4.0, 100.0])
def test_a_quadratic_is_stable_below_two_over_its_curvature(top):
    objective = Quadratic([top / 10, top], [1, 1], c=0.1)
    rates = np.array([0.1, 0.9, 0.99, 1.01, 1.1, 3.0]) * 2 / top
    table = noise.largest_stable_learning_rate(objective, [1, 3], rates, steps=200, seeds=[0, 1])
    np.testing.assert_array_equal(table["stable"], table["learning_rate"] < 2 / top)
    limit = noise.stable_limit(table)
    assert len(limit) == 4 and not limit["at_edge"].any()
    np.testing.assert_allclose(limit["learning_rate"], 0.99 * 2 / top)


def test_noise_makes_a_rate_unstable_at_small_batches_only():
    """For a curvature of 1 and a small rate r the loss settles near r S / (4B): too high for small batches only."""
    objective = Quadratic([1, 1], [0.1, 0.1], np.random.default_rng(0).normal(size=(500, 2)))
    table = noise.largest_stable_learning_rate(objective, [1, 256], [0.5], steps=50, seeds=range(5), factor=5)
    assert table.groupby("batch_size")["stable"].mean().to_dict() == {1: 0.0, 256: 1.0}


def test_overflow_is_an_unstable_run_and_no_error():
    table = noise.largest_stable_learning_rate(Quadratic([1, 2], [1, 1]), [1], [1e200], steps=9, seeds=[0])
    assert np.isnan(table["final_loss"][0]) and not table["stable"][0]


def test_the_limit_ends_at_the_first_unstable_rate():
    rows = [(1, 0, rate, stable) for rate, stable in [(0.4, True), (0.1, True), (0.3, False), (0.2, True)]]
    rows += [(1, 1, 0.1, False), (1, 1, 0.2, True), (2, 0, 0.1, True), (2, 0, 0.2, True)]
    limit = noise.stable_limit(pd.DataFrame(rows, columns=["batch_size", "seed", "learning_rate", "stable"]))
    np.testing.assert_array_equal(limit["learning_rate"], [0.2, np.nan, 0.2])
    assert limit["at_edge"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_sizes": [0]}, "batch_sizes = 0 .*Allowed: whole numbers, at least 1"),
        ({"learning_rates": [-0.1]}, "learning_rates = -0.1 .*Allowed: finite numbers, more than 0"),
        ({"learning_rates": [np.inf]}, "learning_rates = inf"),
        ({"steps": 0}, "steps = 0 .*Allowed: at least 1"),
        ({"factor": 0}, "factor = 0 .*Allowed: more than 0"),
    ],
)
def test_impossible_runs_are_refused(parameters, message):
    allowed = {"batch_sizes": [1], "learning_rates": [0.1], "steps": 1, "seeds": [0]}
    with pytest.raises(ParameterError, match=message):
        noise.largest_stable_learning_rate(Regression(), **(allowed | parameters))


def test_a_step_needs_a_draw():
    with pytest.raises(ParameterError, match=r"draws = 0 .*Allowed: at least 1"):
        noise.one_step_learning_rate(Regression(), [1], [0.1], draws=0)
