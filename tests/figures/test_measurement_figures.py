"""Figures of the measurements: what is measured is what is drawn, whatever is missing or infinite."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbatch.figures import measurements as figures
from smallbatch.measurements.stable_learning_rate import scaling_laws

SIZES = [1, 2, 4, 8]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def dots(axis):
    return np.concatenate([np.asarray(collection.get_offsets()) for collection in axis.collections])


def test_every_limit_is_a_dot_and_every_law_a_line():
    points = pd.DataFrame({"batch_size": np.repeat(SIZES, 3), "learning_rate": np.repeat([0.1, 0.2, 0.4, 0.8], 3)})
    fits = scaling_laws.fit_laws(points["batch_size"], points["learning_rate"])
    intervals = points.drop_duplicates().assign(low=0.05, high=1.0)
    seeds, bars = figures.learning_rates({"a": (points, fits.parameters), "b": (intervals, fits.parameters)}).axes
    drawn = dots(seeds)
    assert len(drawn) == 12 and len(np.unique(drawn[:, 0])) == 12  # none hides another
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.repeat([0.1, 0.2, 0.4, 0.8], 3))
    linear = next(line for line in seeds.lines if line.get_label() == "∝ B")
    np.testing.assert_allclose(linear.get_ydata(), 0.1 * linear.get_xdata(), rtol=1e-6)
    assert len(seeds.lines) == 4 and len(bars.containers) == 1
    assert seeds.get_xscale() == seeds.get_yscale() == "log"


def test_runs_that_diverged_are_hollow_and_stay_within_the_axis():
    table = pd.DataFrame(
        [("batch", 1, 0.1, 0.5, True), ("batch", 1, 0.2, 3.0, False), ("batch", 2, 0.4, np.nan, False)],
        columns=["batch_norm", "batch_size", "learning_rate", "loss", "stable"],
    )
    (axis,) = figures.loss_after_short_training(table, limit=2.0).axes
    assert len(dots(axis)) == 3 and (dots(axis)[:, 1] <= axis.get_ylim()[1]).all()
    filled = [len(c.get_offsets()) for c in axis.collections if len(c.get_facecolor())]
    assert sum(filled) == 1


def test_the_gain_of_a_step_is_the_loss_it_takes_away():
    table = pd.DataFrame(
        [(b, r, 1.0 - r) for b in SIZES for r in (0.1, 0.2)], columns=["batch_size", "learning_rate", "loss"]
    )
    axis = figures.loss_after_one_step(table, before=1.0).axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [0.1, 0.2])
    assert len(axis.get_legend().get_texts()) == 4


def noise_table():
    rows = [
        {"epoch": epoch, "batch_norm": kind, "batch_size": size, "noise_scale": 50.0, "low": 20.0, "high": 90.0}
        for epoch in (0, 2)
        for kind, sizes in (("recalibrated", [8]), ("batch", SIZES))
        for size in sizes
    ]
    table = pd.DataFrame(rows)
    table.loc[3, ["noise_scale", "high"]] = np.inf
    table.loc[4, "high"] = np.inf
    return table.assign(cosine=0.5, cosine_low=0.4, cosine_high=np.where(table["epoch"] == 2, 0.6, np.nan))


def test_noise_scales_are_drawn_with_the_studied_batch_sizes_as_a_band():
    axis = figures.noise_scale_along_training(noise_table()).axes[0]
    band = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    assert (band.y0, band.y1) == (pytest.approx(1), pytest.approx(32))
    assert axis.get_ylabel() == "Gradient noise scale (images)"
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels[0].startswith("recalibrated statistics") and labels[-1] == "statistics of batches of 8"


def test_an_infinite_estimate_is_an_arrow_from_its_lower_end():
    axis = figures.noise_to_signal(noise_table()).axes[0]
    estimates, arrows = axis.containers
    np.testing.assert_allclose(estimates.lines[0].get_xdata(), [1, 2, 8])
    np.testing.assert_allclose(arrows.lines[0].get_xydata(), [[4, 20 / 4], [8, 50 / 8]])


def test_noise_over_signal_falls_with_the_batch_size_for_recalibrated_statistics():
    axes = figures.noise_to_signal(noise_table()).axes
    assert [axis.get_title() for axis in axes] == ["epoch 0", "epoch 2"]
    line = next(line for line in axes[1].lines if line.get_label() == "recalibrated statistics")
    np.testing.assert_allclose(line.get_ydata(), 50 / np.array(SIZES))


def test_angles_without_an_interval_are_left_out():
    axis = figures.direction_of_mean_gradients(noise_table()).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["2"]
    assert len(axis.containers[0].lines[0].get_xdata()) == len(noise_table()) / 2


def layers():
    rows = [
        (state, upstream, place, 16, size, noise, 0.2, noise / 0.2, 0.3)
        for state in ("at initialization", "after training")
        for upstream, noise in (("batch", 0.1), ("fixed", 0.2))
        for place in range(4)
        for size in SIZES
    ]
    columns = ["state", "upstream", "place", "positions", "batch_size", "mean_noise", "predicted", "ratio"]
    return pd.DataFrame(rows, columns=[*columns, "between_images"])


def test_each_layer_shows_both_measurements_the_formula_and_independent_positions():
    table = layers()
    axes = figures.batch_norm_noise_by_batch_size(table[table["state"] == "after training"], [0, 3]).axes
    assert [axis.get_title() for axis in axes] == ["layer 1, 4×4 map", "layer 4, 4×4 map"]
    fixed, batch, formula, independent = (line.get_ydata() for line in axes[0].lines)
    assert fixed[0] == formula[0] == 0.2 and batch[0] == 0.1
    np.testing.assert_allclose(independent, 1 / np.sqrt(16 * np.array(SIZES)))


def test_noise_by_depth_has_a_line_per_batch_size_and_a_panel_per_state():
    axes = figures.batch_norm_noise_by_depth(layers(), SIZES, "mean_noise", "Noise").axes
    assert len(axes) == 2 and all(len(axis.lines) == 4 for axis in axes)
    np.testing.assert_array_equal(axes[0].lines[0].get_xdata(), [1, 2, 3, 4])


def test_measured_over_formula_shows_both_kinds_and_the_share_between_images():
    axes = figures.measured_over_formula(layers(), batch_size=4).axes
    above, below = axes[0], axes[2]
    ratios = {line.get_label(): line.get_ydata()[0] for line in above.lines[1:]}
    assert ratios == {"statistics upstream fixed": 1.0, "as in training": 0.5}
    np.testing.assert_allclose(below.lines[0].get_ydata(), 0.3)
