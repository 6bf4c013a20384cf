"""Claim *confirmation-pair*: 60 epochs against 60, and 1,800 steps against 1,800."""

import pytest

from tests.claims.second_round import pair, scattered, verdicts_of

NAME = "confirmation-pair"


def test_epochs_and_steps_are_those_of_the_rule():
    def error(size, epoch, steps, evaluation, seed):
        return {(10, 5760): 36, (10, 1800): 39, (32, 1800): 39}.get((size, steps), 50) + scattered(seed) * (size == 32)

    verdicts = verdicts_of(
        pair(error, range(6, 12), {10: 96, 32: 30}, {10: (18.75, 60), 32: (60, 192)}),
        NAME,
    )
    assert verdicts[NAME].word == "supported" and verdicts[NAME].evaluation == "recalibrated"
    assert verdicts[NAME].result.number == pytest.approx(3)
    assert verdicts[NAME, "at equal steps, recalibrated"].result.number == pytest.approx(0)
    assert verdicts[NAME, "explained by the number of steps"].word == "supported"
