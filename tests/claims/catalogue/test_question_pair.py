"""Claim *question-pair*: the question's training, at equal epochs and at equal steps."""

import pytest

from smallbatch.claims import words
from tests.claims.second_round import pair, scattered, verdicts_of

NAME = "question-pair"


def made(at_sixty, at_the_end):
    def error(size, epoch, steps, evaluation, seed):
        worse = (at_sixty if epoch <= 60 else at_the_end) + scattered(seed) if size == 32 else 0
        return 40 + worse + (1 if evaluation == "moving" and size == 32 else 0)

    return pair(error)


@pytest.mark.parametrize(
    ("at_sixty", "at_the_end", "kind", "beginning"),
    [
        (3, 0, "supported", "Yes. After 60 epochs, batch size 32 has a higher test error than 10"),
        (-6, 0, "opposite", "No, the opposite"),
        (-1, 0, "nothing", "No. After 60 epochs, batch sizes 32 and 10 differ by less than 1 point"),
    ],
)
def test_verdict_and_answer_follow_the_truth(at_sixty, at_the_end, kind, beginning):
    verdicts = verdicts_of(made(at_sixty, at_the_end), NAME)
    assert verdicts[NAME].kind == kind and words.answer(verdicts, NAME).startswith(beginning)
    assert verdicts[NAME].evaluation == "moving"
    assert verdicts[NAME].result.number == pytest.approx(at_sixty + 1)
    assert verdicts[NAME, "recalibrated evaluation"].result.number == pytest.approx(at_sixty)


@pytest.mark.parametrize(("at_the_end", "word"), [(0, "supported"), (3, "contradicted")])
def test_steps_explain_it_where_it_is_gone_at_equal_steps(at_the_end, word):
    verdicts = verdicts_of(made(3, at_the_end), NAME)
    # 192 epochs of 125 steps against 60 of 400.
    assert verdicts[NAME, "at equal steps, recalibrated"].result.number == pytest.approx(at_the_end)
    assert verdicts[NAME, "explained by the number of steps"].word == word


def test_one_seed_decides_nothing():
    tables = pair(lambda size, *_: 40.0 + 5 * (size == 32), seeds=[0])
    assert verdicts_of(tables, NAME)[NAME].word == "not decided"
