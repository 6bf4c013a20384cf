"""Claim *noise*: the gradient's noise apart from batch norm's."""

import dataclasses

import numpy as np
import pytest

from smallbatch.claims.tables import read
from tests.simulated import assert_answer, study, verdict_of


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({"sgd": (1.0, 0.2)}, "supported", "Yes. A noisier gradient alone lowers"),
        ({"sgd": (-1.0, 0.2)}, "opposite", "No, the opposite. A noisier gradient alone raises"),
        ({"norm": (1.0, 0.2)}, "nothing", "No. A noisier gradient alone changes the test error by no more than 0.2"),
        ({"sgd": (0.1, 1.0)}, "not decided", "It is not decided whether the noise of the gradient lowers"),
    ],
)
def test_verdict_and_answer_follow_the_truth(truth, kind, beginning):
    assert_answer(study(**truth), "noise", kind, beginning)


def test_each_noise_has_its_own_slope(usual_verdicts):
    numbers = {name: usual_verdicts["noise", name].result.number for name in
               ("main", "group norm, without batch statistics", "ghost batch norm")}  # fmt: skip
    assert numbers == pytest.approx(
        {"main": 0.5, "group norm, without batch statistics": 0.5, "ghost batch norm": -0.3}, abs=0.02
    )


def test_the_baseline_at_32_ends_the_lines_of_masked_loss_and_ghost_batches(usual_verdicts):
    assert "batch sizes 1, 4, 16, 32" in usual_verdicts["noise"].notes
    assert "batch sizes 1, 2, 4, 8, 16, 32" in usual_verdicts["noise", "ghost batch norm"].notes


def test_group_norm_which_has_nothing_to_recalibrate_is_evaluated_as_it_is(usual):

    group = (usual.runs["normalization"] == "group").to_numpy()
    runs = usual.runs.copy()
    runs.loc[group, "recalibrated_test_accuracy"] = np.linspace(0, 1, group.sum())
    name = "group norm, without batch statistics"
    changed = verdict_of(dataclasses.replace(usual, runs=runs), "noise", name)
    assert changed.result.number == pytest.approx(0.5, abs=0.02) and changed.evaluation == "moving"


def test_noises_that_add_up_do_not_interact_and_others_do(usual):

    for size in (1, 4, 16):
        assert verdict_of(usual, "noise", f"interaction at {size}").result.number == pytest.approx(0, abs=0.1)
    # Three points more of error where both noises are: ordinary training at batch size 4.
    runs = usual.runs.copy()
    both = (runs["experiments"].str.contains("batch_size") & (runs["batch_size"] == 4)).to_numpy()
    runs.loc[both, "recalibrated_test_accuracy"] -= 0.03
    verdict = verdict_of(dataclasses.replace(usual, runs=runs), "noise", "interaction at 4")
    assert verdict.result.number == pytest.approx(3, abs=0.1) and verdict.word == "supported"
    assert verdict.result.n_runs == 24


def test_the_loss_of_one_image_has_an_experiment_of_its_own_in_the_published_study():
    # 30 times the work of the others: it has another priority, and is of the same family.
    tables = read("results/laptop")
    assert verdict_of(tables, "noise", "interaction at 1").measured
    assert tables.families["masked_loss"] == ("masked_loss_of_one",)
