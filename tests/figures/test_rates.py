"""Figures of learning rates and of the two noises at checkpoints: what is drawn equals the numbers of the table."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbatch.claims import Tables, chosen_learning_rates
from smallbatch.figures import learning_rates, noise
from smallbatch.figures.catalogue import channels as channels_page
from smallbatch.figures.catalogue import learning_rates as page
from smallbatch.figures.citable import read_data
from smallbatch.figures.evidence import Evidence
from smallbatch.figures.measured import measured
from tests import simulated
from tests.stable_rates import SIZES, points


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


class Measured(Evidence):
    """Evidence with made-up points of one notebook."""

    def __init__(self, table, **tables):
        super().__init__("made-up")
        self._table = table
        empty = {name: pd.DataFrame() for name in ("runs", "history", "test_correct", "stable_learning_rate")}
        self.__dict__["tables"] = Tables(**empty | tables)

    def measurement(self, notebook):
        runs = self._table[["run", "seed"]].drop_duplicates().assign(processor="a processor")
        return self._table, runs, "made-up"


def figure_of(page, slug):
    return next(figure for figure in page.FIGURES if figure.slug == slug)


def as_read(table):
    """The table as the packet's CSV has it."""
    return read_data(io.StringIO(table.to_csv(index=False)))


def dots(axis):
    return np.concatenate([np.asarray(collection.get_offsets()) for collection in axis.collections])


def test_every_rate_is_a_dot_and_every_law_the_line_that_was_fitted():
    figure = figure_of(page, "stable-learning-rates")
    table = figure.data(Measured(points(range(3)))).table
    drawn = figure.draw(as_read(table))
    assert [axis.get_title() for axis in drawn.axes] == [
        "one step, recalibrated statistics, kept fixed",
        "short training, recalibrated statistics, kept fixed",
        "short training, statistics of each batch",
    ]
    axis = drawn.axes[2]
    found = table[(table["kind"] == learning_rates.POINT) & (table["batch_norm"] == "batch")]
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
    figure = figure_of(page, "stable-learning-rates")
    axis = figure.draw(as_read(figure.data(Measured(table)).table)).axes[1]
    hollow = np.concatenate([c.get_offsets() for c in axis.collections if not len(c.get_facecolor())])
    assert len(hollow) == 3 and list(hollow[:, 1]) == pytest.approx([1.28] * 3)


def test_steps_and_short_trainings_are_those_of_the_first_network():
    evidence = Measured(points([3, 1, 2]))
    steps = figure_of(page, "loss-after-one-step")
    table = as_read(steps.data(evidence).table)
    assert set(table["seed"]) == {1}
    axis = steps.draw(table).axes[0]
    assert len(axis.lines) == len(SIZES)
    np.testing.assert_allclose(axis.lines[0].get_ydata(), [2, 1, 2, 5])
    assert "1: 0.02, 2: 0.02" in steps.alt(table)
    short = figure_of(page, "loss-after-short-training")
    table = as_read(short.data(evidence).table)
    assert table["limit"].unique() == pytest.approx(0.9 * np.log(10))
    drawn = short.draw(table)
    assert sum(len(dots(axis)) for axis in drawn.axes) == len(table)
    hollow = sum(len(c.get_offsets()) for axis in drawn.axes for c in axis.collections if not len(c.get_facecolor()))
    assert hollow == (~table["stable"]).sum() > 0
    assert "batch statistics: 1: 0.02, 2: 0.04, 4: 0.08, 8: 0.16" in short.alt(table)


def test_the_sentence_about_data_names_network_and_images_that_were_left_at_their_defaults():
    sentence = measured(Measured(points([0])), "stable_learning_rate").sentence()
    assert "width 0.25, depth 0.2" in sentence and "data set digits at 107 px, 512 training images" in sentence


