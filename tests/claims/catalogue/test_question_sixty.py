"""Claim *question-sixty*: 60 epochs against the snapshot with the lowest validation loss."""

import pytest

from smallbatch.claims import words
from tests.claims.second_round import pair, scattered, verdicts_of

NAME = "question-sixty"


def made(cost):
    def error(size, epoch, steps, evaluation, seed):
        return 40 + (cost + scattered(seed) if epoch == 60 else 0) - 30 * (epoch > 60)

    # After 192 epochs the loss is lower still, which is not of a training of 60.
    return pair(error, loss=lambda size, epoch: {5: 1.2, 20: 0.9, 60: 1.0, 192: 0.1}[epoch])


@pytest.mark.parametrize(
    ("cost", "kind", "beginning"),
    [
        (3, "supported", "Yes. With 4,000 photographs, 60 epochs cost accuracy"),
        (-3, "opposite", "No, the opposite"),
        (0, "nothing", "No. With 4,000 photographs"),
    ],
)
def test_verdict_and_answer_follow_the_truth(cost, kind, beginning):
    verdicts = verdicts_of(made(cost), NAME)
    assert verdicts[NAME].kind == kind and words.answer(verdicts, NAME).startswith(beginning)
    assert verdicts[NAME].result.number == pytest.approx(cost)
    assert verdicts[NAME].result.details == ("epochs of the lowest validation loss: 20, 20, 20, 20, 20, 20",)
