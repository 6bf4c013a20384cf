"""Claim *dropout*: one comparison asked for beforehand, and the places where dropout can stand."""

import dataclasses

import numpy as np
import pytest

from tests.simulated import assert_answer, primary, study, verdict_of, with_combination

BETWEEN = "dropout_between_batch_norms = 0.1"


@pytest.mark.parametrize(
    ("dropout", "kind", "beginning"),
    [
        ((-3, 0.5), "supported", "Yes. Dropout after the last batch norm lowers the test error."),
        ((3, 0.5), "opposite", "No. Dropout after the last batch norm raises"),
        (
            (0, 0.5),
            "nothing",
            "It matters little. Dropout after the last batch norm changes the test error by less than",
        ),
        ((-1, 3), "not decided", "It is not decided whether dropout after the last batch norm helps"),
    ],
)
def test_verdict_and_answer_follow_the_truth(dropout, kind, beginning):
    assert_answer(study(dropout=dropout), "dropout", kind, beginning)


def test_it_is_judged_recalibrated_and_with_moving_averages_beside_it():
    tables = study(dropout=(-3, 0.5), experiments=("remedies",))
    runs = tables.runs.copy()
    dropped = (runs["dropout"] > 0).to_numpy()
    runs.loc[dropped, "moving_test_accuracy"] -= 0.1
    tables = dataclasses.replace(tables, runs=runs)
    assert primary(tables, "dropout").result.number == pytest.approx(-3, abs=0.05)
    moving = verdict_of(tables, "dropout", "moving evaluation")
    assert moving.result.number == pytest.approx(7, abs=0.05) and moving.kind == "opposite"


def test_it_is_not_adjusted_for_the_other_remedies():
    verdict = primary(study(dropout=(-3, 0.5), experiments=("remedies",)), "dropout")
    assert np.isnan(verdict.result.p_holm) and np.isnan(verdict.result.p_joint)
    assert verdict.notes == ""


def test_a_combination_is_no_dropout_between_batch_norms():
    alone = study(dropout=(-3, 0.5), experiments=("remedies",))
    for tables in (alone, with_combination(alone, (-20, 0.5))):
        verdict = verdict_of(tables, "dropout", f"{BETWEEN}, recalibrated")
        assert verdict.result.number == pytest.approx(-3, abs=0.05)
        assert verdict.statement == "dropout between batch norms lowers the test error"


def test_a_study_without_dropout_says_what_is_missing(usual):
    runs = usual.runs[(usual.runs["dropout"] == 0) & (usual.runs["dropout_between_batch_norms"] == 0)]
    tables = dataclasses.replace(usual, runs=runs)
    assert "no runs with dropout = 0.2 alone" in primary(tables, "dropout").notes
    missing = verdict_of(tables, "dropout", "dropout_between_batch_norms, recalibrated")
    assert "no runs with dropout_between_batch_norms alone" in missing.notes
