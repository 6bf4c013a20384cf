"""Policies and the search for rates: every run is a dot, every mean is that of the table."""

import numpy as np
import pytest

from smallbatch.claims import Tables, chosen_learning_rates
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.learning_rate_policies import POLICIES
from smallbatch.figures.evidence import NotMeasured
from tests import simulated
from tests.figures.drawn import dots, evidence_of, hollow, legend, lines, table_of


@pytest.fixture(scope="module")
def tables():
    return simulated.study(sgd=(0.5, 0.1), norm=(-0.3, 0.1))


def test_policies_show_every_run_as_a_dot_and_the_mean_of_each_batch_size(tables):
    figure = FIGURES["learning-rate-policies"]
    data = figure.data(evidence_of(tables))
    axis = figure.draw(data.table).axes[0]
    assert len(dots(axis)) == len(data.table) == 6 * (6 + 6 + 6 + 4)
    np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(data.table["test_error"]))
    for name, (_, _, label) in POLICIES.items():
        mean = data.table[data.table["policy"] == name].groupby("batch_size")["test_error"].mean()
        np.testing.assert_allclose(lines(axis)[label], mean.reset_index())
    fixed = data.table[data.table["policy"] == "batch_size"].groupby("batch_size")["test_error"].mean()
    assert all(f"{size}: {error:.1f} %" in figure.alt(data.table) for size, error in fixed.items())


def test_a_policy_without_runs_is_neither_drawn_nor_promised(tables):
    figure = FIGURES["learning-rate-policies"]
    data = figure.data(evidence_of(tables, "batch_size", "fixed_steps"))
    axis = figure.draw(data.table).axes[0]
    assert legend(axis) == [POLICIES[name][2] for name in ("batch_size", "fixed_steps")]
    for name in ("linear_scaling", "tuned"):
        assert POLICIES[name][2] not in figure.alt(data.table) + figure.caption
    with pytest.raises(NotMeasured, match="batch_size, linear_scaling, tuned, fixed_steps"):
        figure.data(evidence_of(tables, "ghost"))


def test_a_diverged_run_is_hollow_and_counts_at_chance_level(tables):
    runs = tables.runs.copy()
    lost = runs.index[runs["experiments"].str.contains("batch_size")][0]
    runs.loc[lost, "outcome"] = "diverged"
    runs.loc[lost, "recalibrated_test_accuracy"] = np.nan
    broken = Tables(runs, tables.history, tables.test_correct, tables.stable_learning_rate)
    figure = FIGURES["learning-rate-policies"]
    data = figure.data(evidence_of(broken, "batch_size"))
    axis = figure.draw(data.table).axes[0]
    assert hollow(axis)[:, 1] == pytest.approx([90])
    assert len(dots(axis)) == 36


def test_the_search_rings_the_rates_that_are_chosen():
    tables = simulated.study(experiments=("search", "batch_size"), seeds=(0, 1))
    table = table_of("search-validation-error", evidence_of(tables))
    axis = FIGURES["search-validation-error"].draw(table).axes[0]
    chosen = chosen_learning_rates(tables)
    rings = np.concatenate([c.get_offsets() for c in axis.collections if c.get_sizes()[0] == 130])
    np.testing.assert_allclose(rings, chosen[["learning_rate", "validation_error"]])
    assert len(dots(axis)) == len(table) + len(chosen)
    alt = FIGURES["search-validation-error"].alt(table)
    words = ", ".join(f"{row.batch_size}: {row.learning_rate:g}" for row in chosen.itertuples())
    assert f"Chosen by batch size: {words}. Mean" in alt
    at_32 = table[table["batch_size"] == 32].groupby("learning_rate")["validation_error"].mean()
    assert "32: " + ", ".join(f"{rate:g}: {error:.1f} %" for rate, error in at_32.items()) in alt
