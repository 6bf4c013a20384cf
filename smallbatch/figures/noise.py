"""Figures of the two noises as they were measured at checkpoints of several networks: every network is a dot."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from smallbatch.figures import MARKERS, axes, measurements
from smallbatch.figures.measurements import RECALIBRATED, STUDIED
from smallbatch.measurements.checkpoint import BATCH_SIZES


def gradient_noise_scale(table: pd.DataFrame) -> plt.Figure:
    """Draw the gradient noise scale against the epoch: a dot per network, a line through the medians.

    `table` has `epoch`, `batch_norm` (recalibrated or batch), `batch_size`, `noise_scale` and `low`. With fixed
    (recalibrated) statistics there is one scale for all batch sizes, with those of each batch one for each; the
    smallest, middle and largest of these are drawn. Where the estimate is infinite, an arrow starts at its lower bound.
    The batch sizes of this book are a band.
    """
    figure, axis = plt.subplots(figsize=(6.6, 4.6))
    axis.axhspan(min(BATCH_SIZES), max(BATCH_SIZES), color=STUDIED, zorder=0)
    axis.text(0.01, max(BATCH_SIZES), f"batch sizes {min(BATCH_SIZES)}–{max(BATCH_SIZES)}",
              transform=axis.get_yaxis_transform(), va="top", fontsize=9)  # fmt: skip
    epochs = sorted(table["epoch"].unique())
    fixed, batch = (table[table["batch_norm"] == kind] for kind in ("recalibrated", "batch"))
    sizes = sorted(batch["batch_size"].unique())
    shown = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}) if sizes else []
    series = [(fixed, *RECALIBRATED, "recalibrated statistics, any batch size")]
    for k, (size, colour) in enumerate(zip(shown, sns.color_palette("viridis", len(shown)), strict=True)):
        series.append((batch[batch["batch_size"] == size], colour, MARKERS[k + 3], f"statistics of batches of {size}"))
    for place, (rows, colour, marker, label) in enumerate(series):
        shift = 0.13 * (place - (len(series) - 1) / 2)
        x = rows["epoch"].map(epochs.index) + shift
        known = np.isfinite(rows["noise_scale"])
        axis.scatter(x[known], rows["noise_scale"][known], color=[colour], marker=marker, s=24, alpha=0.65, zorder=3)
        _arrows(axis, x[~known], rows["low"][~known], colour)
        median = rows.groupby("epoch")["noise_scale"].median()
        median = median[np.isfinite(median)]
        places = [epochs.index(epoch) + shift for epoch in median.index]
        axis.plot(places, median, color=colour, marker=marker, markersize=4, linewidth=1.3, label=label)
    axis.set_yscale("log")
    axes.label_plainly(axis.yaxis)
    axis.set_xticks(range(len(epochs)), [f"{epoch}" for epoch in epochs])
    axis.set(xlabel="Epochs of training", ylabel="Gradient noise scale (images)")
    axis.grid(visible=False, axis="x")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, title="Batch norm uses", fontsize=10)
    figure.tight_layout()
    return figure


def _arrows(axis, x: pd.Series, low: pd.Series, colour) -> None:
    """Draw an arrow as long as a doubling from each lower bound."""
    if len(x):
        look = {"color": colour, "linestyle": "", "elinewidth": 1.2, "capsize": 3, "lolims": True}
        axis.errorbar(x, low, [0 * low, low], **look)


def mean_gradient_direction(table: pd.DataFrame) -> plt.Figure:
    """Draw the cosine of the mean gradient at each batch size with that at the largest: dots, and means by epoch.

    `table` has `epoch`, `batch_size` and `cosine`; a row is a network, and none has a cosine that is not decided.
    """
    figure, axis = plt.subplots(figsize=(6.6, 3.8))
    epochs = sorted(table["epoch"].unique())
    for k, (epoch, colour) in enumerate(zip(epochs, sns.color_palette("viridis", len(epochs)), strict=True)):
        rows = table[table["epoch"] == epoch]
        marker = MARKERS[k % len(MARKERS)]
        x = axes.shifted(rows["batch_size"], k, len(epochs), 0.1)
        axis.scatter(x, rows["cosine"], color=[colour], marker=marker, s=24, alpha=0.65, zorder=3)
        axes.join_means(axis, rows["batch_size"], rows["cosine"], colour, marker, f"{epoch}", width=1.2)
    axis.axhline(0, color="0.4", linewidth=1)
    axis.set(xlabel="Batch size (images)", ylabel="Cosine with the mean gradient\nat the largest batch size")
    axes.label_batch_sizes(axis, table["batch_size"])
    axis.legend(title="Epoch", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure


def batch_norm_noise_by_batch_size(table: pd.DataFrame) -> plt.Figure:
    """Draw `measurements.batch_norm_noise_by_batch_size` for all layers in the table."""
    return measurements.batch_norm_noise_by_batch_size(table, sorted(table["place"].unique()))


def batch_norm_noise_over_formula(table: pd.DataFrame) -> plt.Figure:
    """Draw `measurements.measured_over_formula` of a table with one batch size."""
    return measurements.measured_over_formula(table, int(table["batch_size"].iloc[0]))
