"""Memory by batch size: each method is a line, what lies above the card is counted, and an estimate is called one."""

import numpy as np
import pytest

from smallbatch.figures.catalogue import FIGURES, training_memory, training_time
from smallbatch.figures.evidence import PUBLISHED, Evidence
from smallbatch.measurements.cost.memory import memory_on_gpu
from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import hours_of_a_run, summarize
from tests import costs
from tests.figures.drawn import table_of


@pytest.fixture(scope="module")
def published():
    """What the notebook measured, as it is published."""
    return Evidence(PUBLISHED)


@pytest.fixture
def counted():
    return costs.round_numbers()


@pytest.fixture
def answers(monkeypatch):
    return costs.answer_at_once(monkeypatch)


def test_memory_in_words_says_what_lies_above_the_card(published):
    figure = FIGURES["memory-by-batch-size"]
    table = table_of("memory-by-batch-size", published)
    assert "the 11.4 GiB of the card" in figure.alt(table)
    assert "estimate" in figure.caption and "estimate" in figure.alt(table) and "K80" not in figure.alt(table)
    small = table.assign(fits=table["memory_gib"] < 1, card_memory_gib=1.0)
    assert f"{(~small['fits']).sum()} of {len(small)} points lie above it" in figure.alt(small)
    assert "All points lie below it" in figure.alt(table.assign(fits=True))
    lines = [line for axis in figure.draw(table).axes for line in axis.lines if len(line.get_xdata()) > 2]
    np.testing.assert_allclose(np.sort(np.concatenate([line.get_ydata() for line in lines])),
                               np.sort(table["memory_gib"]))  # fmt: skip


def test_each_method_is_a_line_and_its_label_says_that_it_is_an_estimate(answers, counted):
    config = Config.create(rounds=2)
    found = memory_on_gpu(config, costs.everything(config, counted)[0])
    figure = training_memory.memory_by_batch_size(found)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(labels) == found["method"].nunique() and all(label.startswith("estimate: ") for label in labels)
    for axis, (_, rows) in zip(figure.axes, found.groupby("image_size", sort=False), strict=True):
        *methods, card = axis.lines
        assert [list(line.get_ydata()) for line in methods] == [
            list(rows.loc[rows["method"] == method, "memory_gib"]) for method in training_memory.METHODS
            if (rows["method"] == method).any()
        ]  # fmt: skip
        assert set(card.get_ydata()) == set(found["card_memory_gib"])


def test_the_count_stands_beside_what_was_measured(answers, counted):
    config = Config.create(rounds=2)
    table, _ = costs.everything(config, counted)
    measured, counted_line = training_memory.count_against_measurement(table).axes[0].lines
    np.testing.assert_allclose(measured.get_ydata(), [100 + 2 * b for b in config.batch_sizes])
    np.testing.assert_allclose(counted_line.get_ydata(), [3 + 1.5 * b for b in config.batch_sizes])


def test_the_words_tell_measured_and_counted_memory_apart(published):
    table = table_of("memory-count-and-measured", published)
    alt = FIGURES["memory-count-and-measured"].alt(table)
    for method, word in (("process", "measured"), ("counted", "counted")):
        rows = table[(table["method"] == method) & (table["network"] == "miniature") & (table["image_size"] == 107)]
        values = ", ".join(f"{row.batch_size}: {row.value:.0f}" for row in rows.itertuples())
        assert f"Miniature, 107 px, {word}: {values}" in alt


@pytest.mark.parametrize("parameters", [{"width": 1.0, "depth": 1.0}, {"also_image_size": None, "most_seconds": 0.01}])
def test_a_study_of_the_full_network_and_one_that_measures_little_have_all_figures(answers, counted, parameters):
    config = Config.create(**parameters, full_network_batch_sizes=[], compiled_batch_sizes=[])
    table, left_out = costs.everything(config, counted)
    summary = summarize(config, table, left_out)
    measured = {network.label for network in config.measured()}
    assert summary["measured"].keys() == measured and summary["estimate_card"].keys() == {
        network.label for network in config.estimated()
    }
    assert len(training_memory.count_against_measurement(table).axes) == len(measured)
    axes = training_time.hours_by_batch_size(hours_of_a_run(config, table)).axes
    assert len(axes[0].lines) == len(measured) + len(config.estimated())
    assert len(training_time.time_by_batch_size(table).axes[0].lines) == len(axes[0].lines)
    assert len(training_memory.memory_by_batch_size(memory_on_gpu(config, table)).axes) == len(config.estimated())
