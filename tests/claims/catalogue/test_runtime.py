"""Claim *runtime*: ratios of wall times, and which times can be compared."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from smallbatch.claims import words
from tests.simulated import assert_answer, primary, study, verdict_of

TO_ACCURACY = "time to the same validation accuracy"


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({"twice": (2.0, 0.2)}, "supported", "Yes. For the same epochs, batch size 1 takes more than twice"),
        ({"twice": (-2.0, 0.2)}, "opposite", "No, the opposite. For the same epochs, batch size 1 takes less time"),
        ({"twice": (0.5, 0.2)}, "nothing", "No. For the same epochs, batch size 1 takes less than twice"),
        ({"twice": (1.0, 0.5)}, "not decided", "It is not decided whether batch size 1 takes more than twice"),
    ],
)
def test_verdict_and_answer_follow_the_truth(truth, kind, beginning):
    assert_answer(study(**truth), "runtime", kind, beginning)


def test_the_ratio_is_the_geometric_mean_over_seeds_without_the_lag():
    tables = study(experiments=["batch_size"], twice=(2.0, 1.0))
    # Half of the seeds have a ratio of 8, half one of 2.
    for name in ("main", "an epoch in full swing"):
        verdict = verdict_of(tables, "runtime", name)
        assert verdict.result.number == pytest.approx(4)
    assert words.number(primary(tables, "runtime")).startswith("4.0 times as long (95% CI ")


def test_times_of_different_hardware_or_length_are_not_compared(usual):
    runs = usual.runs.copy()
    pairs = runs["experiments"].str.contains("batch_size") & (runs["batch_size"] == 1)
    runs.loc[pairs & (runs["seed"] == 2), "processor"] = "another"
    runs.loc[pairs & (runs["seed"] == 4), "epochs_done"] = 3
    verdict = primary(dataclasses.replace(usual, runs=runs), "runtime")
    assert verdict.result.n_seeds == 4 and verdict.result.n_runs == 8 and "differ: 2, 4" in verdict.notes
    # To the same accuracy, epochs may differ.
    assert "differ: 2" in verdict_of(dataclasses.replace(usual, runs=runs), "runtime", TO_ACCURACY).notes
    runs["processor"] = runs["run"]
    assert not primary(dataclasses.replace(usual, runs=runs), "runtime").measured


def to_accuracy(curves):
    """Return the verdict where all runs of a batch size have the same curve."""
    tables = study(experiments=["batch_size"])
    runs = tables.runs[tables.runs["batch_size"].isin(curves)]
    parts = [curves[row.batch_size].assign(run=row.run, seconds_lag=0.5) for row in runs.itertuples()]
    history = pd.concat(part.assign(epoch=range(1, 5)) for part in parts)
    return verdict_of(dataclasses.replace(tables, history=history), "runtime", TO_ACCURACY)


def test_time_to_an_accuracy_by_hand():
    """At 32 the best is 80 %, so 78 % is to be reached: in 3 of its seconds, and in 8 at batch size 1."""
    curves = {
        32: pd.DataFrame({"seconds": [1, 2.5, 4.0, 5.5], "validation_accuracy": [0.5, 0.7, 0.79, 0.8]}),
        1: pd.DataFrame({"seconds": [4, 8.5, 13.0, 17.5], "validation_accuracy": [0.6, 0.78, 0.9, 0.9]}),
    }
    verdict = to_accuracy(curves)
    assert "to reach: 78.0 %" in verdict.notes
    result = verdict.result
    assert (result.low, result.number, result.high) == pytest.approx((8 / 3, 8 / 3, 8 / 3))
    never = to_accuracy(curves | {1: curves[1].assign(validation_accuracy=0.1)})
    assert "6 run(s) at 1 never reach it" in never.notes
    assert never.result.number == pytest.approx(16 / 3) and np.isinf(never.result.high) and never.word == "supported"
    assert words.interval(never) == "95% CI above 5.3, its upper end not seen"


def test_an_accuracy_that_runs_at_32_do_not_reach_opens_the_lower_end():
    tables = study(experiments=["batch_size"])
    history = tables.history.copy()
    slow = tables.runs.loc[(tables.runs["batch_size"] == 32) & (tables.runs["seed"] == 3), "run"].item()
    history.loc[history["run"] == slow, "validation_accuracy"] = 0.1
    verdict = verdict_of(dataclasses.replace(tables, history=history), "runtime", TO_ACCURACY)
    assert "1 run(s) at 32 never reach it" in verdict.notes and verdict.result.low == 0
    assert np.isfinite(verdict.result.high)


def test_without_history_only_the_whole_time_is_measured(usual):
    bare = dataclasses.replace(usual, history=pd.DataFrame())
    assert primary(bare, "runtime").measured
    for name in ("an epoch in full swing", TO_ACCURACY):
        assert not verdict_of(bare, "runtime", name).measured
