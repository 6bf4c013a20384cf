"""Noise of the gradient: every network is a dot, an infinite estimate an arrow, and one network has its intervals."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.figures.catalogue import FIGURES, gradient_noise
from tests.figures.drawn import Measured, dots, legend, table_of

SIZES = [1, 2, 4, 8]


def of_one_network():
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


def of_three_networks():
    rows = [
        (f"n{seed}", seed, epoch, kind, size, 50.0 * (seed + 1), 20.0, 0.5 + 0.1 * seed, 0.4, 0.6)
        for seed in range(3)
        for epoch in (0, 2)
        for kind, sizes in (("recalibrated", [8]), ("batch", SIZES))
        for size in sizes
    ]
    columns = ["run", "seed", "epoch", "batch_norm", "batch_size", "noise_scale", "low", "cosine", "cosine_low",
               "cosine_high"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table.loc[table["batch_norm"] == "recalibrated", ["cosine", "cosine_low", "cosine_high"]] = np.nan
    table.loc[table["batch_size"] == 8, ["cosine", "cosine_low", "cosine_high"]] = np.nan
    return table.assign(high=200.0)


def test_noise_scales_are_dots_with_a_line_through_the_medians_and_arrows_where_there_is_no_bound():
    table = of_three_networks()
    unknown = (table["seed"] == 2) & (table["epoch"] == 0) & (table["batch_size"] == 1)
    table.loc[unknown, "noise_scale"] = np.inf
    figure = FIGURES["gradient-noise-scale"]
    shown = table_of("gradient-noise-scale", Measured(table))
    axis = figure.draw(shown).axes[0]
    assert legend(axis) == [
        "recalibrated statistics, any batch size", *(f"statistics of batches of {size}" for size in (1, 4, 8))
    ]  # fmt: skip
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert list(lines["recalibrated statistics, any batch size"]) == [100, 100]
    assert list(lines["statistics of batches of 1"]) == [100, 100]  # of 50, 100 and no bound
    (arrow,) = axis.containers
    assert list(arrow.lines[0].get_ydata()) == [20]
    assert "recalibrated statistics: epoch 0: 100, epoch 2: 100" in figure.alt(shown)


def test_the_batch_sizes_studied_are_a_band():
    axis = gradient_noise.gradient_noise_scale(of_one_network()).axes[0]
    band = axis.patches[0].get_extents().transformed(axis.transData.inverted())
    assert (band.y0, band.y1) == (pytest.approx(1), pytest.approx(32))
    assert axis.get_ylabel() == "Gradient noise scale (images)"
    assert legend(axis)[0].startswith("recalibrated statistics") and legend(axis)[-1] == "statistics of batches of 8"


def test_one_network_has_the_intervals_of_its_estimates_which_may_have_no_upper_end():
    axis = gradient_noise.gradient_noise_scale(of_one_network(), intervals=True).axes[0]
    # Of the recalibrated statistics: both epochs from 20 to 90 around 50.
    recalibrated = axis.containers[0]
    np.testing.assert_allclose([s[:, 1] for s in recalibrated.lines[2][0].get_segments()], [[20, 90], [20, 90]])
    arrows = [bars for bars in axis.containers if len(bars.lines[0].get_xdata()) == 1]
    # Batch size 4 in epoch 0 has no finite estimate: from its lower bound; batch size 8 has, and no upper end.
    assert [bars.lines[0].get_ydata()[0] for bars in arrows][-1] == 50
    assert not gradient_noise.gradient_noise_scale(of_one_network().head(3)).axes[0].containers


def test_an_infinite_estimate_is_an_arrow_from_its_lower_end():
    axis = gradient_noise.noise_to_signal(of_one_network()).axes[0]
    estimates, arrows = axis.containers
    np.testing.assert_allclose(estimates.lines[0].get_xdata(), [1, 2, 8])
    np.testing.assert_allclose(arrows.lines[0].get_xydata(), [[4, 20 / 4], [8, 50 / 8]])


def test_noise_over_signal_falls_with_the_batch_size_for_recalibrated_statistics():
    axes = gradient_noise.noise_to_signal(of_one_network()).axes
    assert [axis.get_title() for axis in axes] == ["epoch 0", "epoch 2"]
    line = next(line for line in axes[1].lines if line.get_label() == "recalibrated statistics")
    np.testing.assert_allclose(line.get_ydata(), 50 / np.array(SIZES))


def test_directions_leave_out_what_is_not_decided():
    figure = FIGURES["mean-gradient-direction"]
    shown = table_of("mean-gradient-direction", Measured(of_three_networks()))
    assert set(shown["batch_size"]) == {1, 2, 4}
    axis = figure.draw(shown).axes[0]
    assert len(dots(axis)) == len(shown) == 3 * 2 * 3
    np.testing.assert_allclose(axis.lines[0].get_ydata(), 0.6)
    assert "0: 1: 0.60, 2: 0.60, 4: 0.60" in figure.alt(shown)


def test_the_directions_of_one_network_have_intervals_and_those_without_are_left_out():
    table = of_one_network()
    axis = gradient_noise.mean_gradient_direction(table, intervals=True).axes[0]
    assert legend(axis) == ["2"] and len(dots(axis)) == len(table) / 2
    np.testing.assert_allclose([s[:, 1] for s in axis.containers[0].lines[2][0].get_segments()], [[0.4, 0.6]] * 5)
    assert not gradient_noise.mean_gradient_direction(table).axes[0].containers
