"""Noise of batch statistics: every network is a marker, beside the formula and independent positions."""

import numpy as np
import pandas as pd

from smallbatch.figures.catalogue import FIGURES, batch_norm_noise
from tests.figures.drawn import Measured, dots, lines, table_of

SIZES = [1, 2, 4, 8]


def layers(seeds):
    rows = [
        (f"n{seed}", seed, state, upstream, place, f"layer_{place}", 16, size, value + 0.01 * seed, 0.2,
         (value + 0.01 * seed) / 0.2, 0.3)
        for seed in seeds
        for state in ("at initialization", "after training")
        for upstream, value in (("batch", 0.1), ("fixed", 0.2))
        for place in range(5)
        for size in SIZES
    ]  # fmt: skip
    columns = ["run", "seed", "state", "upstream", "place", "layer", "positions", "batch_size", "mean_noise",
               "predicted", "ratio", "between_images"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def test_batch_norm_noise_has_a_marker_per_network_in_the_first_middle_and_last_layer():
    figure = FIGURES["batch-norm-noise-by-batch-size"]
    shown = table_of("batch-norm-noise-by-batch-size", Measured(layers(range(2))))
    axes = figure.draw(shown).axes
    assert [axis.get_title() for axis in axes] == ["layer 1, 4×4 map", "layer 3, 4×4 map", "layer 5, 4×4 map"]
    fixed, batch, formula, independent = (line.get_ydata() for line in axes[0].lines)
    assert len(batch) == 2 * len(SIZES) and set(batch.round(6)) == {0.1, 0.11} and set(fixed.round(6)) == {0.2, 0.21}
    np.testing.assert_allclose(formula, 0.2)
    assert "layer 5: 1: 0.105" in figure.alt(shown)
    np.testing.assert_allclose(independent, 1 / np.sqrt(16 * np.array(SIZES)))


def test_noise_over_the_formula_is_drawn_at_one_batch_size_after_training():
    figure = FIGURES["batch-norm-noise-over-formula"]
    shown = table_of("batch-norm-noise-over-formula", Measured(layers(range(2))))
    assert set(shown["batch_size"]) == {4} and set(shown["state"]) == {"after training"}
    above, below = figure.draw(shown).axes
    means = {line.get_label(): line.get_ydata() for line in above.lines[1:]}
    np.testing.assert_allclose(means["as in training"], 0.525)
    np.testing.assert_allclose(means["statistics upstream fixed"], 1.025)
    assert len(dots(above)) == 2 * 2 * 5
    np.testing.assert_allclose(below.lines[0].get_ydata(), 0.3)
    assert "with statistics upstream fixed 1.0" in figure.alt(shown)


def test_a_single_network_is_drawn_with_the_same_functions_in_the_layers_and_states_asked_for():
    table = layers([0])
    trained = table[table["state"] == "after training"]
    axes = batch_norm_noise.batch_norm_noise_by_batch_size(trained[trained["place"].isin([0, 3])]).axes
    assert [axis.get_title() for axis in axes] == ["layer 1, 4×4 map", "layer 4, 4×4 map"]
    assert lines(axes[0])["measured, as in training"][:, 1].tolist() == [0.1] * 4
    both = batch_norm_noise.batch_norm_noise_over_formula(table[table["batch_size"] == 4]).axes
    assert [axis.get_title() for axis in both[:2]] == ["at initialization", "after training"]
    assert both[2].get_xlabel().endswith("(batch size 4)")
    assert lines(both[0])["as in training"][:, 1].tolist() == [0.5] * 5


def test_noise_by_depth_has_a_line_per_batch_size_and_a_panel_per_state():
    axes = batch_norm_noise.batch_norm_noise_by_depth(layers([0]), "mean_noise", "Noise").axes
    assert len(axes) == 2 and all(len(axis.lines) == 4 for axis in axes)
    np.testing.assert_array_equal(axes[0].lines[0].get_xdata(), [1, 2, 3, 4, 5])
