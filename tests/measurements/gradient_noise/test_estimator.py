"""Gradient noise: against a linear regression and quadratics, whose noise is known exactly."""

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements.gradient_noise import estimator
from tests.objectives import Quadratic, Regression


def estimate(objective, batch_size, batches, blocks=20, seed=0, known=False):
    gradients = estimator.sample_gradients(objective, batch_size, batches, blocks, seed)
    return estimator.gradient_noise_scale(gradients, objective.gradient(objective.weights) if known else None, seed)


@pytest.mark.parametrize("known", [False, True], ids=["estimated", "known"])
@pytest.mark.parametrize(("batch_size", "batches"), [(1, 20000), (4, 10000), (8, 8000)])
def test_the_noise_scale_of_a_regression(batch_size, batches, known):
    objective = Regression()
    signal, trace = objective.exact()
    found = estimate(objective, batch_size, batches, known=known)
    assert found["gradient_norm_squared"] == pytest.approx(signal, rel=1e-6 if known else 0.03)
    assert found["noise"] == pytest.approx(trace, rel=0.05)
    assert found["noise_scale"] == pytest.approx(trace / signal, rel=0.06)
    assert found["noise_to_signal"] == pytest.approx(found["noise_scale"] / batch_size)
    # How often the interval covers the truth is tested below; here it may just miss it.
    assert 0.97 * found["low"] < trace / signal < 1.03 * found["high"]
    assert found["low"] > 0.9 * trace / signal and found["high"] < 1.1 * trace / signal


@pytest.mark.parametrize("known", [False, True], ids=["estimated", "known"])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(known):
    objective = Regression(n=50)
    signal, trace = objective.exact()
    intervals = [estimate(objective, 4, 160, seed=seed, known=known) for seed in range(100)]
    covered = np.mean([interval["low"] <= trace / signal <= interval["high"] for interval in intervals])
    assert 0.85 <= covered <= 1.0  # 0.95 and three standard errors, less what percentile intervals lack at 20 blocks


def test_pairs_of_all_batches_are_taken_without_the_batches_themselves():
    """Against the plain sum over pairs, where blocks count differently often."""
    objective = Regression(n=30)
    gradients = estimator.sample_gradients(objective, 2, 6, blocks=3, seed=4)
    drawn = np.random.default_rng([4, 2]).integers(30, size=(6, 2))
    each = np.array([objective.gradient(objective.weights, batch) for batch in drawn])
    weights = np.array([[1, 1, 1], [2, 0, 1], [3, 0, 0]])
    for weight, signal in zip(weights, estimator._products(gradients, gradients, weights, weights), strict=True):
        copies = np.repeat(np.arange(6), np.repeat(weight, 2))
        products = [each[i] @ each[j] for i in copies for j in copies if i != j]
        assert signal == pytest.approx(np.mean(products), rel=1e-5)


def test_estimates_of_the_signal_have_no_bias():
    objective = Regression()
    signal, trace = objective.exact()
    found = [estimate(objective, 2, 8, blocks=4, seed=seed) for seed in range(400)]
    assert np.mean([f["gradient_norm_squared"] for f in found]) == pytest.approx(signal, rel=0.1)
    assert np.mean([f["noise"] for f in found]) == pytest.approx(trace, rel=0.1)


def test_a_known_signal_gives_the_narrower_interval():
    objective = Quadratic([1, 1], [0.3, 0.0], np.random.default_rng(0).normal(size=(100, 2)))
    known, estimated = (estimate(objective, 1, 400, known=known) for known in (True, False))
    assert known["high"] - known["low"] < (estimated["high"] - estimated["low"]) / 3


def test_images_with_one_and_the_same_gradient_make_no_noise():
    found = estimate(Quadratic([1, 2], [3, 1], np.zeros((5, 2))), 1, 40)
    assert found["gradient_norm_squared"] == pytest.approx(13)
    for name in ("noise", "noise_scale", "low", "high"):
        assert found[name] == pytest.approx(0, abs=1e-5)


def test_the_scale_of_the_loss_does_not_matter():
    plain, scaled = (estimate(Regression(scale=scale), 2, 40) for scale in (1, 50))
    for name in ("noise_scale", "low", "high"):
        assert scaled[name] == pytest.approx(plain[name], rel=1e-5)
    assert scaled["noise"] == pytest.approx(2500 * plain["noise"], rel=1e-5)


def test_without_a_mean_gradient_the_noise_scale_has_no_upper_end():
    spread = np.random.default_rng(0).normal(size=(100, 2))
    found = [estimate(Quadratic([1, 1], [0, 0], spread), 1, 200, seed=seed) for seed in range(60)]
    assert np.mean([each["high"] == np.inf for each in found]) > 0.85
    for each in found:
        assert (each["noise_scale"] == np.inf) == (each["gradient_norm_squared"] <= 0)
    assert any(each["noise_scale"] == np.inf for each in found)


def test_the_noise_scale_is_a_function_of_the_seed():
    first, again, other = (estimate(Regression(), 2, 20, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("angle", [0.0, 1.0, np.pi / 2])
def test_the_angle_between_two_true_gradients_is_found_through_their_noise(angle):
    one, other = (
        Quadratic([1, 1], weights, 4 * np.random.default_rng(k).normal(size=(200, 2)))
        for k, weights in enumerate(([1, 0], [2 * np.cos(angle), 2 * np.sin(angle)]))
    )
    pair = [estimator.sample_gradients(objective, 1, 8000, seed=k) for k, objective in enumerate((one, other))]
    found = estimator.cosine(*pair)
    assert found["low"] - 0.02 <= np.cos(angle) <= found["high"] + 0.02
    assert found["high"] - found["low"] < 0.35
    assert found["cosine"] == pytest.approx(np.cos(angle), abs=0.15)


def test_an_angle_to_nothing_is_not_decided():
    spread = np.random.default_rng(0).normal(size=(100, 2))
    nothing = estimator.sample_gradients(Quadratic([1, 1], [0, 0], spread), 1, 100)
    something = estimator.sample_gradients(Quadratic([1, 1], [5, 0], spread), 1, 100, seed=1)
    assert np.isnan(estimator.cosine(nothing, something)["high"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_size": 0}, "batch_size = 0 .*Allowed: at least 1"),
        ({"blocks": 1}, "blocks = 1 .*Allowed: at least 2"),
        ({"batches": 10, "blocks": 4}, "batches = 10 .*Allowed: a multiple of blocks = 4"),
        ({"batches": 0}, "batches = 0 "),
    ],
)
def test_impossible_samples_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        estimator.sample_gradients(Regression(), **({"batch_size": 2, "batches": 20} | parameters))
