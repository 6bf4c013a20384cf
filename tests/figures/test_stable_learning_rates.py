"""Learning rates that a batch size can bear: every rate is a dot, every law the line that was fitted."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.figures.catalogue import FIGURES, stable_learning_rates
from smallbatch.measurements.stable_learning_rate import scaling_laws
from tests.figures.drawn import Measured, as_read, dots, hollow, legend, lines, table_of
from tests.stable_rates import SIZES, points


def test_every_rate_is_a_dot_and_every_law_the_line_that_was_fitted():
    figure = FIGURES["stable-learning-rates"]
    table = figure.data(Measured(points(range(3)))).table
    drawn = figure.draw(as_read(table))
    assert [axis.get_title() for axis in drawn.axes] == [
        "one step,\nrecalibrated statistics, kept fixed",
        "short training,\nrecalibrated statistics, kept fixed",
        "short training,\nstatistics of each batch",
    ]
    axis = drawn.axes[2]
    found = table[(table["kind"] == stable_learning_rates.POINT) & (table["batch_norm"] == "batch")]
    np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(found["learning_rate"]))
    assert len(np.unique(dots(axis)[:, 0])) == len(found)  # none hides another
    linear = next(line for line in axis.lines if line.get_label() == "∝ B")
    np.testing.assert_allclose(linear.get_ydata(), 0.02 * linear.get_xdata(), rtol=1e-6)
    widths = {line.get_label(): line.get_linewidth() for line in axis.lines}
    assert max(widths, key=widths.get) in ("∝ B", r"$\epsilon_\mathrm{max}\,/\,(1 + \mathcal{B}/B)$")
    assert "8: 0.16" in figure.alt(as_read(table))


def test_a_rate_at_the_edge_is_hollow():
    table = points(range(3))
    table.loc[(table["measurement"] == "short training") & (table["batch_size"] == 8), "stable"] = True
    figure = FIGURES["stable-learning-rates"]
    axis = figure.draw(as_read(figure.data(Measured(table)).table)).axes[1]
    assert hollow(axis)[:, 1] == pytest.approx([1.28] * 3)


def test_one_network_shows_its_intervals_and_leaves_out_limits_below_all_rates():
    rates = pd.DataFrame({"batch_size": SIZES, "learning_rate": [0.1, 0.2, 0.4, np.nan], "at_edge": False})
    fits = scaling_laws.fit_laws(rates["batch_size"][:3], rates["learning_rate"][:3])
    step = rates.assign(low=0.05, high=1.0)
    table = pd.concat(
        [
            stable_learning_rates.rates_and_laws(step, fits, "one step"),
            stable_learning_rates.rates_and_laws(rates, None, "short training", "batch"),
        ]
    )
    above, below = stable_learning_rates.stable_learning_rates(table).axes
    assert above.get_title() == "one step,\nrecalibrated statistics, kept fixed"
    np.testing.assert_allclose(dots(above), [[1, 0.1], [2, 0.2], [4, 0.4]])
    np.testing.assert_allclose([s[:, 1] for s in above.containers[0].lines[2][0].get_segments()], [[0.05, 1.0]] * 3)
    np.testing.assert_allclose(lines(above)["∝ B"][:, 1], 0.1 * lines(above)["∝ B"][:, 0], rtol=1e-6)
    assert len(above.lines) > 4 and not below.containers and not below.lines and len(dots(below)) == 3


def test_steps_and_short_trainings_are_those_of_the_first_network():
    evidence = Measured(points([3, 1, 2]))
    steps, table = FIGURES["loss-after-one-step"], table_of("loss-after-one-step", evidence)
    assert set(table["seed"]) == {1}
    axis = steps.draw(table).axes[0]
    assert len(axis.lines) == len(SIZES)
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [2, 1, 2, 5])
    assert "1: 0.02, 2: 0.02" in steps.alt(table)
    short, table = FIGURES["loss-after-short-training"], table_of("loss-after-short-training", evidence)
    assert table["limit"].unique() == pytest.approx(0.9 * np.log(10))
    drawn = short.draw(table)
    assert sum(len(dots(axis)) for axis in drawn.axes) == len(table)
    assert sum(len(hollow(axis)) for axis in drawn.axes) == (~table["stable"]).sum() > 0
    assert "batch statistics: 1: 0.02, 2: 0.04, 4: 0.08, 8: 0.16" in short.alt(table)


def test_runs_that_diverged_are_hollow_and_stay_within_the_axis():
    table = pd.DataFrame(
        [("batch", 1, 0.1, 0.5, True), ("batch", 1, 0.2, 3.0, False), ("batch", 2, 0.4, np.nan, False)],
        columns=["batch_norm", "batch_size", "learning_rate", "loss", "stable"],
    )
    (axis,) = stable_learning_rates.loss_after_short_training(table.assign(limit=2.0)).axes
    assert len(dots(axis)) == 3 and (dots(axis)[:, 1] <= axis.get_ylim()[1]).all()
    assert len(hollow(axis)) == 2


def test_the_loss_after_a_step_is_a_line_per_batch_size_cut_off_where_steps_do_great_harm():
    rows = [(size, rate, loss) for size in SIZES for rate, loss in ((0.001, 1.0), (0.1, 0.5), (10.0, 50.0))]
    axis = stable_learning_rates.loss_after_a_step(
        pd.DataFrame(rows, columns=["batch_size", "learning_rate", "loss"])
    ).axes[0]
    assert legend(axis) == ["1", "2", "4", "8"]
    np.testing.assert_allclose(axis.lines[0].get_xydata(), [[0.001, 1.0], [0.1, 0.5], [10, 50]])
    assert axis.get_ylim()[0] < 0.5 and 1 < axis.get_ylim()[1] < 2 and axis.get_xlim()[1] < 10
