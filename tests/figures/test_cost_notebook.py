"""Figures of what a batch size costs, drawn from tables that are made at once."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from smallbatch.figures import cost as figures
from smallbatch.measurements.cost.memory import memory_on_gpu
from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import hours_of_a_run, summarize
from tests import costs


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def counted():
    return costs.round_numbers()


@pytest.fixture
def answers(monkeypatch):
    return costs.answer_at_once(monkeypatch)


def test_bars_and_lines_show_the_numbers_of_the_table(answers, counted):
    config = Config.create(rounds=3)
    table, _ = costs.everything(config, counted)
    axis = figures.hours_by_batch_size(hours_of_a_run(config, table)).axes[0]
    expected = [60 * (5000 // b) * (0.01 + 0.005 * b) * 1.1 / 3600 for b in config.batch_sizes]
    np.testing.assert_allclose([bar.get_height() for bar in axis.patches], expected)
    left, right = figures.time_by_batch_size(table).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [3600 / 60 * hours for hours in expected])
    assert len(left.lines) == 5 and left.get_yscale() == right.get_yscale() == "log"
    measured, counted_line = figures.count_against_measurement(table).axes[0].lines
    np.testing.assert_allclose(measured.get_ydata(), [100 + 2 * b for b in config.batch_sizes])
    np.testing.assert_allclose(counted_line.get_ydata(), [3 + 1.5 * b for b in config.batch_sizes])


@pytest.mark.parametrize("parameters", [{"width": 1.0, "depth": 1.0}, {"also_image_size": None, "most_seconds": 0.01}])
def test_a_study_of_the_full_network_and_one_that_measures_little_have_all_figures(answers, counted, parameters):
    config = Config.create(**parameters, full_network_batch_sizes=[], compiled_batch_sizes=[])
    table, left_out = costs.everything(config, counted)
    summary = summarize(config, table, left_out)
    measured = {network.label for network in config.measured()}
    assert summary["measured"].keys() == measured and summary["estimate_card"].keys() == {
        network.label for network in config.estimated()
    }
    assert len(figures.count_against_measurement(table).axes) == len(measured)
    titles = [
        axis.get_title() for axis in figures.hours_by_batch_size(hours_of_a_run(config, table)).axes if axis.get_title()
    ]
    assert len(titles) == len(measured) + len(config.estimated())
    assert len(figures.time_by_batch_size(table).axes[0].lines) == len(titles)
    assert len(figures.memory_by_batch_size(memory_on_gpu(config, table)).axes) == len(config.estimated())


def test_legends_and_titles_say_what_is_measured_and_what_is_estimated(answers, counted):
    config = Config.create(rounds=2)
    table, _ = costs.everything(config, counted)
    for figure in (
        figures.time_by_batch_size(table),
        figures.memory_by_batch_size(memory_on_gpu(config, table)),
    ):
        labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
        about_the_card = [label for label in labels if "measured here" not in label or "extrapolated" in label]
        assert about_the_card and all("estimate" in label for label in about_the_card)
    titles = [
        axis.get_title() for axis in figures.hours_by_batch_size(hours_of_a_run(config, table)).axes if axis.get_title()
    ]
    assert len(titles) == 5 and sum("measured here" in title for title in titles) == 3
    assert all(("estimate for the card" in title) != ("measured here" in title) for title in titles)
