"""Batch sizes under different learning rates: several policies side by side, and the search for the best rates."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbatch.claims import chosen_learning_rates
from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.packet import FigureEntry
from smallbatch.statistics import error_points

# Colour, marker and label of each policy, by the experiment that follows it.
POLICIES = {
    "batch_size": (style.PALETTE[0], "o", "one rate for all batch sizes"),
    "linear_scaling": (style.PALETTE[2], "v", "linear scaling"),
    "tuned": (style.PALETTE[3], "P", "each at its own best rate"),
    "fixed_steps": (style.PALETTE[4], "X", "one rate, the same number of steps"),
}
CHOSEN = {"marker": "o", "s": 130, "facecolor": "none", "edgecolor": "0.1", "linewidth": 1.6, "zorder": 4}


def _policies(evidence: Evidence) -> FigureData:
    parts = []
    for policy in POLICIES:
        try:
            runs = evidence.runs(policy)
        except NotMeasured:
            continue
        error = error_points(runs["recalibrated_test_accuracy"], evidence.tables.n_classes)
        parts.append(runs.assign(policy=policy, test_error=error, learning_rate=runs["used_learning_rate"]))
    if not parts:
        raise NotMeasured(f"there are no runs of experiments {', '.join(POLICIES)}")
    runs = pd.concat(parts, ignore_index=True)
    columns = ["policy", "run", "seed", "batch_size", "learning_rate", "steps_done", "outcome", "test_error"]
    return FigureData(runs[columns], evidence.study, runs)


def learning_rate_policies(table: pd.DataFrame) -> plt.Figure:
    """Return test error (points) against batch size, a colour and marker per policy; a dot is a run, lines join means.

    `table` has `policy` (a key of `POLICIES`), `batch_size`, `test_error` and `outcome`; runs that diverged are hollow.
    """
    policies = [name for name in POLICIES if name in set(table["policy"])]
    for axis, shown in style.with_close_up(table, "batch_size", "test_error", 3.8):
        for place, name in enumerate(policies):
            colour, marker, label = POLICIES[name]
            runs = shown[shown["policy"] == name]
            x = style.shifted(runs["batch_size"], place, len(policies), 0.11)
            style.dots(axis, x, runs["test_error"], runs["outcome"] == "diverged", colour, marker)
            style.join_means(axis, runs["batch_size"], runs["test_error"], colour, marker, label)
        axis.set(ylabel="Test error (%)")
        style.label_batch_sizes(axis, shown["batch_size"])
        axis.set(xlabel=style.BATCH_SIZE)
    style.legend_below(axis, ncols=1 + (axis.figure.get_figwidth() > style.WIDTH), fontsize=10)
    return axis.figure


def _policies_alt(table: pd.DataFrame) -> str:
    named = table.assign(policy=table["policy"].map({name: label for name, (_, _, label) in POLICIES.items()}))
    found = alt_text.lines(named, "policy", "batch_size", "test_error", 1, 1, " %")
    return f"Dots and lines of means against batch size, one per learning-rate policy. Mean test error: {found}."


def _search(evidence: Evidence) -> FigureData:
    runs = evidence.runs("search")
    error = error_points(runs["recalibrated_validation_accuracy"], evidence.tables.n_classes)
    chosen = chosen_learning_rates(evidence.tables).set_index("batch_size")["learning_rate"]
    table = runs.assign(
        batch_size=runs["used_sgd_batch_size"], learning_rate=runs["used_learning_rate"], validation_error=error
    )
    table["chosen"] = np.isclose(table["learning_rate"], table["batch_size"].map(chosen))
    columns = ["run", "seed", "batch_size", "learning_rate", "outcome", "validation_error", "chosen"]
    return FigureData(table[columns], evidence.study, runs)


def search_validation_error(table: pd.DataFrame) -> plt.Figure:
    """Return validation error (points) by learning rate, a colour and marker per batch size; rings: rates chosen.

    `table` has `batch_size`, `learning_rate`, `validation_error`, `outcome` and `chosen`. A dot is a run, hollow where
    it diverged; a line joins the means over seeds.
    """
    sizes = sorted(table["batch_size"].unique())
    panels = style.with_close_up(table, "batch_size", "validation_error", 3.9)
    for axis, shown in panels:
        _search_panel(axis, shown, sizes)
    style.legend_below(panels[0][0], title="Batch size", ncols=len(sizes), columnspacing=1)
    return axis.figure


def _search_panel(axis: Axes, table: pd.DataFrame, sizes: list[int]) -> None:
    """Draw the rows of a panel; `sizes` are all batch sizes of the figure, so that each keeps its look."""
    for place, (size, colour, marker) in enumerate(style.shades(sizes)):
        if size not in set(table["batch_size"]):
            continue
        runs = table[table["batch_size"] == size]
        x = style.shifted(runs["learning_rate"], place, len(sizes), 0.09)
        style.dots(axis, x, runs["validation_error"], runs["outcome"] == "diverged", colour, marker, size=18)
        mean = style.join_means(
            axis, runs["learning_rate"], runs["validation_error"], colour, marker, f"{size}", width=1.3
        )
        chosen = runs.loc[runs["chosen"], "learning_rate"].unique()
        axis.scatter(chosen, mean[chosen], **CHOSEN)
    axis.set_xscale("log")
    style.label_plainly(axis.xaxis)
    axis.set(xlabel="Learning rate", ylabel="Validation error (%)")


def _search_alt(table: pd.DataFrame) -> str:
    chosen = table[table["chosen"]].groupby("batch_size")["learning_rate"].first()
    rates_chosen = ", ".join(f"{size}: {rate:g}" for size, rate in chosen.items())
    found = alt_text.lines(table, "batch_size", "learning_rate", "validation_error", 1, 1, " %")
    return (
        "Dots and lines of means against the learning rate, one per batch size; the rates chosen are ringed. Chosen by "
        f"batch size: {rates_chosen}. Mean validation error by batch size and rate: {found}."
    )


FIGURES = [
    FigureEntry(
        "learning-rate-policies",
        "Test error against batch size under several policies for the learning rate",
        "Test error against batch size under several policies for the learning rate and the budget, "
        "recalibrated statistics. Dots are runs (one per seed; hollow: diverged), side by side at the same "
        "batch size; lines join their means.",
        _policies,
        learning_rate_policies,
        _policies_alt,
        details=(
            "Test error after training, with recalibrated statistics, against batch size, under each policy for "
            "learning rate and budget that the study has run (see the legend). Each dot is one run (a seed; "
            "hollow if it diverged, which counts with the error it ended with), lines join the means over seeds. "
            "Dots of the policies stand side by side at the same batch size. Where batch size 1 lies far from the "
            "others, a lower panel shows those alone."
        ),
    ),
    FigureEntry(
        "search-validation-error",
        "Validation error by learning rate, for each batch size",
        "Validation error against the learning rate, by batch size, recalibrated statistics. Dots are runs "
        "(one per seed; hollow: diverged), lines join their means, a ring marks the rate chosen: the lowest "
        "mean.",
        _search,
        search_validation_error,
        _search_alt,
        details=(
            "Validation error after training, with recalibrated statistics, against the learning rate, by batch "
            "size. Each dot is one run (a seed; hollow if it diverged), lines join the means over seeds, a ring "
            "marks the rate chosen at a batch size: the lowest mean of those that all of its seeds have tried. "
            "Dots of the batch sizes stand side by side at the same rate."
        ),
    ),
]