def test_the_search_rings_the_rates_that_are_chosen():
    tables = simulated.study(experiments=("search", "batch_size"), seeds=(0, 1))
    figure = figure_of(page, "search-validation-error")
    table = as_read(figure.data(Measured(points([0]), runs=tables.runs)).table)
    axis = figure.draw(table).axes[0]
    chosen = chosen_learning_rates(tables)
    rings = np.concatenate([c.get_offsets() for c in axis.collections if c.get_sizes()[0] == 130])
    np.testing.assert_allclose(rings, chosen[["learning_rate", "validation_error"]])
    assert len(dots(axis)) == len(table) + len(chosen)
    assert all(f"{row.batch_size}: {row.learning_rate:g}" in figure.alt(table) for row in chosen.itertuples())


def noises():
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
    table = noises()
    unknown = (table["seed"] == 2) & (table["epoch"] == 0) & (table["batch_size"] == 1)
    table.loc[unknown, "noise_scale"] = np.inf
    figure = figure_of(channels_page, "gradient-noise-scale")
    shown = as_read(figure.data(Measured(table)).table)
    axis = figure.draw(shown).axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "recalibrated statistics, any batch size", *(f"statistics of batches of {size}" for size in (1, 4, 8))
    ]  # fmt: skip
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert list(lines["recalibrated statistics, any batch size"]) == [100, 100]
    assert list(lines["statistics of batches of 1"]) == [100, 100]  # of 50, 100 and no bound
    (arrow,) = axis.containers
    assert list(arrow.lines[0].get_ydata()) == [20]
    assert "recalibrated statistics: epoch 0: 100, epoch 2: 100" in figure.alt(shown)


def test_directions_leave_out_what_is_not_decided():
    figure = figure_of(channels_page, "mean-gradient-direction")
    shown = as_read(figure.data(Measured(noises())).table)
    assert set(shown["batch_size"]) == {1, 2, 4}
    axis = figure.draw(shown).axes[0]
    assert len(dots(axis)) == len(shown) == 3 * 2 * 3
    np.testing.assert_allclose(axis.lines[0].get_ydata(), 0.6)
    assert "0: 1: 0.60, 2: 0.60, 4: 0.60" in figure.alt(shown)


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
    figure = figure_of(channels_page, "batch-norm-noise-by-batch-size")
    shown = as_read(figure.data(Measured(layers(range(2)))).table)
    axes = figure.draw(shown).axes
    assert [axis.get_title() for axis in axes] == ["layer 1, 4×4 map", "layer 3, 4×4 map", "layer 5, 4×4 map"]
    fixed, batch, formula, _ = (line.get_ydata() for line in axes[0].lines)
    assert len(batch) == 2 * len(SIZES) and set(batch.round(6)) == {0.1, 0.11} and set(fixed.round(6)) == {0.2, 0.21}
    np.testing.assert_allclose(formula, 0.2)
    assert "layer 5: 1: 0.105" in figure.alt(shown)


def test_noise_over_the_formula_is_drawn_at_one_batch_size_after_training():
    figure = figure_of(channels_page, "batch-norm-noise-over-formula")
    shown = as_read(figure.data(Measured(layers(range(2)))).table)
    assert set(shown["batch_size"]) == {4} and set(shown["state"]) == {"after training"}
    above, below = figure.draw(shown).axes
    means = {line.get_label(): line.get_ydata() for line in above.lines[1:]}
    np.testing.assert_allclose(means["as in training"], 0.525)
    np.testing.assert_allclose(means["statistics upstream fixed"], 1.025)
    assert len(dots(above)) == 2 * 2 * 5
    np.testing.assert_allclose(below.lines[0].get_ydata(), 0.3)
    assert "with statistics upstream fixed 1.0" in figure.alt(shown)


def test_noise_figures_are_functions_with_a_name_of_their_own():
    # The box under a figure names them.
    for function in (noise.batch_norm_noise_by_batch_size, learning_rates.loss_after_short_training):
        assert function.__name__ != "<lambda>" and function.__doc__
