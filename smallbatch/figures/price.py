"""Figure of the price of a batch size in time, beside what it gains in points."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from smallbatch.figures import MARKERS, axes


def error_against_time(table: pd.DataFrame) -> plt.Figure:
    """Draw test error (points) against the minutes of training, a colour and marker per batch size.

    `table` has `batch_size`, `minutes`, `test_error` and `outcome`. A small dot is a run, hollow where it diverged; a
    large one is the mean of a batch size (of minutes: geometric).
    """
    figure, axis = plt.subplots(figsize=(6.6, 4.4))
    sizes = sorted(table["batch_size"].unique())
    for place, (size, colour) in enumerate(zip(sizes, sns.color_palette("viridis", len(sizes)), strict=True)):
        runs, marker = table[table["batch_size"] == size], MARKERS[place % len(MARKERS)]
        axes.dots(axis, runs["minutes"], runs["test_error"], runs["outcome"] == "diverged", colour, marker)
        mean = geometric_mean(runs["minutes"]), runs["test_error"].mean()
        look = {"color": colour, "marker": marker, "markersize": 11, "markeredgecolor": "0.1", "zorder": 4}
        axis.plot(*mean, linestyle="", label=f"{size}", **look)
    axis.set_xlim(0, 1.08 * table["minutes"].max())
    axis.set(xlabel="Time of training (minutes)", ylabel="Test error, recalibrated (%)")
    axis.legend(title="Batch size", ncols=len(sizes), loc="upper center", bbox_to_anchor=(0.5, -0.16), columnspacing=1)
    figure.tight_layout()
    return figure


def geometric_mean(values: pd.Series) -> float:
    """Return the geometric mean of positive numbers."""
    return float(values.prod() ** (1 / len(values)))
