"""Snapshots: the evaluations on the way, so that a long run contains the short ones."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.training import evaluation
from tests.training.test_evaluation import prepared
from tests.training.test_loop import data, fit, normalized  # noqa: F401  (data is a fixture)


def test_a_long_run_contains_the_short_one_to_the_digit(data):  # noqa: F811
    _, long = fit(data, normalized(), epochs=6, snapshot_epochs=2)
    model, short = fit(data, normalized(), epochs=4)
    config, observed = _evaluated(data, model)
    last = {(row["evaluation"], row["split"]): row for row in evaluation.snapshot(data, config, observed)}
    taken = [row for row in long.snapshots if row["epoch"] == 4]
    assert [row["steps"] for row in taken] == [short.history[-1]["steps"]] * len(taken) and len(taken) == 6
    for row in taken:
        same = last[row["evaluation"], row["split"]]
        assert (row["loss"], row["accuracy"]) == (same["loss"], same["accuracy"])
    assert {row["epoch"] for row in long.snapshots} == {2, 4, 6}


def _evaluated(data, model):  # noqa: F811
    from smallbatch.batchnorm.recalibration import Observed
    from tests.training.test_loop import create

    return create(), Observed(model)


def test_a_snapshot_inside_an_epoch_changes_nothing_and_is_the_run_of_so_many_steps(data):  # noqa: F811
    with_stops, stopped = fit(data, normalized(), epochs=2, snapshot_steps=[3, 5, 7])
    without, plain = fit(data, normalized(), epochs=2)
    for one, other in zip(with_stops.get_weights(), without.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert stopped.history[-1]["train_loss"] == pytest.approx(plain.history[-1]["train_loss"], rel=1e-6)
    table = pd.DataFrame(stopped.snapshots)
    assert sorted(table["steps"].unique()) == [3, 5, 7]
    assert table.loc[table["steps"] == 7, "epoch"].unique() == pytest.approx([7 / 5])
    model, _ = fit(data, normalized(), steps=3)
    config, observed = _evaluated(data, model)
    expected = pd.DataFrame(evaluation.snapshot(data, config, observed))
    found = table[table["steps"] == 3].drop(columns=["epoch", "steps"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_a_snapshot_is_what_evaluate_says_of_validation_and_test(data):  # noqa: F811
    _, config, observed = prepared(data)
    whole = evaluation.evaluate(data, config, observed).metrics
    rows = evaluation.snapshot(data, config, observed)
    assert {(row["evaluation"], row["split"]) for row in rows} == {
        (name, split) for name in evaluation.EVALUATIONS for split in ("validation", "test")
    }
    for row in rows:
        same = whole[row["evaluation"]][row["split"]]
        assert row["loss"] == pytest.approx(same["loss"]) and row["accuracy"] == pytest.approx(same["accuracy"])


def test_a_training_that_diverges_leaves_no_snapshot_of_it(data):  # noqa: F811
    _, fitted = fit(data, learning_rate=1e6, epochs=50, snapshot_epochs=1)
    assert fitted.diverged and not fitted.snapshots
