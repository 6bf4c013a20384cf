"""Estimators and their uncertainty: against SciPy, cases solved by hand, and simulations whose truth is known."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbatch import statistics
from smallbatch.errors import ParameterError

SIZES = [1, 2, 4, 8, 16, 32]


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_errors_are_in_points_and_a_missing_accuracy_counts_as_guessing():
    errors = statistics.error_points(pd.Series([1.0, 0.25, None]), n_classes=10)
    np.testing.assert_allclose(errors, [0, 75, 90])
    with pytest.raises(ParameterError, match="n_classes = 1"):
        statistics.error_points(pd.Series([1.0]), n_classes=1)


@pytest.mark.parametrize("sizes", [SIZES, [1, 4, 32], [10, 32, 3, 7]])
@pytest.mark.parametrize("degree", [1, 2])
def test_slope_and_curvature_are_those_of_a_least_squares_polynomial(sizes, degree):
    values = normal(5, len(sizes))
    expected = np.polyfit(np.log2(sizes), values.T, degree)[0]
    np.testing.assert_allclose(values @ statistics.log2_weights(sizes, degree), expected)


def test_a_line_has_its_slope_and_a_parabola_its_curvature():
    doublings = np.log2(SIZES)
    assert (3 + 0.7 * doublings) @ statistics.log2_weights(SIZES) == pytest.approx(0.7)
    parabola = 3 + 0.7 * doublings + 0.2 * doublings**2
    assert parabola @ statistics.log2_weights(SIZES, 2) == pytest.approx(0.2)


@pytest.mark.parametrize(("sizes", "degree"), [([4, 4], 1), ([1, 2], 2), ([0, 1], 1)])
def test_too_few_sizes_have_no_slope(sizes, degree):
    with pytest.raises(ParameterError, match="sizes"):
        statistics.log2_weights(sizes, degree)


def test_the_bootstrap_interval_is_scipys():
    values = normal(8)
    expected = stats.bootstrap((values,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(0))
    assert statistics.bca_interval(values) == pytest.approx(tuple(expected.confidence_interval))


@pytest.mark.parametrize("interval", [statistics.bca_interval, statistics.t_interval])
def test_intervals_of_degenerate_values(interval):
    assert np.isnan(interval([1.0, 2.0])).all()
    assert np.isnan(interval([])).all()
    assert np.isnan(interval([1.0, 2.0, np.nan, 3.0])).all()
    assert interval([0.3, 0.1 + 0.2, 0.3]) == pytest.approx((0.3, 0.3))
    assert interval([0.0, 0.0, 0.0]) == (0.0, 0.0)
    low, high = interval([0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    assert low <= 1 / 6 <= high <= 1 and low < high


def test_the_t_interval_is_scipys():
    values = normal(6)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert statistics.t_interval(values) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(("n", "least", "most"), [(3, 0.69, 0.77), (6, 0.825, 0.89), (12, 0.89, 0.945)])
def test_the_bootstrap_interval_of_a_slope_covers_less_than_its_level_with_few_seeds(n, least, most):
    """What the module's head states. Truth: a slope of 0.5, seeds with their own level and slope, and run noise."""
    generator = np.random.default_rng(n)
    weights, covered, n_studies = statistics.log2_weights(SIZES), 0, 600
    for _ in range(n_studies):
        slopes = 0.5 + generator.normal(0, 0.3, (n, 1))
        errors = 20 + slopes * np.log2(SIZES) + generator.normal(0, 1, (n, 1)) + generator.normal(0, 1, (n, 6))
        low, high = statistics.bca_interval(errors @ weights, resamples=499)
        covered += low <= 0.5 <= high
    assert least < covered / n_studies < most


def test_the_t_interval_of_a_slope_keeps_its_level_with_six_seeds():
    values = normal(2500, 6, seed=2)
    covered = [low <= 0 <= high for low, high in map(statistics.t_interval, values)]
    assert 0.935 < np.mean(covered) < 0.965


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0], 2 / 8),  # only all + and all - reach 6
        ([1.0, 2.0, -3.0], 1.0),  # every flip is as far from 0 as 0
        ([3.0, 2.0, -1.0], 4 / 8),  # sums 6, 4 and their opposites are as far as 4
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 2 / 64),
        ([0.1] * 5, 2 / 32),
        ([0.0, 0.0, 0.0], 1.0),
        ([5.0], 1.0),
    ],
)
def test_sign_flip_by_hand(differences, p):
    assert statistics.sign_flip_p(differences) == pytest.approx(p)
    assert statistics.sign_flip_p(np.negative(differences)) == pytest.approx(p)


def test_sign_flip_is_scipys_paired_permutation_test():
    first, second = normal(9), normal(9, seed=1) + 0.6

    def mean_difference(x, y, axis):
        return np.mean(x - y, axis=axis)

    expected = stats.permutation_test((first, second), mean_difference, permutation_type="samples", vectorized=True)
    assert statistics.sign_flip_p(first - second) == pytest.approx(expected.pvalue)


