"""Figures of the remedies: dots are the runs of the tables, means are theirs, alternative texts hold the numbers."""

import dataclasses
import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from smallbatch.claims import NotMeasured
from smallbatch.claims.remedies import RECALIBRATION, in_words
from smallbatch.figures import remedies as drawn
from smallbatch.figures.catalogue import remedies
from smallbatch.figures.citable import read_data
from smallbatch.figures.evidence import Evidence
from tests import simulated

FIGURES = {figure.slug: figure for figure in remedies.FIGURES}
MADE_UP = {"dropout": (1.0, 0.3), "remedy": (-2.0, 0.4), "regret": (1.5, 0.2), "lag": {0.9997: (30, 4)}}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def evidence_of(tables):
    evidence = Evidence("made-up")
    evidence.__dict__["tables"] = tables
    return evidence


@pytest.fixture(scope="module")
def evidence():
    return evidence_of(simulated.study(**MADE_UP))


def table_of(slug, evidence):
    """The table as the CSV of the packet has it."""
    text = FIGURES[slug].data(evidence).table.to_csv(index=False)
    return read_data(io.StringIO(text))


def dots(axis):
    """The points of all scatters, not the bars beside them."""
    scatters = [c for c in axis.collections if isinstance(c, PathCollection)]
    return np.concatenate([np.asarray(scatter.get_offsets()) for scatter in scatters])


def test_the_weight_on_the_start_is_that_of_the_science():
    weights = remedies.initial_weights().set_index(["momentum", "batch_size", "epoch"])["weight"]
    expected = {10: (0.861, 0.223, 0.011, 0.0001), 32: (0.954, 0.624, 0.243, 0.059)}
    for size, shares in expected.items():
        found = [weights[0.9997, size, epoch] for epoch in (1, 10, 30, 60)]
        np.testing.assert_allclose(found, shares, atol=5e-4)
    assert (weights.xs(0, level="epoch") == 1).all()


def test_the_weight_is_drawn_for_both_batch_sizes_and_told_in_words(evidence):
    table = table_of("initial-weight", evidence)
    axis = drawn.initial_weight(table).axes[0]
    assert [line.get_label() for line in axis.lines] == [
        f"momentum {momentum:g}, batch size {size}" for momentum in (0.9997, 0.99) for size in (10, 32)
    ]
    np.testing.assert_allclose(axis.lines[1].get_ydata()[[1, 60]], [0.9997**157, 0.9997**9420])
    alt = FIGURES["initial-weight"].alt(table)
    assert "momentum 0.9997, batch size 32, by epoch: 1: 95.40 %, 10: 62.43 %, 30: 24.34 %, 60: 5.92 %" in alt
    assert FIGURES["initial-weight"].data(evidence).sentence() == "Computed, not measured."


def test_every_run_of_every_momentum_is_a_dot_in_both_evaluations(evidence):
    table = table_of("momentum-lag", evidence)
    assert len(table) == 2 * 2 * 5 * 6  # evaluations, batch sizes, momenta, seeds
    figure = drawn.momentum_lag(table)
    for axis, size in zip(figure.axes, (10, 32), strict=True):
        rows = table[table["batch_size"] == size]
        assert [label.get_text() for label in axis.get_xticklabels()] == ["0.9", "0.99", "0.9953", "0.9997", "scaled"]
        np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(rows["test_error"]))
        # Above 0.9997 the moving averages cost 30 points at 32 and half of that at 10.
        place = dots(axis)[:, 0]
        moving, recalibrated = (dots(axis)[np.isclose(place, 3 + shift), 1].mean() for shift in (-0.16, 0.16))
        assert moving - recalibrated == pytest.approx(30 if size == 32 else 15, abs=0.2)
    rows = table[(table["batch_size"] == 32) & (table["evaluation"] == "moving") & (table["momentum"] == "0.9997")]
    assert f"0.9997: {rows['test_error'].mean():.1f} %" in FIGURES["momentum-lag"].alt(table)


def test_momenta_may_all_be_numbers_and_a_diverged_run_is_hollow(evidence):
    tables = simulated.study(**MADE_UP)
    runs = tables.runs[tables.runs["batch_norm_momentum"] != "scaled"].reset_index(drop=True)
    first = runs.index[runs["experiments"].str.contains("momentum_lag")][0]
    runs.loc[first, "outcome"] = "diverged"
    runs.loc[first, [f"{name}_test_accuracy" for name in drawn.SHOWN]] = np.nan
    table = table_of("momentum-lag", evidence_of(dataclasses.replace(tables, runs=runs)))
    assert table["momentum"].dtype == float
    assert (table.loc[table["outcome"] == "diverged", "test_error"] == 90).all()  # guessing among ten
    place = [10, 32].index(runs.loc[first, "batch_size"])
    axis = drawn.momentum_lag(table).axes[place]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0.9", "0.99", "0.9953", "0.9997"]
    hollow = [c for c in axis.collections if isinstance(c, PathCollection) and not len(c.get_facecolor())]
    assert [list(c.get_offsets()[:, 1]) for c in hollow] == [[90], [90]]


def test_the_forest_has_a_row_per_remedy_with_its_seeds_mean_and_interval(evidence):
    table = table_of("remedies", evidence)
    means = table[table["kind"] == "mean"].set_index(["evaluation", "remedy"])
    runs = evidence.tables.runs
    decay = table[(table["remedy"] == "weight_decay = 0.0005") & (table["evaluation"] == "moving")]
    seeds = decay[decay["kind"] == "seed"].set_index("seed")["difference"]
    errors = 100 * (1 - runs.set_index("seed")["moving_test_accuracy"])
    at_32 = (runs["experiments"].str.contains("batch_size") & (runs["batch_size"] == 32)).to_numpy()
    expected = errors[(runs["weight_decay"] > 0).to_numpy()] - errors[at_32]
    np.testing.assert_allclose(seeds.sort_index(), expected.sort_index())
    np.testing.assert_allclose(means.loc[("moving", "weight_decay = 0.0005"), "difference"], seeds.mean())
    assert seeds.mean() == pytest.approx(-2, abs=0.1)  # even seeds -1.6, odd ones -2.4
    figure = drawn.remedies(table)
    axis = figure.axes[0]
    names = [label.get_text().replace("\n", " ") for label in axis.get_yticklabels()]
    assert names[0] == "weight decay 0.0005" and len(names) == table["remedy"].nunique()
    found = dots(axis)
    np.testing.assert_allclose(np.sort(found[:, 0]), np.sort(table.loc[table["kind"] == "seed", "difference"]))
    drawn_means = np.asarray(axis.containers[0].lines[0].get_xdata(), float)
    np.testing.assert_allclose(drawn_means, means.loc["moving"]["difference"])
    for row in means.reset_index().itertuples():
        assert f"{in_words(row.remedy)} {row.difference:+z.1f}" in FIGURES["remedies"].alt(table)


def test_two_seeds_have_no_interval_and_are_drawn_all_the_same():
    evidence = evidence_of(simulated.study(seeds=range(2), experiments=("remedies",)))
    table = table_of("remedies", evidence)
    assert table["low"].isna().all()
    axis = drawn.remedies(table).axes[0]
    assert len(dots(axis)) == (table["kind"] == "seed").sum()


def test_remedies_are_named_as_they_change_the_parameters():
    assert in_words("batch_size = 10") == "batch size 10"
    ghost = "normalization = ghost, ghost_batch_size = 8"
    assert in_words(ghost) == "ghost batches of 8 images"
    assert in_words(f"{ghost}, dropout = 0.2") == "ghost batches of 8 images + dropout 0.2"
    assert in_words(RECALIBRATION) == "recalibrate moving averages"


def test_an_axis_shows_the_names_of_remedies_in_short_lines():
    assert drawn.label("batch_size = 10") == "batch size 10"
    assert drawn.label("dropout_between_batch_norms = 0.1") == "dropout between\nbatch norms 0.1"
    assert drawn.label("dropout = 0.2, weight_decay = 0.1") == "dropout 0.2 + weight decay 0.1"
    three = "batch_norm_momentum = 0.9, dropout = 0.2, augmentation = flip"
    assert drawn.label(three) == "batch norm momentum 0.9 +\ndropout 0.2 + augmentation flip"


def test_curves_show_the_runs_that_keep_their_best_epoch_and_mark_it():
    tables = simulated.study(experiments=("duration",), **MADE_UP)
    tables.runs.loc[tables.runs["early_stopping_patience"].notna(), "kept_epoch"] = 5
    table = table_of("duration-curves", evidence_of(tables))
    assert table["run"].nunique() == 12
    figure = drawn.duration_curves(table)
    above, below = figure.axes[0], figure.axes[2]
    assert [axis.get_title() for axis in figure.axes[:2]] == ["Batch size 10", "Batch size 32"]
    assert len(above.lines) == 7  # six runs and their mean
    rows = table[(table["batch_size"] == 10) & (table["epoch"] == 5)]
    np.testing.assert_allclose(np.sort(dots(below)[:, 1]), np.sort(rows["validation_accuracy"]))
    assert set(dots(above)[:, 0]) == {5}
    alt = FIGURES["duration-curves"].alt(table)
    assert "batch size 10: 5, 5, 5, 5, 5, 5" in alt and "Mean loss: batch size 10 from 2.50 to 0.63" in alt


def test_pairs_of_a_seed_are_joined_and_told_in_words(evidence):
    table = table_of("stopping-early", evidence)
    axis = drawn.stopping_early(table).axes[1]
    assert axis.get_title() == "Batch size 32"
    rows = table[table["batch_size"] == 32]
    np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(rows["test_error"]))
    joined = [line for line in axis.lines if len(line.get_xdata()) == 2]
    assert len(joined) == 12
    # Training on costs 1.5 points, give or take 0.2 by seed.
    assert all(0.9 < line.get_ydata()[1] - line.get_ydata()[0] < 2.1 for line in joined)
    means = rows[rows["evaluation"] == "moving"].groupby("weights")["test_error"].mean()
    words = f"batch size 32, moving: best epoch: {means[drawn.KEPT]:.1f} %, last epoch: {means[drawn.LAST]:.1f} %"
    assert words in FIGURES["stopping-early"].alt(table)


@pytest.mark.parametrize("slug", ["momentum-lag", "remedies", "duration-curves", "stopping-early"])
def test_a_study_without_the_runs_says_so(slug):
    evidence = evidence_of(simulated.study(seeds=range(2), experiments=("batch_size",)))
    with pytest.raises(NotMeasured, match="no runs of experiment"):
        FIGURES[slug].data(evidence)


def test_without_the_pairs_of_a_long_training_its_figures_say_so():
    tables = simulated.study(experiments=("duration",))
    runs = tables.runs[tables.runs["early_stopping_patience"].isna()]
    only_last = evidence_of(simulated.claims.Tables(runs, tables.history, pd.DataFrame(), pd.DataFrame()))
    with pytest.raises(NotMeasured, match="keeps its best epoch"):
        FIGURES["duration-curves"].data(only_last)
    with pytest.raises(NotMeasured, match="lacks the runs"):
        FIGURES["stopping-early"].data(only_last)
