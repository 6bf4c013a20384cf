"""Claim *question-averages*: what each momentum costs, at both batch sizes."""

import pytest

from smallbatch.claims import words
from tests.claims.second_round import pair, scattered, verdicts_of

NAME = "question-averages"
COSTS = {"moving_0.9997": 20, "moving": 4, "moving_0.9": 0, "moving_steps_per_epoch": 1}


def made(times):
    def error(size, epoch, steps, evaluation, seed):
        cost = COSTS.get(evaluation, 0) * times * (1 if size == 32 else 0.5)
        # After 60 epochs alone: other snapshots must not be read.
        return 40 + (cost + scattered(seed) * (evaluation == "moving_0.9997") if epoch == 60 else 30)

    return pair(error)


@pytest.mark.parametrize(
    ("times", "kind", "beginning"),
    [
        (1, "supported", "Moving averages of momentum 0.9997 cost accuracy"),
        (0, "nothing", "Nothing that counts"),
        (-1, "opposite", "None. In the question's training, moving averages of momentum 0.9997 are better"),
    ],
)
def test_verdict_and_answer_follow_the_truth(times, kind, beginning):
    verdicts = verdicts_of(made(times), NAME)
    assert verdicts[NAME].kind == kind and words.answer(verdicts, NAME).startswith(beginning)


def test_each_momentum_and_size_has_its_number():
    verdicts = verdicts_of(made(1), NAME)
    labels = {"moving_0.9997": "0.9997", "moving": "0.99", "moving_0.9": "0.9", "moving_steps_per_epoch": "by the rule"}
    for name, cost in COSTS.items():
        for size, part in ((32, 1), (10, 0.5)):
            found = verdicts[NAME, f"batch size {size}, momentum {labels[name]}"]
            assert found.result.number == pytest.approx(cost * part) and found.evaluation == name
        more = verdicts[NAME, f"more at 32 than at 10, momentum {labels[name]}"]
        assert more.result.number == pytest.approx(cost / 2)
