"""Errors by batch size: they show every finished run and nothing else, whatever the outcomes."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.figures.catalogue import FIGURES, error_by_batch_size
from smallbatch.figures.evidence import Evidence
from smallbatch.paths import in_project
from tests.figures.drawn import dots, hollow, lines, table_of


def table(outcomes):
    """Two seeds at batch sizes 4 and 32; a diverged run has no accuracies."""
    accuracy = [0.9 if outcome == "finished" else np.nan for outcome in outcomes]
    return pd.DataFrame(
        {
            "batch_size": [4, 4, 32, 32],
            "outcome": outcomes,
            "moving_train_accuracy": np.array(accuracy) + 0.05,
            "moving_test_accuracy": accuracy,
            "batch_test_accuracy": np.array(accuracy) + 0.01,
            "recalibrated_train_accuracy": np.array(accuracy) + 0.07,
            "recalibrated_test_accuracy": np.array(accuracy) + 0.02,
        }
    )


@pytest.mark.parametrize("n_diverged", [0, 1, 2, 4])
def test_every_finished_run_is_a_dot(n_diverged):
    runs = table(["diverged"] * n_diverged + ["finished"] * (4 - n_diverged))
    errors = dots(error_by_batch_size.error_by_batch_size(runs).axes[0])
    assert len(errors) == 2 * (4 - n_diverged)  # test and training error
    np.testing.assert_allclose(sorted(set(errors[:, 1].round(9))), [0.05, 0.1] if n_diverged < 4 else [])
    gaps = dots(error_by_batch_size.generalization_gap(runs).axes[0])
    np.testing.assert_allclose(gaps[:, 1], [5.0] * (4 - n_diverged))
    evaluations = dots(error_by_batch_size.error_by_evaluation(runs).axes[0])
    expected = [0.08, 0.09, 0.1] if n_diverged < 4 else []
    np.testing.assert_allclose(sorted(set(evaluations[:, 1].round(9))), expected)
    assert len(evaluations) == 3 * (4 - n_diverged)


def test_each_line_is_the_mean_of_its_own_evaluation_and_split():
    runs = table(["finished"] * 4)
    by_split = lines(error_by_batch_size.error_by_batch_size(runs).axes[0])
    np.testing.assert_allclose(by_split["test"], [[4, 0.1], [32, 0.1]])
    np.testing.assert_allclose(by_split["train"], [[4, 0.05], [32, 0.05]])
    by_evaluation = lines(error_by_batch_size.error_by_evaluation(runs).axes[0])
    assert {name: points[0, 1].round(9) for name, points in by_evaluation.items()} == {
        "moving-average": 0.1, "per-batch": 0.09, "recalibrated": 0.08
    }  # fmt: skip


def test_the_words_are_means_of_the_finished_runs():
    runs = table(["diverged", "finished", "finished", "finished"])
    assert (
        FIGURES["error-by-batch-size"]
        .alt(runs)
        .endswith("Mean test error by batch size: 4: 10.0 %, 32: 10.0 %. Mean training error: 4: 5.0 %, 32: 5.0 %.")
    )
    assert "moving: 4: 10.0 %, 32: 10.0 %; batch: 4: 9.0 %, 32: 9.0 %; recalibrated: 4: 8.0 %, 32: 8.0 %." in (
        FIGURES["error-by-evaluation"].alt(runs)
    )
    # Recalibrated, 3 % of training and 8 % of test images are wrong.
    assert FIGURES["generalization-gap"].alt(runs).endswith("Mean gap in points: 4: 5.0, 32: 5.0.")


def test_batch_sizes_are_the_ticks_of_a_logarithmic_axis():
    axis = error_by_batch_size.error_by_batch_size(table(["finished"] * 4)).axes[0]
    assert axis.get_xscale() == "log" and [t.get_text() for t in axis.get_xticklabels()] == ["4", "32"]


def test_every_run_of_both_networks_is_a_dot_in_three_evaluations_and_only_the_others_without_size_1():
    evidence = Evidence("no such study")
    data, table = FIGURES["full-size-error"].data(evidence), table_of("full-size-error", evidence)
    assert data.studies == ["laptop", "gpu"] and set(data.runs["width"]) == {0.25, 1.0}
    assert "Inception-ResNet-v2 and a miniature of it (width 0.25, depth 0.2)" in data.sentence()
    grid = np.reshape(FIGURES["full-size-error"].draw(table).axes, (2, 2))
    for (above, below), (network, rows) in zip(grid.T, table.groupby("network", sort=False), strict=True):
        assert above.get_title() == network
        for axis, shown in ((above, rows), (below, rows[rows["batch_size"] > 1])):
            np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(shown["test_error"]))
            diverged = shown.loc[shown["outcome"] == "diverged", "test_error"]
            np.testing.assert_allclose(np.sort(hollow(axis)[:, 1]), np.sort(diverged))
    gpu = pd.read_csv(in_project("results/gpu/runs.csv"))
    at_32 = gpu[(gpu["batch_size"] == 32) & gpu["experiments"].str.split().map(lambda names: "batch_size" in names)]
    mean = 100 * (1 - at_32["recalibrated_test_accuracy"].mean())
    assert FIGURES["full-size-error"].alt(table).endswith(f"32: {mean:.1f} %.")
