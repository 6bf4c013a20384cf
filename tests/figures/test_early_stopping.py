"""Sixty epochs: the epoch that a run kept is marked, and the two runs of a seed are joined."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.claims import Tables
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.early_stopping import KEPT, LAST, duration_curves, stopping_early
from smallbatch.figures.evidence import NotMeasured
from tests import simulated
from tests.figures.drawn import dots, evidence_of, table_of


def tables():
    return simulated.study(experiments=("duration",), regret=(1.5, 0.2))


def test_curves_show_the_runs_that_keep_their_best_epoch_and_mark_it():
    study = tables()
    study.runs.loc[study.runs["early_stopping_patience"].notna(), "kept_epoch"] = 5
    table = table_of("duration-curves", evidence_of(study))
    assert table["run"].nunique() == 12
    figure = duration_curves(table)
    above, below = figure.axes[0], figure.axes[2]
    assert [axis.get_title() for axis in figure.axes[:2]] == ["Batch size 10", "Batch size 32"]
    assert len(above.lines) == 7  # six runs and their mean
    rows = table[(table["batch_size"] == 10) & (table["epoch"] == 5)]
    np.testing.assert_allclose(np.sort(dots(below)[:, 1]), np.sort(rows["validation_accuracy"]))
    assert set(dots(above)[:, 0]) == {5}
    alt = FIGURES["duration-curves"].alt(table)
    assert "batch size 10: 5, 5, 5, 5, 5, 5" in alt and "Mean loss: batch size 10 from 2.50 to 0.63" in alt
    first, last = (rows_of_32(table, epoch)["validation_accuracy"].mean() for epoch in (1, 15))
    assert "Mean accuracy: batch size 10 from" in alt and f"batch size 32 from {first:.2f} to {last:.2f}. Epochs" in alt


def rows_of_32(table, epoch):
    return table[(table["batch_size"] == 32) & (table["epoch"] == epoch)]


def test_pairs_of_a_seed_are_joined_and_told_in_words():
    table = table_of("stopping-early", evidence_of(tables()))
    axis = stopping_early(table).axes[1]
    assert axis.get_title() == "Batch size 32"
    rows = table[table["batch_size"] == 32]
    np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(rows["test_error"]))
    joined = [line for line in axis.lines if len(line.get_xdata()) == 2]
    assert len(joined) == 12
    # Training on costs 1.5 points, give or take 0.2 by seed.
    assert all(0.9 < line.get_ydata()[1] - line.get_ydata()[0] < 2.1 for line in joined)
    means = rows[rows["evaluation"] == "moving"].groupby("weights")["test_error"].mean()
    words = f"batch size 32, moving: best epoch: {means[KEPT]:.1f} %, last epoch: {means[LAST]:.1f} %"
    assert words in FIGURES["stopping-early"].alt(table)


def test_without_the_pairs_of_a_long_training_its_figures_say_so():
    study = tables()
    runs = study.runs[study.runs["early_stopping_patience"].isna()]
    only_last = evidence_of(Tables(runs, study.history, pd.DataFrame(), pd.DataFrame()))
    with pytest.raises(NotMeasured, match="keeps its best epoch"):
        FIGURES["duration-curves"].data(only_last)
    with pytest.raises(NotMeasured, match="lacks the runs"):
        FIGURES["stopping-early"].data(only_last)


@pytest.mark.parametrize("slug", ["duration-curves", "stopping-early"])
def test_a_study_without_the_runs_says_so(slug):
    other = evidence_of(simulated.study(seeds=range(2), experiments=("batch_size",)))
    with pytest.raises(NotMeasured, match="no runs of experiment duration"):
        FIGURES[slug].data(other)
