"""The comparisons of a run, against tables solved by hand."""

import numpy as np
import pytest
from scipy import stats

from smallbatch.measurements.wilson_martinez.summary import interval, summarize
from tests.wilson_martinez import made_table


def test_intervals_are_those_of_scipy_around_the_mean():
    values = np.random.default_rng(0).exponential(size=20)
    mean, low, high = interval(values)
    ends = stats.bootstrap((values,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    assert mean == pytest.approx(values.mean())
    assert (low, high) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert np.isnan(interval([])).all() and np.isnan(interval([1.0, 2.0])[1:]).all()


def test_the_summary_of_a_table_solved_by_hand():
    summary = summarize(made_table())
    assert summary["accuracy_difference"] == pytest.approx(2.0)  # four doublings of half a point
    assert summary["accuracy_difference_low"] == pytest.approx(2.0)
    assert summary["equivalent"] == 0
    assert summary["error_slope"] == pytest.approx(0.5)
    assert summary["epoch_ratio"] == pytest.approx(8.0)
    assert summary["censored_smallest"] == 0 and summary["censored_largest"] == pytest.approx(1 / 6)
    assert summary["stable_slope_small"] == pytest.approx(0)
    # log2 rate: -1 (B = 4), -4 (8), -5 (16): by hand, the slope of (0, -3, -4) on (0, 1, 2) is -2.
    assert summary["stable_slope_large"] == pytest.approx(-2)
    assert summary["stable_at_edge"] == pytest.approx(0.2) and summary["stable_missing"] == 0
    assert all(type(value) in (int, float) for value in summary.values())  # what JSON can hold


def test_a_difference_of_less_than_a_point_is_equivalent():
    summary = summarize(made_table(error_slope=-0.1))
    assert summary["accuracy_difference"] == pytest.approx(-0.4) and summary["equivalent"] == 1


def test_repetitions_without_a_stable_rate_are_counted_and_left_out_of_the_slopes():
    table = made_table()
    table.loc[(table["repetition"] == 2) & (table["batch_size"] == 16), "largest_stable_rate"] = np.nan
    summary = summarize(table)
    assert summary["stable_missing"] == pytest.approx(1 / 6) and summary["stable_slope_large"] == pytest.approx(-2)
    assert np.isnan(summarize(table.assign(largest_stable_rate=np.nan))["stable_slope"])
