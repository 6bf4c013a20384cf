"""Figures of the cost: what is drawn and told in words is what was measured, and an estimate is called one."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

from smallbatch.claims import NotMeasured
from smallbatch.figures import price
from smallbatch.figures.catalogue import cost as catalogue
from smallbatch.figures.citable import read_data
from smallbatch.figures.evidence import PUBLISHED, Evidence
from smallbatch.measurements.cost.parameters import MINIATURE
from smallbatch.measurements.cost.table import CARD, HERE
from tests import simulated

FIGURES = {figure.slug: figure for figure in catalogue.FIGURES}
MEASURED = [slug for slug in FIGURES if slug != "error-against-time"]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def published():
    """What the notebook measured, as it is published."""
    return Evidence(PUBLISHED)


def as_read(data):
    """The table as the CSV of the packet has it."""
    return read_data(io.StringIO(data.table.to_csv(index=False)))


def dots(axis):
    return np.concatenate([np.asarray(collection.get_offsets()) for collection in axis.collections])


@pytest.mark.parametrize("slug", MEASURED)
def test_a_packet_holds_all_that_its_figure_needs(published, slug):
    figure = FIGURES[slug]
    data = figure.data(published)
    table = as_read(data)
    assert figure.draw(table).axes
    assert "K80" not in figure.alt(table) and "seed" in data.sentence() and "data set" not in data.sentence()
    if slug == "memory-by-batch-size" or CARD in set(table["machine"]):
        assert "estimate" in figure.caption and "estimate" in figure.alt(table)


def test_hours_in_words_and_bars_are_those_of_the_published_run(published):
    table = as_read(FIGURES["hours-of-a-run"].data(published))
    _, summary, _ = published.measurement("cost")
    row = summary.iloc[0]
    hours = table[(table["machine"] == HERE) & (table["network"] == MINIATURE) & (table["image_size"] == 107)]
    expected = [row[f"measured_miniature_107px_batch_{size}_hours_of_run"] for size in hours["batch_size"]]
    bars = FIGURES["hours-of-a-run"].draw(table).axes[0].patches
    np.testing.assert_allclose([bar.get_height() for bar in bars], expected)
    text = ", ".join(f"{size}: {value:.2f}" for size, value in zip(hours["batch_size"], expected, strict=True))
    assert f"Miniature, 107 px, measured here: {text}" in FIGURES["hours-of-a-run"].alt(table)
    assert "hours of 60 epochs of 5,000 images" in FIGURES["hours-of-a-run"].alt(table)


def test_memory_in_words_says_what_lies_above_the_card(published):
    figure = FIGURES["memory-by-batch-size"]
    table = as_read(figure.data(published))
    assert "the 11.4 GiB of the card" in figure.alt(table)
    small = table.assign(fits=table["memory_gib"] < 1, card_memory_gib=1.0)
    assert f"{(~small['fits']).sum()} of {len(small)} points lie above it" in figure.alt(small)
    assert "All points lie below it" in figure.alt(table.assign(fits=True))
    lines = [line for axis in figure.draw(table).axes for line in axis.lines if len(line.get_xdata()) > 2]
    np.testing.assert_allclose(np.sort(np.concatenate([line.get_ydata() for line in lines])),
                               np.sort(table["memory_gib"]))  # fmt: skip


def test_a_study_that_measured_no_cost_takes_the_published_one_and_one_without_a_record_says_so(monkeypatch):
    data = FIGURES["hours-of-a-run"].data(Evidence("no such study"))
    assert data.study == PUBLISHED
    monkeypatch.setattr(catalogue, "read_record", lambda folder: None)
    with pytest.raises(NotMeasured, match=r"the record of cost-s0-.* is not there"):
        FIGURES["hours-of-a-run"].data(Evidence(PUBLISHED))


def made_up(**truth):
    evidence = Evidence("made-up")
    evidence.__dict__["tables"] = simulated.study(experiments=("batch_size",), **truth)
    return evidence


def test_the_price_is_the_time_of_training_without_following_the_averages():
    evidence = made_up()
    table = as_read(catalogue.price(evidence))
    runs = evidence.tables.runs.set_index("run")
    history = evidence.tables.history
    for row in table.itertuples():
        lag = history.loc[history["run"] == row.run, "seconds_lag"].sum()
        assert row.minutes == pytest.approx((runs.loc[row.run, "seconds_training"] - lag) / 60) and lag > 0
        assert row.test_error == pytest.approx(100 * (1 - runs.loc[row.run, "recalibrated_test_accuracy"]))


def test_every_run_is_a_dot_with_its_batch_size_and_a_diverged_one_is_hollow_at_guessing():
    evidence = made_up(sgd=(0.5, 0.1))
    runs = evidence.tables.runs
    first = runs.index[runs["batch_size"] == 1][0]
    runs.loc[first, "outcome"] = "diverged"
    runs.loc[first, "recalibrated_test_accuracy"] = np.nan
    table = as_read(catalogue.price(evidence))
    axis = price.error_against_time(table).axes[0]
    assert len(dots(axis)) == len(table) == 36
    np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(table["test_error"]))
    hollow = [c for c in axis.collections if not len(c.get_facecolor())]
    assert [c.get_offsets()[0, 1] for c in hollow] == [90]
    assert [line.get_label() for line in axis.lines] == ["1", "2", "4", "8", "16", "32"]
    means = table.groupby("batch_size")["test_error"].mean()
    np.testing.assert_allclose([line.get_ydata()[0] for line in axis.lines], means)
    alt = FIGURES["error-against-time"].alt(table)
    assert f"32: {means[32]:.1f} %" in alt and f"1: {means[1]:.1f} %" in alt and "36 runs" in alt


def test_the_geometric_mean_of_one_and_four_is_two():
    assert price.geometric_mean(simulated.pd.Series([1.0, 4.0])) == pytest.approx(2)
