"""Claim *batch-one*: the probability that batch size 1 is the best."""

import dataclasses

import pytest

from smallbatch.claims import words
from tests.simulated import assert_answer, judged, primary, study, verdict_of


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({"sgd": (1.0, 0.2), "rate": 0.02}, "supported", "Yes. Batch size 1 has the lowest test error of those tried."),
        ({"sgd": (-1.0, 0.2), "rate": 0.02}, "opposite", "No. Another batch size has a lower test error"),
        ({"bend": (1.0, 0.2), "rate": 0.02}, "opposite", "No. Another batch size has a lower test error"),
        ({"sgd": (0.1, 1.0), "rate": 0.02}, "not decided", "It is not decided whether batch size 1 has the lowest"),
    ],
)
def test_verdict_and_answer_follow_the_truth(truth, kind, beginning):
    assert_answer(study(**truth), "batch-one", kind, beginning)


def test_it_is_a_probability_without_interval_and_shows_those_of_all_sizes():
    verdict = primary(study(sgd=(1.0, 0.2), rate=0.02), "batch-one")
    assert words.number(verdict) == "probability 1.00 (6 seeds)"
    assert "probability by batch size: 1: 1.00, 2: 0.00, 4: 0.00, 8: 0.00, 16: 0.00, 32: 0.00" in verdict.notes


def test_the_fixed_rate_is_an_analysis_of_its_own():
    # At 0.01 for all, batch size 1 is the best; tuned at a rate two doublings off its best one, it is not.
    tables = study(sgd=(0.1, 0.01), rate=0.0025)
    assert primary(tables, "batch-one").kind == "opposite"
    assert verdict_of(tables, "batch-one", "fixed learning rate").word == "supported"


def test_the_learning_rates_are_told_of_a_decided_answer_only():
    for truth, told in (({"sgd": (1.0, 0.2), "rate": 0.02}, True), ({"sgd": (0.1, 1.0), "rate": 0.02}, False)):
        text = words.answer(judged(study(**truth), "batch-one", "main"), "batch-one")
        assert text.endswith("chosen on validation images.") == told
    fixed = judged(study(experiments=("batch_size",), sgd=(1.0, 0.2)), "batch-one", "main")
    assert words.answer(fixed, "batch-one").endswith("All batch sizes had the same learning rate.")


def test_without_batch_size_1_nothing_is_measured(usual):
    runs = usual.runs[usual.runs["batch_size"] != 1]
    verdict = primary(dataclasses.replace(usual, runs=runs), "batch-one")
    assert not verdict.measured and "experiment tuned has no batch size 1" in verdict.notes
