"""Figures of the replication of Wilson & Martinez 2003: a dot per repetition, means with intervals, guide lines."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue import wilson_martinez as figures
from smallbatch.figures.evidence import Evidence
from tests.figures.drawn import dots, hollow, table_of
from tests.wilson_martinez import made_table


def figure_table(datasets=("iris", "digits"), gradients=("mean", "sum")):
    tables = []
    for name in datasets:
        for gradient in gradients:
            table = made_table().assign(dataset=name, gradient=gradient)
            tables.append(table.assign(after_1=0.5, after_2=0.7 + 0.01 * table["repetition"]))
    return pd.concat(tables, ignore_index=True)


def test_gathered_tables_of_default_runs_are_those_of_iris_and_means():
    """Gathering leaves out the parameters that all runs have at their defaults."""
    gathered = figure_table(("iris",), ("mean",)).drop(columns=["dataset", "gradient"])
    for draw in (figures.accuracy_and_epochs, figures.stable_rates, figures.learning_curves):
        assert draw(gathered).axes[0].get_title() == "Iris"


def test_every_repetition_is_a_dot_and_those_without_an_answer_are_hollow():
    table = figure_table(gradients=("mean",))
    axes = np.array(figures.accuracy_and_epochs(table).axes).reshape(2, 2)
    for column, name in enumerate(("iris", "digits")):
        part = table[table["dataset"] == name]
        assert len(hollow(axes[1, column])) == part["censored"].sum() == 1
        for row, values in ((0, "test_accuracy"), (1, "epochs_to_target")):
            drawn = np.sort(dots(axes[row, column])[:, 1])
            np.testing.assert_allclose(drawn, np.sort(part[values]))
    assert [axis.get_title() for axis in axes[0]] == ["Iris", "Digits"]
    assert axes[1, 0].get_yscale() == "log" and axes[0, 0].get_xscale() == "log"


def test_stable_rates_show_both_conventions_with_guides_from_batch_size_one():
    figure = figures.stable_rates(figure_table())
    sizes = np.array([1, 2, 4, 8, 16])
    for axis in figure.axes:
        lines = {line.get_linestyle(): line.get_ydata() for line in axis.lines}
        for style, exponent in (("--", -1), (":", 0), ("-.", 1)):
            np.testing.assert_allclose(lines[style], 0.5 * sizes.astype(float) ** exponent)
        assert len(dots(axis)) == 60
        assert len(hollow(axis)) == 12  # those above the highest rate tried
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert set(labels) == {"mean of gradients", "sum of gradients", "1 / batch size", "level", "batch size"}


@pytest.mark.parametrize(("gradient", "guides"), [("mean", {":", "-."}), ("sum", {"--", ":"})])
def test_a_single_convention_has_only_its_own_guides(gradient, guides):
    axis = figures.stable_rates(figure_table(("iris",), (gradient,))).axes[0]
    assert {line.get_linestyle() for line in axis.lines} - {"-"} == guides


def test_stable_rates_leave_out_repetitions_without_one():
    table = figure_table(("iris",), ("mean",))
    table.loc[table["repetition"] == 0, "largest_stable_rate"] = np.nan
    assert len(dots(figures.stable_rates(table).axes[0])) == 25


def test_learning_curves_are_means_over_the_repetitions():
    axis = figures.learning_curves(figure_table(("iris",), ("mean",))).axes[0]
    assert len(axis.lines) == 5
    for line in axis.lines:
        assert list(line.get_xdata()) == [1, 2]
        np.testing.assert_allclose(line.get_ydata(), [0.5, 0.725])


def test_the_source_is_told_at_both_ends_of_the_batch_sizes():
    evidence = Evidence("no such study")
    data, table = FIGURES["source-accuracy"].data(evidence), table_of("source-accuracy", evidence)
    assert set(table["gradient"]) == {"mean"} and data.runs["dataset"].nunique() == 4
    digits = table[table["dataset"] == "digits"].groupby("batch_size")["test_accuracy"].mean()
    text = (
        f"Digits: test accuracy {100 * digits[1]:.1f} % at batch size 1 and {100 * digits[512]:.1f} % at batch size 512"
    )
    assert text in FIGURES["source-accuracy"].alt(table)
    rates = table_of("source-rates", evidence)
    iris = rates[(rates["dataset"] == "iris") & (rates["gradient"] == "mean") & (rates["batch_size"] == 1)]
    mean = np.exp(np.log(iris["largest_stable_rate"]).mean())
    assert f"Iris, mean of gradients: {mean:.2g} at batch size 1" in FIGURES["source-rates"].alt(rates)
