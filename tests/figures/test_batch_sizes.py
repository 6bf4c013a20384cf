"""Figures of batch sizes, policies and arms: every run is a dot, every mean is that of the table."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from smallbatch.claims import Tables
from smallbatch.claims.tables import NotMeasured
from smallbatch.figures import channels, policies
from smallbatch.figures.catalogue import channels as channels_page
from smallbatch.figures.catalogue import sweep as sweep_page
from smallbatch.figures.evidence import Evidence
from tests import simulated


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tables():
    return simulated.study(sgd=(0.5, 0.1), norm=(-0.3, 0.1))


def evidence(tables, *experiments):
    """A study with these experiments alone (all, if none is named)."""
    found = Evidence("made-up")
    runs = tables.runs
    if experiments:
        names = runs["experiments"].str.split().map(lambda names: sorted(set(names) & set(experiments)))
        runs = runs[names.map(bool)].assign(experiments=names.str.join(" "))
    history = tables.history[tables.history["run"].isin(runs["run"])]
    found.__dict__["tables"] = Tables(runs, history, tables.test_correct, tables.stable_learning_rate)
    return found


def figure_of(page, slug):
    return next(figure for figure in page.FIGURES if figure.slug == slug)


def dots(axis):
    return np.concatenate([np.asarray(collection.get_offsets()) for collection in axis.collections])


def lines(axis):
    return {line.get_label(): line.get_xydata() for line in axis.lines}


def test_policies_show_every_run_as_a_dot_and_the_mean_of_each_batch_size(tables):
    figure = figure_of(sweep_page, "learning-rate-policies")
    data = figure.data(evidence(tables))
    axis = figure.draw(data.table).axes[0]
    assert len(dots(axis)) == len(data.table) == 6 * (6 + 6 + 6 + 4)
    np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(data.table["test_error"]))
    for name, (_, _, label) in policies.POLICIES.items():
        mean = data.table[data.table["policy"] == name].groupby("batch_size")["test_error"].mean()
        np.testing.assert_allclose(lines(axis)[label], mean.reset_index())
    fixed = data.table[data.table["policy"] == "batch_size"].groupby("batch_size")["test_error"].mean()
    assert all(f"{size}: {error:.1f} %" in figure.alt(data.table) for size, error in fixed.items())


def test_a_policy_without_runs_is_neither_drawn_nor_promised(tables):
    figure = figure_of(sweep_page, "learning-rate-policies")
    data = figure.data(evidence(tables, "batch_size", "fixed_steps"))
    axis = figure.draw(data.table).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        policies.POLICIES[name][2] for name in ("batch_size", "fixed_steps")
    ]
    for name in ("linear_scaling", "tuned"):
        assert policies.POLICIES[name][2] not in figure.alt(data.table) + figure.caption
    with pytest.raises(NotMeasured, match="batch_size, linear_scaling, tuned, fixed_steps"):
        figure.data(evidence(tables, "ghost"))


def test_a_diverged_run_is_hollow_and_counts_as_guessing(tables):
    runs = tables.runs.copy()
    lost = runs.index[runs["experiments"].str.contains("batch_size")][0]
    runs.loc[lost, "outcome"] = "diverged"
    runs.loc[lost, "recalibrated_test_accuracy"] = np.nan
    broken = Tables(runs, tables.history, tables.test_correct, tables.stable_learning_rate)
    figure = figure_of(sweep_page, "learning-rate-policies")
    data = figure.data(evidence(broken, "batch_size"))
    axis = figure.draw(data.table).axes[0]
    (hollow,) = [c.get_offsets() for c in axis.collections if not len(c.get_facecolor())]
    assert len(hollow) == 1 and hollow[0][1] == pytest.approx(90)
    assert len(dots(axis)) == 36


@pytest.mark.parametrize(("page", "slug", "size"), [
    (sweep_page, "learning-rate-policies", "batch_size"), (channels_page, "channels", "size"),
])  # fmt: skip
def test_what_size_1_would_flatten_is_shown_again_close_up(tables, page, slug, size):
    figure = figure_of(page, slug)
    table = figure.data(evidence(tables)).table
    assert len(figure.draw(table).axes) == 1
    flattened = table.assign(test_error=table["test_error"] + 40 * (table[size] == 1))
    whole, close = figure.draw(flattened).axes
    np.testing.assert_array_equal(dots(close), dots(whole)[dots(whole)[:, 0] > 1.5])
    assert close.get_ylim()[1] < 40 + table["test_error"].min() < whole.get_ylim()[1]
    for label, points in lines(close).items():
        np.testing.assert_array_equal(points, lines(whole)[label][lines(whole)[label][:, 0] > 1])
    assert close.get_legend() and not whole.get_legend()


def test_learning_curves_come_from_the_runs_of_the_experiment_alone(tables):
    figure = figure_of(sweep_page, "learning-curves")
    data = figure.data(evidence(tables))
    assert set(data.table) >= {
        "run", "seed", "batch_size", "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"
    }  # fmt: skip
    assert data.table["run"].nunique() == 36 and "group" not in set(data.runs["normalization"])
    last = data.table[data.table["epoch"] == data.table["epoch"].max()]
    assert f"1: {100 * last.loc[last['batch_size'] == 1, 'validation_accuracy'].mean():.1f} %" in figure.alt(data.table)


def test_arms_end_in_the_runs_of_the_standard_arm_which_are_dots_only_once(tables):
    figure = figure_of(channels_page, "channels")
    data = figure.data(evidence(tables))
    axis = figure.draw(data.table).axes[0]
    assert len(dots(axis)) == (~data.table["shared"]).sum() == 6 * (6 + 5 + 3 + 6)
    drawn = lines(axis)
    ends = {name: drawn[channels.ARMS[name][2]][-1] for name in ("standard", "ghost", "masked")}
    np.testing.assert_array_equal(ends["ghost"], ends["standard"])
    np.testing.assert_array_equal(ends["masked"], ends["standard"])
    assert list(drawn[channels.ARMS["masked"][2]][:, 0]) == [1, 4, 16, 32]
    # The truth that was put in: half a point per doubling of images with a loss, minus 0.3 of those normalized.
    slopes = {name: np.polyfit(np.log2(drawn[label][:, 0]), drawn[label][:, 1], 1)[0]
              for name, (_, _, label) in channels.ARMS.items()}  # fmt: skip
    assert slopes == pytest.approx({"standard": 0.2, "ghost": -0.3, "masked": 0.5, "group": 0.5}, abs=0.05)


def test_group_norm_is_shown_as_its_only_evaluation():
    # Recalibration is nothing for group norm: its record may even lack those columns.
    tables = simulated.study(experiments=("group_norm",))
    runs = tables.runs.assign(recalibrated_test_accuracy=np.nan)
    data = figure_of(channels_page, "channels").data(evidence(Tables(runs, tables.history, None, None)))
    assert set(data.table["evaluation"]) == {"moving"} and (data.table["test_error"] < 60).all()


def test_the_interaction_is_that_of_the_verdicts(tables):
    figure = figure_of(channels_page, "interaction")
    table = figure.data(evidence(tables)).table
    axis = figure.draw(table).axes[0]
    seeds = table[table["kind"] == "seed"]
    np.testing.assert_allclose(np.sort(dots(axis)[:18, 1]), np.sort(seeds["interaction"]))
    for row in table[table["kind"] == "mean"].itertuples():
        expected = simulated.verdict_of(tables, "noise", f"interaction at {row.batch_size}").result
        assert (row.interaction, row.low, row.high) == pytest.approx((expected.number, expected.low, expected.high))
        assert f"batch size {row.batch_size}: {row.interaction:z.1f}" in figure.alt(table)
    means = table.loc[table["kind"] == "mean", "interaction"]
    assert list(axis.containers[0].lines[0].get_ydata()) == pytest.approx(list(means))


def test_an_interaction_that_lacks_an_arm_says_which(tables):
    with pytest.raises(NotMeasured, match="batch size 1: there are no runs of experiment ghost"):
        figure_of(channels_page, "interaction").data(evidence(tables, "batch_size", "masked_loss"))
