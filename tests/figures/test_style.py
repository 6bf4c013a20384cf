"""What axes have in common: dots that do not hide others, intervals, close-ups and plain labels."""

from contextlib import nullcontext

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbatch.figures import style
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.looks import contrast
from tests import simulated
from tests.figures.drawn import dots, evidence_of, hollow, legend, lines


@pytest.fixture
def axis():
    return plt.subplots()[1]


def test_every_evaluation_has_a_colour_and_a_marker_that_no_other_has():
    assert list(style.EVALUATIONS) == ["moving", "batch", "recalibrated"]
    looks = [*style.EVALUATIONS.values(), (style.TRAIN, ""), (style.VALIDATION, "v"), (style.TEST, "^")]
    assert len({colour for colour, _ in looks}) == len({marker for _, marker in looks}) == 6


def test_an_interval_reaches_as_far_as_its_ends_and_never_backwards():
    value, low, high = (pd.Series(numbers) for numbers in ([1.0, 1.0], [0.5, 1.0 + 1e-17], [3.0, 1.0 - 1e-9]))
    np.testing.assert_array_equal(style.interval(value, low, high), [[0.5, 0.0], [2.0, 0.0]])


def test_batch_sizes_are_the_ticks_of_a_logarithmic_axis(axis):
    style.label_batch_sizes(axis, pd.Series([32, 1, 4, 4]))
    assert axis.get_xscale() == "log" and [t.get_text() for t in axis.get_xticklabels()] == ["1", "4", "32"]


def test_diverged_runs_are_hollow_and_all_others_are_not(axis):
    x, y = pd.Series([1.0, 2.0, 3.0]), pd.Series([10.0, 20.0, 90.0])
    style.dots(axis, x, y, y > 50, "C0", "o")
    assert len(dots(axis)) == 3 and hollow(axis).tolist() == [[3, 90]]


def test_series_stand_side_by_side_around_the_true_size():
    places = [style.shifted(pd.Series([8.0]), place, 3).item() for place in range(3)]
    assert places[0] < places[1] == 8 < places[2] and places[0] * places[2] == pytest.approx(64)


def test_curves_are_a_thin_line_per_run_and_a_thick_one_through_their_means(axis):
    history = pd.DataFrame({"run": ["a", "a", "b", "b"], "size": 4, "epoch": [1, 2, 1, 2], "loss": [2.0, 1, 4, 3]})
    style.curves(axis, history, "loss", "size")
    assert [list(line.get_ydata()) for line in axis.lines] == [[2, 1], [4, 3], [3, 2]]
    thin, _, thick = (line.get_linewidth() for line in axis.lines)
    assert thin < thick and axis.lines[2].get_label() == "4"


def test_bars_stand_at_the_mean_of_each_place(axis):
    x, y = pd.Series([0.0, 0.0, 1.0]), pd.Series([10.0, 30.0, 5.0])
    style.dots_and_bars(axis, x, y, pd.Series(["finished", "diverged", "finished"]), "moving")
    (bars,) = [c for c in axis.collections if c not in axis.collections[:2]]
    assert sorted(segment[0][1] for segment in bars.get_segments()) == [5, 20]
    assert hollow(axis).tolist() == [[0, 30]]


def test_one_panel_alone_is_no_poster_and_more_have_room():
    assert (
        style.width_of([1])
        == style.WIDTH
        < style.width_of([1, 2])
        <= style.width_of([1, 2, 3])
        < style.width_of(range(5))
    )


@pytest.fixture(scope="module")
def study():
    return evidence_of(simulated.study(sgd=(0.5, 0.1), norm=(-0.3, 0.1)))


@pytest.mark.parametrize(("slug", "size"), [("learning-rate-policies", "batch_size"), ("channels", "size")])
def test_what_size_1_would_flatten_is_shown_again_close_up(study, slug, size):
    figure = FIGURES[slug]
    table = figure.data(study).table
    assert len(figure.draw(table).axes) == 1
    flattened = table.assign(test_error=table["test_error"] + 40 * (table[size] == 1))
    whole, close = figure.draw(flattened).axes
    np.testing.assert_array_equal(dots(close), dots(whole)[dots(whole)[:, 0] > 1.5])
    assert close.get_ylim()[1] < 40 + table["test_error"].min() < whole.get_ylim()[1]
    for label, points in lines(close).items():
        np.testing.assert_array_equal(points, lines(whole)[label][lines(whole)[label][:, 0] > 1])
    # Words for the lines: below all panels, or at their ends in the close-up.
    assert close.texts or legend(close)
    assert not whole.get_legend() and not whole.texts


def test_labels_keep_their_order_and_a_gap_and_move_as_little_as_they_can():
    np.testing.assert_allclose(style.apart(np.array([0.9, 0.1]), 0.2), [0.9, 0.1])
    np.testing.assert_allclose(style.apart(np.array([0.5, 0.5, 0.0]), 0.2), [0.4, 0.6, 0.0])
    assert len(style.apart(np.array([]), 0.2)) == 0


def test_letters_have_enough_contrast_with_white():
    for colour in (*style.PALETTE, "white", "#ffff00"):
        assert contrast(style.readable(colour), "white") > 4.4


def test_a_slide_has_side_by_side_what_a_page_has_below_each_other():
    for on_slide in (False, True):
        with style.slide() if on_slide else nullcontext():
            figure, (first, second) = style.panels(2, 2.0, sharex=True)
        figure.canvas.draw()
        beside = first.get_position().x1 < second.get_position().x0
        assert beside == on_slide and style.is_slide() is False