def test_sign_flip_of_nothing_is_nan_and_many_values_are_sampled():
    assert np.isnan(statistics.sign_flip_p([]))
    values = normal(60) + 0.25
    assert statistics.sign_flip_p(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.01)
    # The flip that was found counts: p is never 0.
    assert 0 < statistics.sign_flip_p(np.ones(40)) < 1e-4


def test_sign_flip_keeps_its_size_and_has_power_with_six_seeds():
    null = [statistics.sign_flip_p(values) <= 0.05 for values in normal(4000, 6)]
    assert np.mean(null) == pytest.approx(2 / 64, abs=0.009)  # the only p below 0.05 is the smallest
    # All six differences must have one sign (and no other flip be as extreme): Phi(2)^6 = 0.87 at two deviations.
    effect = [statistics.sign_flip_p(values) <= 0.05 for values in normal(2000, 6, seed=1) + 2]
    assert np.mean(effect) == pytest.approx(stats.norm.cdf(2) ** 6, abs=0.03)


def test_one_joint_comparison_is_the_plain_one_and_copies_do_not_cost():
    values = normal(7, 1) + 0.5
    p = statistics.sign_flip_p(values[:, 0])
    assert statistics.joint_sign_flip_p(values) == pytest.approx([p])
    assert statistics.joint_sign_flip_p(np.hstack([values, -3 * values, values])) == pytest.approx([p] * 3)
    assert np.isnan(statistics.joint_sign_flip_p(np.empty((0, 2)))).tolist() == [True, True]


def test_joint_sign_flips_find_with_six_seeds_what_holm_cannot():
    differences = normal(6, 12)
    differences[:, 3] = -5 - 0.1 * normal(6, seed=1)
    joint = statistics.joint_sign_flip_p(differences)
    assert joint[3] == pytest.approx(2 / 64) and np.delete(joint, 3).min() > 0.05
    single = [statistics.sign_flip_p(column) for column in differences.T]
    assert (joint >= np.array(single) - 1e-12).all()
    assert statistics.holm(single)[3] == pytest.approx(12 * 2 / 64)


def test_joint_sign_flips_keep_the_chance_of_any_false_finding():
    generator = np.random.default_rng(3)
    found = 0
    for _ in range(1500):
        # Differences to one reference go together.
        differences = generator.normal(size=(8, 10)) - generator.normal(size=(8, 1))
        found += statistics.joint_sign_flip_p(differences).min() <= 0.05
    assert 0.03 < found / 1500 < 0.065


def test_holm_by_hand():
    # Sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which may not fall below the one before.
    adjusted = statistics.holm([0.01, 0.04, np.nan, 0.03, 0.005])
    np.testing.assert_allclose(adjusted, [0.03, 0.06, np.nan, 0.06, 0.02])
    np.testing.assert_allclose(statistics.holm([0.6, 0.5]), [1, 1])
    assert len(statistics.holm([])) == 0


def test_holm_keeps_the_chance_of_any_false_finding():
    p_values = np.random.default_rng(0).random((4000, 5))
    assert np.mean([statistics.holm(p).min() <= 0.05 for p in p_values]) == pytest.approx(0.049, abs=0.011)


def test_equivalence_is_inclusion_of_the_whole_interval():
    assert statistics.equivalent(-0.4, 0.9, 1) and statistics.equivalent(-1, 1, 1)
    assert not statistics.equivalent(-0.4, 1.1, 1) and not statistics.equivalent(-1.1, 0, 1)
    assert not statistics.equivalent(np.nan, np.nan, 1)


def test_paired_differences_use_the_seeds_that_have_both():
    errors = pd.DataFrame(
        {"plain": [10.0, 20, 30, 40, 50], "a": [9.0, 19, 29, 39, np.nan], "b": [15.0, 23, 39, np.nan, 49]}
    )
    table = statistics.paired_differences(errors, "plain", margin=1.5)
    assert table.index.tolist() == ["a", "b"]
    assert table["n_seeds"].tolist() == [4, 4]
    np.testing.assert_allclose(table["difference"], [-1, (5 + 3 + 9 - 1) / 4])
    assert table.loc["a", ["low", "high"]].tolist() == [-1, -1] and table["equivalent"].tolist() == [True, False]
    assert table.loc["a", "p"] == 2 / 16
    np.testing.assert_allclose(table["p_holm"], statistics.holm(table["p"]))
    # The joint test has the three seeds with all conditions.
    assert table.loc["b", "p_joint"] >= 2 / 8
    with pytest.raises(ParameterError, match="reference = 'c'"):
        statistics.paired_differences(errors, "c", margin=1)


def test_the_probability_of_being_best_counts_resamples_of_whole_seeds():
    errors = np.array([[1.0, 2.0, 5.0], [6.0, 3.0, 5.0], [1.0, 2.0, 5.0]])
    draws = [errors[list(seeds)].mean(axis=0).argmin() for seeds in itertools.product(range(3), repeat=3)]
    exact = np.bincount(draws, minlength=3) / 27
    np.testing.assert_allclose(statistics.probability_best(errors), exact, atol=0.015)


