"""Figures of batch sizes under different learning rates: the policies beside each other, and the search for rates."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from smallbatch.figures import MARKERS, axes

# Colour, marker and label of each policy, by the experiment that follows it.
POLICIES = {
    "batch_size": (sns.color_palette("colorblind")[0], "o", "one rate for all batch sizes"),
    "linear_scaling": (sns.color_palette("colorblind")[2], "v", "rate in proportion to batch size"),
    "tuned": (sns.color_palette("colorblind")[3], "P", "each batch size at its own best rate"),
    "fixed_steps": (sns.color_palette("colorblind")[4], "X", "one rate, the same number of steps"),
}
CHOSEN = "0.1"


def learning_rate_policies(table: pd.DataFrame) -> plt.Figure:
    """Draw test error (points) against batch size, a colour and marker per policy; a dot is a run, a line joins means.

    `table` has `policy` (a key of `POLICIES`), `batch_size`, `test_error` and `outcome`; runs that diverged are hollow.
    """
    policies = [name for name in POLICIES if name in set(table["policy"])]
    for axis, shown in axes.with_close_up(table, "batch_size", "test_error", 4.6):
        for place, name in enumerate(policies):
            colour, marker, label = POLICIES[name]
            runs = shown[shown["policy"] == name]
            x = axes.shifted(runs["batch_size"], place, len(policies), 0.11)
            axes.dots(axis, x, runs["test_error"], runs["outcome"] == "diverged", colour, marker)
            axes.join_means(axis, runs["batch_size"], runs["test_error"], colour, marker, label)
        axis.set(ylabel="Test error, recalibrated (%)")
        axes.label_batch_sizes(axis, shown["batch_size"])
    axis.set(xlabel="Batch size (images per step)")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=10)
    axis.figure.tight_layout()
    return axis.figure


def search_validation_error(table: pd.DataFrame) -> plt.Figure:
    """Draw validation error (points) against learning rate, a colour and marker per batch size; rings: rates chosen.

    `table` has `batch_size`, `learning_rate`, `validation_error`, `outcome` and `chosen`. A dot is a run, hollow where
    it diverged; a line joins the means over seeds.
    """
    figure, axis = plt.subplots(figsize=(6.6, 4.4))
    sizes = sorted(table["batch_size"].unique())
    for place, (size, colour) in enumerate(zip(sizes, sns.color_palette("viridis", len(sizes)), strict=True)):
        runs = table[table["batch_size"] == size]
        marker = MARKERS[place % len(MARKERS)]
        x = axes.shifted(runs["learning_rate"], place, len(sizes), 0.09)
        axes.dots(axis, x, runs["validation_error"], runs["outcome"] == "diverged", colour, marker, size=18)
        mean = axes.join_means(
            axis, runs["learning_rate"], runs["validation_error"], colour, marker, f"{size}", width=1.3
        )
        chosen = runs.loc[runs["chosen"], "learning_rate"].unique()
        look = {"marker": "o", "s": 130, "facecolor": "none", "edgecolor": CHOSEN, "linewidth": 1.6, "zorder": 4}
        axis.scatter(chosen, mean[chosen], **look)
    axis.set_xscale("log")
    ticks = sorted(table["learning_rate"].unique())
    axis.set_xticks(ticks, [f"{rate:g}" for rate in ticks])
    axis.minorticks_off()
    axis.set(xlabel="Learning rate", ylabel="Validation error, recalibrated (%)")
    axis.legend(title="Batch size", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure
