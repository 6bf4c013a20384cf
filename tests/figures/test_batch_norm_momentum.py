"""Momentum of batch norm: the weight of the initial values, and every run at its momentum."""

import dataclasses

import numpy as np
import pytest

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.batch_norm_momentum import initial_weight, momentum_lag, weights_of_initial_values
from smallbatch.figures.evidence import NotMeasured
from smallbatch.figures.style import MOVING_AND_RECALIBRATED
from tests import simulated
from tests.figures.drawn import dots, evidence_of, hollow, table_of

MADE_UP = {"lag": {0.9997: (30, 4)}}


@pytest.fixture(scope="module")
def evidence():
    return evidence_of(simulated.study(experiments=("momentum_lag", "momentum_lag_as_asked"), **MADE_UP))


def test_the_weight_of_the_initial_values_is_that_of_the_science():
    weights = weights_of_initial_values().set_index(["momentum", "batch_size", "epoch"])["weight"]
    expected = {10: (0.861, 0.223, 0.011, 0.0001), 32: (0.954, 0.624, 0.243, 0.059)}
    for size, fractions in expected.items():
        found = [weights[0.9997, size, epoch] for epoch in (1, 10, 30, 60)]
        np.testing.assert_allclose(found, fractions, atol=5e-4)
    assert (weights.xs(0, level="epoch") == 1).all()


def test_the_weight_is_drawn_for_both_batch_sizes_and_told_in_words(evidence):
    table = table_of("initial-weight", evidence)
    axis = initial_weight(table).axes[0]
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
    figure = momentum_lag(table)
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


def test_momenta_may_all_be_numbers_and_a_diverged_run_is_hollow():
    tables = simulated.study(experiments=("momentum_lag", "momentum_lag_as_asked"), **MADE_UP)
    runs = tables.runs[tables.runs["batch_norm_momentum"] != "scaled"].reset_index(drop=True)
    first = runs.index[runs["experiments"].str.contains("momentum_lag")][0]
    runs.loc[first, "outcome"] = "diverged"
    runs.loc[first, [f"{name}_test_accuracy" for name in MOVING_AND_RECALIBRATED]] = np.nan
    table = table_of("momentum-lag", evidence_of(dataclasses.replace(tables, runs=runs)))
    assert table["momentum"].dtype == float
    assert (table.loc[table["outcome"] == "diverged", "test_error"] == 90).all()  # chance level among ten
    place = [10, 32].index(runs.loc[first, "batch_size"])
    axis = momentum_lag(table).axes[place]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0.9", "0.99", "0.9953", "0.9997"]
    assert hollow(axis)[:, 1].tolist() == [90, 90]


def test_a_study_without_the_runs_says_so():
    other = evidence_of(simulated.study(seeds=range(2), experiments=("batch_size",)))
    with pytest.raises(NotMeasured, match="no runs of experiment momentum_lag"):
        FIGURES["momentum-lag"].data(other)