def test_the_probability_of_being_best_in_clear_cases():
    np.testing.assert_allclose(statistics.probability_best([[2, 1, 3]] * 4), [0, 1, 0])
    np.testing.assert_allclose(statistics.probability_best([[1, 1, 3]] * 4), [0.5, 0.5, 0])
    assert np.isnan(statistics.probability_best([[2, 1], [2, 1]])).all()
    shares = [statistics.probability_best(errors, resamples=200) for errors in normal(300, 6, 4)]
    np.testing.assert_allclose(np.mean(shares, axis=0), 0.25, atol=0.06)
    assert np.sum(shares, axis=1) == pytest.approx(1)


def crossed(generator, n_seeds=6, n_images=300, by_image=1.0, by_seed=0.0):
    """Correct images of two conditions; some images are harder in the second one, whatever the seed."""
    difficulty = generator.normal(0, 1, n_images)
    harder = generator.normal(0, by_image, n_images)
    level = generator.normal(0, by_seed, (n_seeds, 1)) if by_seed else np.zeros((n_seeds, 1))
    luck = generator.normal(0, 0.5, (n_seeds, 2, n_images))
    return np.stack([difficulty + 0 * level, difficulty + harder + level], axis=1) + luck < 0.7


def test_the_pigeonhole_bootstrap_has_the_variance_of_its_formula():
    """Seeds and images drawn with multinomial weights: the second moments of the weights give the variance."""
    correct = crossed(np.random.default_rng(0), by_seed=0.3)
    z = 100.0 * (correct[:, 1].astype(float) - correct[:, 0])
    s, n = z.shape
    squares = (1 - 1 / s) * (1 - 1 / n) * z.sum() ** 2 + (1 - 1 / s) * (z.sum(axis=0) ** 2).sum()
    squares += (1 - 1 / n) * (z.sum(axis=1) ** 2).sum() + (z**2).sum()
    sd = np.sqrt(squares / (s * n) ** 2 - z.mean() ** 2)
    low, high = statistics.pigeonhole_interval(correct, [1, -1])
    assert high - low == pytest.approx(2 * 1.96 * sd, rel=0.06)
    assert (low + high) / 2 == pytest.approx(z.mean(), abs=0.25 * sd)


def test_the_pigeonhole_interval_is_wider_than_that_over_seeds_and_covers_better():
    """The truth is 0 over all images that there might be; these few are by luck harder in one condition."""
    both, seeds = [], []
    for k in range(150):
        correct = crossed(np.random.default_rng([1, k]))
        both.append(statistics.pigeonhole_interval(correct, [1, -1], resamples=400))
        seeds.append(
            statistics.bca_interval(100 * (correct[:, 1].mean(axis=1) - correct[:, 0].mean(axis=1)), resamples=499)
        )
    both, seeds = np.array(both), np.array(seeds)
    assert (np.ptp(both, axis=1) > np.ptp(seeds, axis=1)).mean() > 0.95
    # The threshold makes the second condition worse or better on average; its mean over studies is the truth.
    truth = both.mean()
    covered = [((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean() for ends in (both, seeds)]
    assert covered[0] > 0.9 > 0.7 > covered[1]


def test_the_pigeonhole_interval_of_a_slope_and_of_few_seeds():
    generator = np.random.default_rng(0)
    shares = 0.9 - 0.02 * np.log2(SIZES)[:, np.newaxis]
    correct = generator.random((6, 6, 800)) < shares
    low, high = statistics.pigeonhole_interval(correct, statistics.log2_weights(SIZES))
    assert low < 2 < high and 0.5 < high - low < 2
    assert np.isnan(statistics.pigeonhole_interval(correct[:2], [0] * 6)).all()


def history_of(**runs):
    rows = [
        {"run": run, "epoch": epoch, "train_loss": loss, "validation_accuracy": accuracy}
        for run, epochs in runs.items()
        for epoch, (loss, accuracy) in enumerate(epochs, start=1)
    ]
    return pd.DataFrame(rows)


def test_runs_are_compared_at_the_lowest_training_loss_that_all_reach():
    history = history_of(
        fast=[(1.0, 0.6), (0.4, 0.9), (0.1, 0.8)],
        slow=[(2.0, 0.3), (1.5, 0.5), (0.5, 0.7)],
        exploded=[(2.2, 0.2), (np.nan, np.nan)],
        exploded_late=[(0.45, 0.65), (9.0, 0.1)],
        not_asked_for=[(3.0, 0.1)],
    )
    diverged = pd.Series({"fast": False, "slow": False, "exploded": True, "exploded_late": True})
    table = statistics.error_at_matched_loss(history, diverged, n_classes=10)
    assert table["level"].tolist() == [0.5] * 4
    np.testing.assert_allclose(table["error"], [10, 30, 90, 35])
    np.testing.assert_allclose(table["epoch"], [2, 3, np.nan, 1])
    assert statistics.error_at_matched_loss(history, diverged | True, 10).empty
