"""The two noises apart: conditions end in the standard one, and the interaction is that of the verdicts."""

import numpy as np
import pytest

from smallbatch.claims import Tables
from smallbatch.figures.catalogue import FIGURES, channels
from smallbatch.figures.evidence import NotMeasured
from tests import simulated
from tests.figures.drawn import dots, evidence_of, lines, table_of


@pytest.fixture(scope="module")
def tables():
    return simulated.study(sgd=(0.5, 0.1), norm=(-0.3, 0.1))


def test_conditions_end_in_the_runs_of_the_standard_one_which_are_dots_only_once(tables):
    figure = FIGURES["channels"]
    data = figure.data(evidence_of(tables))
    axis = figure.draw(data.table).axes[0]
    assert len(dots(axis)) == (~data.table["shared"]).sum() == 6 * (6 + 5 + 3 + 6)
    drawn = lines(axis)
    ends = {name: drawn[channels.CONDITIONS[name][2]][-1] for name in ("standard", "ghost", "masked")}
    np.testing.assert_array_equal(ends["ghost"], ends["standard"])
    np.testing.assert_array_equal(ends["masked"], ends["standard"])
    assert list(drawn[channels.CONDITIONS["masked"][2]][:, 0]) == [1, 4, 16, 32]
    # The truth that was put in: half a point per doubling of images with a loss, minus 0.3 of those normalized.
    slopes = {name: np.polyfit(np.log2(drawn[label][:, 0]), drawn[label][:, 1], 1)[0]
              for name, (_, _, label) in channels.CONDITIONS.items()}  # fmt: skip
    assert slopes == pytest.approx({"standard": 0.2, "ghost": -0.3, "masked": 0.5, "group": 0.5}, abs=0.05)


def test_the_words_are_the_means_of_each_condition(tables):
    table = table_of("channels", evidence_of(tables))
    for condition, rows in table.groupby("arm"):
        means = rows.groupby("size")["test_error"].mean()
        words = ", ".join(f"{size}: {error:.1f} %" for size, error in means.items())
        assert f"{condition}: {words}" in FIGURES["channels"].alt(table)


def test_group_norm_is_shown_as_its_only_evaluation():
    # Recalibration is nothing for group norm: its record may even lack those columns.
    tables = simulated.study(experiments=("group_norm",))
    runs = tables.runs.assign(recalibrated_test_accuracy=np.nan)
    data = FIGURES["channels"].data(evidence_of(Tables(runs, tables.history, None, None)))
    assert set(data.table["evaluation"]) == {"moving"} and (data.table["test_error"] < 60).all()


def test_the_interaction_is_that_of_the_verdicts(tables):
    figure = FIGURES["interaction"]
    table = figure.data(evidence_of(tables)).table
    axis = figure.draw(table).axes[0]
    seeds = table[table["kind"] == "seed"]
    np.testing.assert_allclose(np.sort(dots(axis)[:18, 1]), np.sort(seeds["interaction"]))
    for row in table[table["kind"] == "mean"].itertuples():
        expected = simulated.verdict_of(tables, "noise", f"interaction at {row.batch_size}").result
        assert (row.interaction, row.low, row.high) == pytest.approx((expected.number, expected.low, expected.high))
        assert f"batch size {row.batch_size}: {row.interaction:z.1f}" in figure.alt(table)
    means = table.loc[table["kind"] == "mean", "interaction"]
    assert list(axis.containers[0].lines[0].get_ydata()) == pytest.approx(list(means))


def test_an_interaction_that_lacks_a_condition_says_which(tables):
    with pytest.raises(NotMeasured, match="batch size 1: there are no runs of experiment ghost"):
        FIGURES["interaction"].data(evidence_of(tables, "batch_size", "masked_loss"))
