"""Claim *sixty-epochs*: what training to the end costs."""

import dataclasses

import pytest

from tests.simulated import assert_answer, primary, study, verdict_of


@pytest.mark.parametrize(
    ("regret", "kind", "beginning"),
    [
        ((3, 0.5), "supported", "Yes. Training on to 60 epochs costs accuracy"),
        ((-3, 0.5), "opposite", "No, the opposite. After 60 epochs the test error is lower"),
        ((0, 0.5), "nothing", "No. Training on to 60 epochs changes the test error by less than 1 point"),
        ((1, 3), "not decided", "It is not decided whether 60 epochs are too many"),
    ],
)
def test_verdict_and_answer_follow_the_truth(regret, kind, beginning):
    assert_answer(study(regret=regret), "sixty-epochs", kind, beginning)


def test_each_batch_size_is_compared_with_itself_and_the_kept_epochs_are_told():
    tables = study(regret=(3, 0.5), experiments=("duration",))
    runs = tables.runs.copy()
    at_10 = (runs["batch_size"] == 10).to_numpy()
    ends = runs["early_stopping_patience"].isna().to_numpy()
    # At 10, training on costs 3 + 2 points; every run that keeps its best epoch keeps the twelfth.
    runs.loc[at_10 & ends, "recalibrated_test_accuracy"] -= 0.02
    runs.loc[~ends, "kept_epoch"] = 12
    tables = dataclasses.replace(tables, runs=runs)
    assert primary(tables, "sixty-epochs").result.number == pytest.approx(3, abs=0.05)
    verdict = verdict_of(tables, "sixty-epochs", "batch size 10, recalibrated")
    assert verdict.result.number == pytest.approx(5, abs=0.05)
    assert verdict.notes == "kept epochs: 12, 12, 12, 12, 12, 12"
    assert verdict_of(tables, "sixty-epochs", "batch size 10, moving").result.number == pytest.approx(3, abs=0.05)


def test_without_runs_that_keep_their_best_epoch_it_is_not_measured(usual):
    runs = usual.runs[usual.runs["early_stopping_patience"].isna()]
    assert not primary(dataclasses.replace(usual, runs=runs), "sixty-epochs").measured
    without = dataclasses.replace(usual, runs=usual.runs.drop(columns="early_stopping_patience"))
    assert "no column early_stopping_patience" in primary(without, "sixty-epochs").notes
