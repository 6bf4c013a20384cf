"""Time by batch size: what is drawn and told is what was measured, and an estimate is called one."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.figures.catalogue import FIGURES, training_time
from smallbatch.figures.evidence import PUBLISHED, Evidence, NotMeasured
from smallbatch.measurements.cost.parameters import MINIATURE, Config
from smallbatch.measurements.cost.summary import hours_of_a_run
from smallbatch.measurements.cost.table import CARD, HERE
from tests import costs, simulated
from tests.figures.drawn import as_read, dots, evidence_of, hollow, lines, table_of


@pytest.fixture(scope="module")
def published():
    """What the notebook measured, as it is published."""
    return Evidence(PUBLISHED)


@pytest.fixture
def made_up(monkeypatch):
    """Parameters and table of a measurement that takes no time."""
    costs.answer_at_once(monkeypatch)
    config = Config.create(rounds=3)
    return config, costs.everything(config, costs.round_numbers())[0]


@pytest.mark.parametrize("slug", ["time-by-batch-size", "hours-of-a-run"])
def test_an_estimate_is_called_one_in_caption_and_words(published, slug):
    figure, table = FIGURES[slug], table_of(slug, published)
    assert "K80" not in figure.alt(table)
    assert CARD in set(table["machine"]) and "estimate" in figure.caption and "estimate" in figure.alt(table)
    sentence = figure.data(published).sentence()
    assert "seed" in sentence and "data set" not in sentence


def test_hours_in_words_and_lines_are_those_of_the_published_run(published):
    table = table_of("hours-of-a-run", published)
    _, summary, _ = published.measurement("cost")
    row = summary.iloc[0]
    hours = table[(table["machine"] == HERE) & (table["network"] == MINIATURE) & (table["image_size"] == 107)]
    expected = [row[f"measured_miniature_107px_batch_{size}_hours_of_run"] for size in hours["batch_size"]]
    line = lines(FIGURES["hours-of-a-run"].draw(table).axes[0])["Miniature, 107 px: measured here"]
    np.testing.assert_allclose(line[:, 1], expected)
    text = ", ".join(f"{size}: {value:.2f}" for size, value in zip(hours["batch_size"], expected, strict=True))
    assert f"Miniature, 107 px, measured here: {text}" in FIGURES["hours-of-a-run"].alt(table)
    assert "hours of 60 epochs of 5,000 images" in FIGURES["hours-of-a-run"].alt(table)


def test_a_study_that_measured_no_cost_takes_the_published_one_and_one_without_a_record_says_so(monkeypatch):
    data = FIGURES["hours-of-a-run"].data(Evidence("no such study"))
    assert data.study == PUBLISHED
    monkeypatch.setattr(training_time, "read_record", lambda folder: None)
    with pytest.raises(NotMeasured, match=r"the record of cost-s0-.* is not there"):
        FIGURES["hours-of-a-run"].data(Evidence(PUBLISHED))


def test_lines_show_the_numbers_of_the_table(made_up):
    config, table = made_up
    axis = training_time.hours_by_batch_size(hours_of_a_run(config, table)).axes[0]
    expected = [60 * (5000 // b) * (0.01 + 0.005 * b) * 1.1 / 3600 for b in config.batch_sizes]
    np.testing.assert_allclose(lines(axis)["Miniature, 107 px: measured here"][:, 1], expected)
    assert axis.get_yscale() == "log"  # networks are up to a hundredfold apart
    left, right = training_time.time_by_batch_size(table).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [3600 / 60 * hours for hours in expected])
    assert len(left.lines) == 5 and left.get_yscale() == right.get_yscale() == "log"
    # A round of every batch size, of the three networks that were measured here.
    assert len(dots(left)) == 3 * ((table["quantity"] == "seconds_per_epoch") & (table["machine"] == HERE)).sum() / 3


def test_images_per_second_are_told_as_medians_of_the_rounds(made_up):
    _, table = made_up
    alt = FIGURES["time-by-batch-size"].alt(table)
    here = table[(table["machine"] == HERE) & (table["network"] == MINIATURE) & (table["image_size"] == 107)]
    rows = here[here["quantity"] == "images_per_second"].groupby("batch_size")["value"].median()
    words = ", ".join(f"{size}: {value:.1f}" for size, value in rows.items())
    assert f"Miniature, 107 px, measured here: {words}" in alt


def test_labels_of_lines_say_what_is_measured_and_what_is_estimated(made_up):
    config, table = made_up
    labels = [text.get_text() for text in training_time.time_by_batch_size(table).legends[0].get_texts()]
    axes = training_time.hours_by_batch_size(hours_of_a_run(config, table)).axes
    for names in (labels, list(lines(axes[0]))):
        assert len(names) == 5 and sum("measured here" in name for name in names) == 3
        assert all(("estimate for the card" in name) != ("measured here" in name) for name in names)


def of_runs(**truth):
    return evidence_of(simulated.study(experiments=("batch_size",), **truth))


def test_the_price_is_the_time_of_training_without_following_the_averages():
    evidence = of_runs()
    table = as_read(training_time.price(evidence).table)
    runs = evidence.tables.runs.set_index("run")
    history = evidence.tables.history
    for row in table.itertuples():
        lag = history.loc[history["run"] == row.run, "seconds_lag"].sum()
        assert row.minutes == pytest.approx((runs.loc[row.run, "seconds_training"] - lag) / 60) and lag > 0
        assert row.test_error == pytest.approx(100 * (1 - runs.loc[row.run, "recalibrated_test_accuracy"]))


def test_every_run_is_a_dot_with_its_batch_size_and_a_diverged_one_is_hollow_at_chance_level():
    evidence = of_runs(sgd=(0.5, 0.1))
    runs = evidence.tables.runs
    first = runs.index[runs["batch_size"] == 1][0]
    runs.loc[first, "outcome"] = "diverged"
    runs.loc[first, "recalibrated_test_accuracy"] = np.nan
    table = as_read(training_time.price(evidence).table)
    axis = training_time.error_against_time(table).axes[0]
    assert len(dots(axis)) == len(table) == 36
    np.testing.assert_allclose(np.sort(dots(axis)[:, 1]), np.sort(table["test_error"]))
    assert hollow(axis)[:, 1].tolist() == [90]
    assert [line.get_label() for line in axis.lines] == ["1", "2", "4", "8", "16", "32"]
    means = table.groupby("batch_size")["test_error"].mean()
    np.testing.assert_allclose([line.get_ydata()[0] for line in axis.lines], means)
    alt = FIGURES["error-against-time"].alt(table)
    assert f"32: {means[32]:.1f} %" in alt and f"1: {means[1]:.1f} %" in alt and "36 runs" in alt


def test_the_geometric_mean_of_one_and_four_is_two():
    assert training_time.geometric_mean(pd.Series([1.0, 4.0])) == pytest.approx(2)


@pytest.mark.parametrize(("value", "words"), [(0.3941, "0.39"), (5.94, "5.9"), (92.4, "92"), (1234.0, "1234")])
def test_hours_have_two_digits_that_count(value, words):
    assert training_time.two_digits(value) == words
