"""Figures that come from published tables whatever the study: the claim's source, the artefacts and the benchmark."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbatch.figures.catalogue import artefacts, full_size, source, speed
from smallbatch.figures.citable import read_data
from smallbatch.figures.evidence import Evidence, NotMeasured
from smallbatch.paths import in_project

FIGURES = {figure.slug: figure for page in (artefacts, full_size, source, speed) for figure in page.FIGURES}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def packet(slug, study="no such study"):
    """Data, and the table as the CSV of the packet has it."""
    data = FIGURES[slug].data(Evidence(study))
    return data, read_data(io.StringIO(data.table.to_csv(index=False)))


@pytest.mark.parametrize("slug", FIGURES)
def test_a_figure_is_drawn_from_its_csv_alone_and_told_in_numbers(slug):
    if slug.startswith("full-network") and not in_project("results/full/runs.csv").is_file():
        pytest.skip("the runs of the published network are not published yet")
    data, table = packet(slug)
    figure = FIGURES[slug].draw(table)
    assert all(axis.lines or axis.collections for axis in figure.axes)
    alt = FIGURES[slug].alt(table)
    assert sum(letter.isdigit() for letter in alt) > 10 and "nan" not in alt
    assert {*data.studies} <= {"artefacts", "bench", "full", "gpu", "laptop"}


def test_accuracies_by_momentum_are_those_of_the_records():
    _, table = packet("phantom-evaluations")
    runs = pd.read_csv(in_project("results/artefacts/runs.csv"))
    phantom = runs[runs["experiments"] == "phantom"].groupby("used_batch_norm_momentum")["moving_test_accuracy"].mean()
    alt = FIGURES["phantom-evaluations"].alt(table)
    assert f"moving, test images: 0.9: {100 * phantom[0.9]:.1f} %, 0.99: {100 * phantom[0.99]:.1f} %" in alt


def test_the_curves_end_where_the_words_say():
    _, table = packet("phantom")
    last = table[table["epoch"] == table["epoch"].max()].groupby("used_batch_norm_momentum").mean(numeric_only=True)
    assert f"validation 0.9: {100 * last.loc[0.9, 'validation_accuracy']:.1f} %" in FIGURES["phantom"].alt(table)
    left = FIGURES["phantom"].draw(table).axes[0]
    assert left.get_title() == "momentum 0.99" and len(left.lines) == 2 * (3 + 1)  # seeds, and their mean


def test_guessing_is_the_dashed_line():
    _, table = packet("one-value")
    axis = FIGURES["one-value"].draw(table).axes[0]
    assert axis.lines[0].get_ydata()[0] == pytest.approx(np.log(10)) and axis.lines[0].get_label() == "guessing"
    assert "2.30 nats" in FIGURES["one-value"].alt(table)


def test_the_source_is_told_at_both_ends_of_the_batch_sizes():
    data, table = packet("source-accuracy")
    assert set(table["gradient"]) == {"mean"} and data.runs["dataset"].nunique() == 4
    digits = table[table["dataset"] == "digits"].groupby("batch_size")["test_accuracy"].mean()
    text = (
        f"Digits: test accuracy {100 * digits[1]:.1f} % at batch size 1 and {100 * digits[512]:.1f} % at batch size 512"
    )
    assert text in FIGURES["source-accuracy"].alt(table)
    _, rates = packet("source-rates")
    iris = rates[(rates["dataset"] == "iris") & (rates["gradient"] == "mean") & (rates["batch_size"] == 1)]
    mean = np.exp(np.log(iris["largest_stable_rate"]).mean())
    assert f"Iris, mean of gradients: {mean:.2g} at batch size 1" in FIGURES["source-rates"].alt(rates)


def test_every_step_of_the_benchmark_is_there_with_its_floor():
    _, table = packet("steps-beside-peers")
    assert set(table["network"]) == {"miniature", "full"} and table["floor_seconds"].notna().all()
    figure = FIGURES["steps-beside-peers"].draw(table)
    for axis, (_, rows) in zip(figure.axes, table.groupby("network", sort=False), strict=True):
        drawn = sum(len(c.get_offsets()) for c in axis.collections if len(c.get_offsets()) > 1)
        assert drawn >= len(rows)
    ours = table[(table["network"] == "full") & (table["contender"] == "ours") & (table["batch_size"] == 32)]
    alt = FIGURES["steps-beside-peers"].alt(table)
    assert "Full network, this project: 1: " in alt and f"32: {1000 * ours['seconds'].median():.0f} ms" in alt


def test_every_run_of_both_networks_is_a_dot_in_three_evaluations_and_only_the_others_without_size_1():
    data, table = packet("full-size-error")
    assert data.studies == ["laptop", "gpu"] and set(data.runs["width"]) == {0.25, 1.0}
    assert "Inception-ResNet-v2 and a miniature of it (width 0.25, depth 0.2)" in data.sentence()
    grid = np.reshape(FIGURES["full-size-error"].draw(table).axes, (2, 2))
    for (above, below), (network, rows) in zip(grid.T, table.groupby("network", sort=False), strict=True):
        assert above.get_title() == network
        for axis, shown in ((above, rows), (below, rows[rows["batch_size"] > 1])):
            heights = np.concatenate([np.asarray(c.get_offsets())[:, 1] for c in axis.collections])
            np.testing.assert_allclose(np.sort(heights), np.sort(shown["test_error"]))
    gpu = pd.read_csv(in_project("results/gpu/runs.csv"))
    at_32 = gpu[(gpu["batch_size"] == 32) & gpu["experiments"].str.split().map(lambda names: "batch_size" in names)]
    mean = 100 * (1 - at_32["recalibrated_test_accuracy"].mean())
    assert FIGURES["full-size-error"].alt(table).endswith(f"32: {mean:.1f} %.")


def test_the_published_network_is_shown_whatever_study_the_book_is_built_for(tmp_path, monkeypatch):
    assert packet("full-size-momentum")[0].study == "gpu" == packet("full-size-curves")[0].study
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotMeasured, match="the study gpu has no published runs"):
        FIGURES["full-size-momentum"].data(Evidence("no such study"))
