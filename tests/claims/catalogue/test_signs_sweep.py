"""Claim *signs-sweep*: as *decayed-sweep*, on other photographs."""

import pytest

from tests.claims.second_round import sweep, verdicts_of

NAME = "signs-sweep"


def test_the_slope_is_that_of_the_chosen_runs():
    verdicts = verdicts_of(sweep(-1.0, sizes=(2, 4, 8, 16)), NAME)
    assert verdicts[NAME].kind == "opposite" and verdicts[NAME].result.number == pytest.approx(-1)
    assert "hand signs" in verdicts[NAME].statement
