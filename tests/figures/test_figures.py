"""Figures: they show every finished run and nothing else, whatever the outcomes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbatch import figures
from smallbatch.figures import speed


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


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


def dots(axis):
    return np.concatenate([np.asarray(collection.get_offsets()) for collection in axis.collections])


@pytest.mark.parametrize("n_diverged", [0, 1, 2, 4])
def test_every_finished_run_is_a_dot(n_diverged):
    runs = table(["diverged"] * n_diverged + ["finished"] * (4 - n_diverged))
    errors = dots(figures.error_by_batch_size(runs).axes[0])
    assert len(errors) == 2 * (4 - n_diverged)  # test and training error
    np.testing.assert_allclose(sorted(set(errors[:, 1].round(9))), [0.05, 0.1] if n_diverged < 4 else [])
    gaps = dots(figures.generalization_gap(runs).axes[0])
    np.testing.assert_allclose(gaps[:, 1], [5.0] * (4 - n_diverged))
    evaluations = dots(figures.error_by_evaluation(runs).axes[0])
    expected = [0.08, 0.09, 0.1] if n_diverged < 4 else []
    np.testing.assert_allclose(sorted(set(evaluations[:, 1].round(9))), expected)
    assert len(evaluations) == 3 * (4 - n_diverged)


def test_batch_sizes_are_the_ticks_of_a_logarithmic_axis():
    axis = figures.error_by_batch_size(table(["finished"] * 4)).axes[0]
    assert axis.get_xscale() == "log" and [t.get_text() for t in axis.get_xticklabels()] == ["4", "32"]


def test_learning_curves_show_each_run_and_the_mean_of_each_batch_size():
    history = pd.DataFrame(
        {
            "run": ["a", "a", "b", "b", "c"],
            "batch_size": [4, 4, 4, 4, 32],
            "epoch": [1, 2, 1, 2, 1],
            "train_loss": [2.0, 1.0, 4.0, 3.0, np.nan],
            "validation_accuracy": [0.1, 0.2, 0.3, 0.4, np.nan],
        }
    )
    axis = figures.learning_curves(history).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines[:3]] == [[2, 1], [4, 3], [3, 2]]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["4", "32"]


def test_lag_curves_leave_out_runs_without_batch_statistics():
    history = pd.DataFrame(
        {
            "run": ["a", "a", "b"],
            "batch_size": [4, 4, 32],
            "epoch": [1, 2, 1],
            "lag_mean": [2.0, 1.0, np.nan],
            "lag_sd": [0.2, 0.1, np.nan],
        }
    )
    axis = figures.lag_curves(history).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[2, 1], [2, 1]]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["4"]
    figures.lag_curves(history[history["run"] == "b"])  # none at all is no error


def test_one_run_in_three_evaluations_shows_intervals():
    values = {"accuracy": 1.0, "accuracy_low": 0.9, "accuracy_high": 1.0 - 1e-17}
    metrics = {name: dict.fromkeys(("train", "validation", "test"), values) for name in figures.EVALUATIONS}
    axis = figures.three_evaluations(metrics).axes[0]
    assert len(axis.containers) == 3
    assert [label.get_text() for label in axis.get_xticklabels()] == ["train", "validation", "test"]


def test_every_round_of_every_contender_is_a_dot_and_nothing_is_drawn_for_a_missing_one():
    rows = [(name, size, 0.001 * size) for name in ("ours", "keras-jax") for size in (1, 4) for _ in range(3)]
    rows = pd.DataFrame(rows, columns=["contender", "batch_size", "seconds"])
    rows = rows.assign(network="miniature", floor_seconds=rows["batch_size"].map({1: 0.0005, 4: 0.001}))
    figure = speed.steps_beside_peers(rows)
    axis = figure.axes[0]
    assert sum(len(c.get_offsets()) for c in axis.collections[:2]) == 12
    assert [line.get_label() for line in axis.lines] == ["this project", "Keras on JAX"]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [1, 4])


def test_growth_is_drawn_in_multiples_of_the_smallest_case():
    rows = pd.DataFrame({"quantity": "runs", "proportional_to": [1, 1, 2], "seconds": [3.0, 5.0, 12.0]})
    found = dots(speed.growth(rows).axes[0])
    np.testing.assert_allclose(found, [[1, 0.75], [1, 1.25], [2, 3.0]])
