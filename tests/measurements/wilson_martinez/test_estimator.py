"""From learning curves to outcomes: stable rates of a quadratic, and a table solved by hand."""

import numpy as np
import pytest

from smallbatch.measurements.wilson_martinez import estimator, small_networks


@pytest.mark.parametrize("curvature", [0.5, 3.0])
def test_descent_on_a_quadratic_is_stable_below_two_over_its_curvature(curvature):
    """On curvature x² / 2 a step at rate r multiplies x by (1 - r curvature), so the loss by that, squared."""
    rates = np.array([0.1, 0.5, 0.9, 1.1, 1.5, 3.0]) * 2 / curvature
    first = np.array([[1.0], [4.0]]) * np.ones(6)
    last = first * (1 - rates * curvature) ** (2 * 50)
    limit, at_edge = estimator.largest_stable_rate(first, last, rates)
    np.testing.assert_allclose(limit, 0.9 * 2 / curvature)
    assert not at_edge.any()
    limit, at_edge = estimator.largest_stable_rate(first[:, :3], last[:, :3], rates[:3])
    assert at_edge.all()


def test_the_stable_limit_ends_at_the_first_rate_that_fails():
    last = np.array([[0.5, np.nan, 0.1], [1.0, 0.1, 0.1], [0.1, 0.2, np.inf]])
    limit, at_edge = estimator.largest_stable_rate(np.ones((3, 3)), last, np.array([0.1, 0.2, 0.4]))
    np.testing.assert_array_equal(limit, [0.1, np.nan, 0.2])
    assert not at_edge.any()


def curves(accuracies):
    """Curves with this hold-out accuracy (epochs, repetitions, rates); test accuracy is 0.1 below."""
    accuracies = np.array(accuracies, float)
    ones = np.ones(accuracies.shape[1:])
    return small_networks.Curves(accuracies, accuracies - 0.1, ones, ones / 2)


def test_a_table_solved_by_hand():
    # Two repetitions, two rates, four epochs. Rate 1 of batch size 1 is good at once, and then not as good as rate 0.
    one = curves(
        [[[0.2, 0.90], [0.2, 0.92]], [[0.4, 0.93], [0.4, 0.92]], [[0.6, 0.5], [0.6, 0.5]], [[0.95, 0.5], [0.93, 0.5]]]
    )
    four = curves(
        [[[0.1, 0.1], [0.1, 0.1]], [[0.2, 0.1], [0.2, 0.1]], [[0.94, 0.1], [0.92, 0.1]], [[0.94, 0.1], [0.9, 0.1]]]
    )
    table = estimator.tabulate({1: one, 4: four}, np.array([0.1, 0.2])).set_index(["batch_size", "repetition"])
    assert table["learning_rate"].tolist() == [0.1, 0.1, 0.1, 0.1]
    assert table["epoch"].tolist() == [4, 4, 3, 3]
    assert table["holdout_accuracy"].tolist() == [0.95, 0.93, 0.94, 0.92]
    np.testing.assert_allclose(table["test_accuracy"], [0.85, 0.83, 0.84, 0.82])
    # The best mean is 0.94; the first split is 0.01 easier than the mean of all, 0.935, the second one 0.01 harder. So
    # the targets are 0.94 and 0.92. At batch size 1, rate 0.1 takes 4 and 4 epochs, rate 0.2 never (4) and 1.
    assert table["fastest_rate"].tolist() == [0.2, 0.2, 0.1, 0.1]
    assert table["epochs_to_target"].tolist() == [4, 1, 3, 3]
    assert table["censored"].tolist() == [True, False, False, False]
    assert table["after_1"].tolist() == [0.9, 0.92, 0.1, 0.1]
    assert table["after_4"].tolist() == [0.5, 0.5, 0.94, 0.9]
    assert table["largest_stable_rate"].tolist() == [0.2] * 4 and table["stable_at_edge"].all()


def test_of_equal_accuracies_the_earliest_epoch_and_the_lowest_rate_count():
    same = curves([[[0.5, 0.8, 0.9, 0.9]] * 2, [[0.9, 0.9, 0.9, 0.9]] * 2])
    table = estimator.tabulate({1: same}, np.array([0.1, 0.2, 0.3, 0.4]))
    assert table["epoch"].tolist() == [1, 1] and table["learning_rate"].tolist() == [0.3, 0.3]
