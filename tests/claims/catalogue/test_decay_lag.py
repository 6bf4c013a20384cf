"""Claim *decay-lag*: what moving averages cost, by momentum and batch size."""

import dataclasses

import pytest

from smallbatch.claims.tables import runs_of
from tests.simulated import assert_answer, primary, study, verdict_of

LONG, SHORT = 0.9997, 0.9


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({LONG: (30, 5)}, "supported", "Yes. With a long memory, the moving averages make"),
        ({LONG: (2, 1)}, "nothing", "No. Even with a long memory, the moving averages cost less than 5 points"),
        ({LONG: (-30, 5)}, "nothing", "No. Even with a long memory"),
        ({LONG: (30, 5), SHORT: (10, 1)}, "opposite", "Not as suspected. The moving averages spoil the evaluation"),
        ({LONG: (30, 5), SHORT: (3, 3)}, "not decided", "It is not decided whether a long memory"),
        ({LONG: (5, 5)}, "not decided", "It is not decided whether a long memory"),
    ],
)
def test_verdict_and_answer_follow_the_truth(truth, kind, beginning):
    assert_answer(study(lag=truth), "decay-lag", kind, beginning)


def test_both_windows_are_those_at_batch_size_32():
    """A short window that spoils batch size 10 alone has no say, and neither has a long one."""
    tables = study(lag={LONG: (30, 5)}, experiments=("momentum_lag",))
    runs = tables.runs.copy()
    at_10 = (runs["batch_size"] == 10).to_numpy()
    runs.loc[at_10, "moving_test_accuracy"] = runs.loc[at_10, "recalibrated_test_accuracy"] - 0.1
    verdict = primary(dataclasses.replace(tables, runs=runs), "decay-lag")
    assert verdict.word == "supported" and verdict.result.number == pytest.approx(30)
    assert "the artefact at the shortest memory is within [0.0, 0.0] points" in verdict.notes


def test_numbers_are_those_of_the_truth(usual_verdicts):
    numbers = {verdict.analysis: verdict.result.number for verdict in usual_verdicts.of("decay-lag")}
    # Made up so that batch size 10 lags by half as much.
    assert numbers == pytest.approx(
        {
            "main": 30, "less at 10": 15,
            "batch size 32, momentum 0.9997": 30, "batch size 10, momentum 0.9997": 15,
            "batch size 32, momentum 0.99": 4, "batch size 10, momentum 0.99": 2,
            "batch size 32, momentum 0.9": 0, "batch size 10, momentum 0.9": 0,
            "batch size 32, momentum scaled": 0, "batch size 10, momentum scaled": 0,
            "less at 10, memory as asked": 6,
            "batch size 32, memory as asked": 12, "batch size 10, memory as asked": 6,
        }
    )  # fmt: skip


def test_the_matched_window_is_in_the_family_and_by_its_own_name_alone(usual):
    both, own = runs_of(usual, "momentum_lag"), runs_of(usual, "momentum_lag_as_asked")
    assert set(own["batch_norm_momentum"].astype(float)) == {0.9953} and set(own["run"]) < set(both["run"])
    alone = dataclasses.replace(usual, families={})
    assert set(runs_of(alone, "momentum_lag")["run"]) == set(both["run"]) - set(own["run"])
    # No analysis depends on whether the matched window counts as one of the momenta.
    for name in ("less at 10, memory as asked", "batch size 32, momentum 0.9997"):
        assert verdict_of(alone, "decay-lag", name) == verdict_of(usual, "decay-lag", name)
