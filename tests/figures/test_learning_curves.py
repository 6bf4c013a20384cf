"""Learning curves: a thin line per run and the mean of each batch size, of the main experiment alone."""

import numpy as np
import pandas as pd

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.learning_curves import learning_curves
from smallbatch.figures.evidence import Evidence
from tests import simulated
from tests.figures.drawn import evidence_of, legend


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
    axis = learning_curves(history).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines[:3]] == [[2, 1], [4, 3], [3, 2]]
    assert legend(axis) == ["4", "32"]


def test_learning_curves_come_from_the_runs_of_the_experiment_alone():
    tables = simulated.study(experiments=("batch_size", "group_norm"))
    figure = FIGURES["learning-curves"]
    data = figure.data(evidence_of(tables))
    assert set(data.table) >= {
        "run", "seed", "batch_size", "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"
    }  # fmt: skip
    assert data.table["run"].nunique() == 36 and "group" not in set(data.runs["normalization"])
    last = data.table[data.table["epoch"] == data.table["epoch"].max()]
    assert f"1: {100 * last.loc[last['batch_size'] == 1, 'validation_accuracy'].mean():.1f} %" in figure.alt(data.table)


def test_the_words_are_those_of_the_last_epoch():
    figure = FIGURES["learning-curves"]
    table = figure.data(evidence_of(simulated.study(experiments=("batch_size",)))).table
    last = table[table["epoch"] == 5].groupby("batch_size").mean(numeric_only=True)
    assert last["train_loss"].nunique() == 1  # 2 nats over the epoch, in every run
    assert "last epoch: 1: 0.400, 2: 0.400" in figure.alt(table)
    assert f"accuracy: 1: {100 * last.loc[1, 'validation_accuracy']:.1f} %" in figure.alt(table)


def test_the_published_network_has_the_same_figure_of_its_own_runs():
    data = FIGURES["full-size-curves"].data(Evidence("no such study"))
    assert set(data.runs["width"]) == {1.0} and data.study == "gpu"
