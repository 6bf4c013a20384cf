"""Remedies: dots are the seeds of the tables, means are theirs, the words hold the numbers."""

import numpy as np
import pytest

from smallbatch.claims.remedies import RECALIBRATION, in_words
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.remedies import label, remedies
from smallbatch.figures.evidence import NotMeasured
from tests import simulated
from tests.figures.drawn import dots, evidence_of, table_of

MADE_UP = {"dropout": (1.0, 0.3), "remedy": (-2.0, 0.4)}


@pytest.fixture(scope="module")
def evidence():
    return evidence_of(simulated.study(**MADE_UP))


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
    figure = remedies(table)
    axis = figure.axes[0]
    names = [label.get_text().replace("\n", " ") for label in axis.get_yticklabels()]
    assert names[0] == "weight decay 0.0005" and len(names) == table["remedy"].nunique()
    found = dots(axis)
    np.testing.assert_allclose(np.sort(found[:, 0]), np.sort(table.loc[table["kind"] == "seed", "difference"]))
    shown = np.asarray(axis.containers[0].lines[0].get_xdata(), float)
    np.testing.assert_allclose(shown, means.loc["moving"]["difference"])
    for row in means.reset_index().itertuples():
        assert f"{in_words(row.remedy)} {row.difference:+z.1f}" in FIGURES["remedies"].alt(table)


def test_two_seeds_have_no_interval_and_are_drawn_all_the_same():
    evidence = evidence_of(simulated.study(seeds=range(2), experiments=("remedies",)))
    table = table_of("remedies", evidence)
    assert table["low"].isna().all()
    axis = remedies(table).axes[0]
    assert len(dots(axis)) == (table["kind"] == "seed").sum()


def test_remedies_are_named_as_they_change_the_parameters():
    assert in_words("batch_size = 10") == "batch size 10"
    ghost = "normalization = ghost, ghost_batch_size = 8"
    assert in_words(ghost) == "ghost batches of 8 images"
    assert in_words(f"{ghost}, dropout = 0.2") == "ghost batches of 8 images + dropout 0.2"
    assert in_words(RECALIBRATION) == "recalibrate moving averages"


def test_an_axis_shows_the_names_of_remedies_in_short_lines():
    assert label("batch_size = 10") == "batch size 10"
    assert label("dropout_between_batch_norms = 0.1") == "dropout between batch norms 0.1"
    assert label("dropout = 0.2, weight_decay = 0.1") == "dropout 0.2 + weight decay 0.1"
    three = "batch_norm_momentum = 0.9, dropout = 0.2, augmentation = flip"
    assert label(three) == "batch norm momentum 0.9 + dropout 0.2 +\naugmentation flip"


def test_the_message_counts_what_the_verdicts_say_and_no_more(evidence):
    table = table_of("remedies", evidence)
    means = table[table["kind"] == "mean"]
    moving = means[means["evaluation"] == "moving"]
    supported = (moving["verdict"] == "supported").sum()
    assert f"{supported} of {len(moving)} remedies" in FIGURES["remedies"].message(table)
    none = table.assign(verdict=table["verdict"].where(table["kind"] != "mean", "not decided"))
    assert f"0 of {len(moving)} remedies; recalibrated, 0 of" in FIGURES["remedies"].message(none)


def test_a_study_without_the_runs_says_so():
    other = evidence_of(simulated.study(seeds=range(2), experiments=("batch_size",)))
    with pytest.raises(NotMeasured, match="no runs of experiment"):
        FIGURES["remedies"].data(other)
