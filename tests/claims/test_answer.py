"""The answer in eight sentences: each with its number, true of whatever the verdicts say."""

import re

import pytest

from smallbatch.claims import AMENDED_CLAIMS, Tables, judge
from smallbatch.claims.answer import PARTS, Known, answer
from tests.claims.second_round import pair, scattered, verdicts_of
from tests.simulated import study


def said(tables, second_round=None):
    known = Known(tables, judge(tables, AMENDED_CLAIMS, "amended"), second_round or {}, Tables())
    return [sentence.says for sentence in answer(known)]


@pytest.mark.parametrize(
    ("truth", "place", "words"),
    [
        ({"lag": {0.9953: (6, 1), 0.9997: (40, 1)}}, 1, "look worse than it is"),
        ({}, 1, "cost less than 1 point"),
        ({"sgd": (2, 0.3)}, 2, "After 60 epochs, batch size 32 has a higher test error"),
        ({"sgd": (-2, 0.3)}, 2, "has a lower test error than 10"),
        ({"regret": (3, 0.3)}, 3, "Yes. Training on to 60 epochs costs accuracy"),
        ({"dropout": (-3, 0.3)}, 4, "Yes. Dropout after the last batch norm lowers the test error"),
        ({"sgd": (2, 0.3)}, 5, "lowest mean test errors were those of 1 ("),
        ({"norm": (2, 0.3)}, 6, "Yes. Normalizing over fewer images lowers"),
    ],
)
def test_what_is_said_follows_the_truth(truth, place, words):
    assert words in said(study(**truth))[place]


def test_every_sentence_has_its_number():
    sentences = said(study(lag={0.9953: (6, 1), 0.9997: (40, 1)}))
    assert len(sentences) == len(PARTS) == 8
    assert all(re.search(r"\d", text) and "nan" not in text for text in sentences)


def test_what_is_not_measured_is_said():
    sentences = said(Tables())
    assert all("Not measured in this study" in sentences[place] for place in (1, 2, 3, 4, 5, 6))
    assert not any("nan" in text for text in sentences)


def test_a_study_of_the_second_round_is_heard_once_it_has_an_interval():
    def verdicts(seeds):
        tables = pair(lambda size, e, s, name, seed: 40 + (4 + scattered(seed)) * (size == 32), seeds=range(seeds))
        return {"question": verdicts_of(tables, "question-pair")}

    def third(seeds):
        known = Known(Tables(), judge(Tables(), AMENDED_CLAIMS, "amended"), verdicts(seeds), Tables())
        return PARTS[2][1](known)

    assert "Yes. After 60 epochs" in third(4) and "Yes. After 60 epochs" not in third(1)
