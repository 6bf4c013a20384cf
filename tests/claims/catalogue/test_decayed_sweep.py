"""Claim *decayed-sweep*: slope, curvature and best batch size at the rates that the search chooses."""

import pytest

from tests.claims.second_round import BEST, sweep, verdicts_of

NAME = "decayed-sweep"


@pytest.mark.parametrize(("slope", "kind"), [(1.0, "supported"), (-1.0, "opposite"), (0.0, "nothing")])
def test_the_slope_is_that_of_the_chosen_runs(slope, kind):
    verdicts = verdicts_of(sweep(slope, sizes=(2, 4, 8, 16)), NAME)
    assert verdicts[NAME].kind == kind and verdicts[NAME].result.number == pytest.approx(slope, abs=1e-9)
    for evaluation in BEST:
        assert verdicts[NAME, f"{evaluation} evaluation"].result.number == pytest.approx(slope, abs=1e-9)
    assert verdicts[NAME, "curvature"].result.number == pytest.approx(0, abs=1e-9)
    assert not verdicts[NAME, "best batch size"].measured  # there is no batch size 1


def test_batch_size_1_is_the_best_where_its_errors_are_the_lowest():
    verdicts = verdicts_of(sweep(), NAME)
    assert verdicts[NAME, "best batch size"].word == "supported"
    assert verdicts[NAME, "without batch size 1"].result.number == pytest.approx(0)
    assert verdicts[NAME].result.number > 2  # per-batch statistics are its own image's, and best
