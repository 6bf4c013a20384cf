"""Claim *signs-pair*: 60 epochs against 60, and 1,800 steps against 1,920."""

import pytest

from tests.claims.second_round import pair, scattered, verdicts_of

NAME = "signs-pair"


def test_epochs_and_steps_are_those_of_the_rule():
    def error(size, epoch, steps, evaluation, seed):
        return {(10, 60): 10, (10, 20): 14, (32, 60): 14}[size, epoch] + scattered(seed) * (size == 32)

    verdicts = verdicts_of(pair(error, range(6), {10: 96, 32: 30}, {10: (20, 60), 32: (60,)}), NAME)
    assert verdicts[NAME].word == "supported" and verdicts[NAME].result.number == pytest.approx(4)
    assert verdicts[NAME, "at equal steps, recalibrated"].result.number == pytest.approx(0)
