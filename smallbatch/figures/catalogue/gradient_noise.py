"""The noise of the gradient as it was measured at checkpoints, of one network (the notebook) or of several (the book).

All figures are drawn from the points of the notebook `gradient_noise`, of which a row is an estimate.
"""

import contextlib

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.packet import FigureEntry
from smallbatch.measurements.checkpoint import BATCH_SIZES

NOTEBOOK = "gradient_noise"
# What batch norm normalizes with has the colours that it has in the rest of the book.
BATCH, RECALIBRATED = style.EVALUATIONS["batch"], style.EVALUATIONS["recalibrated"]
STUDIED = "#dbe9f6"


def _noise_scale(evidence: Evidence) -> FigureData:
    data = evidence.measured(NOTEBOOK)
    columns = ["run", "seed", "epoch", "batch_norm", "batch_size", "noise_scale", "low", "high"]
    return FigureData(data.table[columns], data.study, data.runs)


def gradient_noise_scale(table: pd.DataFrame, intervals: bool = False) -> plt.Figure:
    """Return the gradient noise scale against the epoch: a dot per network, a line through the medians.

    `table` has `epoch`, `batch_norm` (recalibrated or batch), `batch_size`, `noise_scale`, `low` and `high`. With fixed
    (recalibrated) statistics there is one scale for all batch sizes, with those of each batch one for each; the
    smallest, middle and largest of these are drawn. Where the estimate is infinite, an arrow starts at its lower bound.
    The batch sizes of this book are a band. `intervals` shows those of the estimates, for a single network.
    """
    figure, axis = plt.subplots(figsize=(style.WIDTH, 4.2))
    axis.axhspan(min(BATCH_SIZES), max(BATCH_SIZES), color=STUDIED, zorder=0)
    axis.text(0.01, max(BATCH_SIZES), f"batch sizes {min(BATCH_SIZES)}–{max(BATCH_SIZES)}",
              transform=axis.get_yaxis_transform(), va="top", fontsize=9)  # fmt: skip
    epochs = sorted(table["epoch"].unique())
    series = _series(table)
    for place, (rows, colour, marker, label) in enumerate(series):
        shift = 0.13 * (place - (len(series) - 1) / 2)
        x = rows["epoch"].map(epochs.index) + shift
        known = np.isfinite(rows["noise_scale"])
        axis.scatter(x[known], rows["noise_scale"][known], color=[colour], marker=marker, s=24, alpha=0.65, zorder=3)
        if intervals:
            _intervals(axis, x, rows["noise_scale"], rows["low"], rows["high"], colour)
        else:
            _arrows(axis, x[~known], rows["low"][~known], colour)
        median = rows.groupby("epoch")["noise_scale"].median()
        median = median[np.isfinite(median)]
        places = [epochs.index(epoch) + shift for epoch in median.index]
        axis.plot(places, median, color=colour, marker=marker, markersize=4, linewidth=1.3, label=label)
    axis.set_yscale("log")
    style.label_plainly(axis.yaxis)
    axis.set_xticks(range(len(epochs)), [f"{epoch}" for epoch in epochs])
    axis.set(xlabel="Epochs of training", ylabel="Gradient noise scale (images)")
    axis.grid(visible=False, axis="x")
    style.legend_below(axis, title=style.STATISTICS_TITLE, ncols=2, fontsize=9.5, columnspacing=1)
    return figure


def _series(table: pd.DataFrame) -> list[tuple[pd.DataFrame, tuple, str, str]]:
    """Return rows, colour, marker and label of each line."""
    fixed, batch = (table[table["batch_norm"] == kind] for kind in ("recalibrated", "batch"))
    sizes = sorted(batch["batch_size"].unique())
    shown = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}) if sizes else []
    series = [(fixed, *RECALIBRATED, "recalibrated statistics, any batch size")]
    for k, (size, colour, _) in enumerate(style.shades(shown)):
        # The first markers are those of the evaluations.
        marker = style.MARKERS[k + 3]
        series.append((batch[batch["batch_size"] == size], colour, marker, f"statistics of batches of {size}"))
    return series


def _arrows(axis: Axes, x, low, colour) -> None:
    """Draw an arrow as long as a doubling from each lower bound."""
    if len(x):
        look = {"color": colour, "linestyle": "", "elinewidth": 1.2, "capsize": 3, "lolims": True}
        axis.errorbar(x, low, [0 * low, low], **look)


def _intervals(axis: Axes, x, values, low, high, colour) -> None:
    """Draw the intervals of positive estimates, both of which may be infinite; without an upper end, as an arrow."""
    x, values, low, high = (np.asarray(numbers, float) for numbers in (x, values, low, high))
    known, open_ended = np.isfinite(values), ~np.isfinite(high)
    upper = np.where(open_ended, values, high)
    bars = style.interval(values[known], low[known], upper[known])
    axis.errorbar(x[known], values[known], bars, color=colour, linestyle="", elinewidth=1.2, capsize=2)
    _arrows(axis, x[open_ended], np.where(known, values, low)[open_ended], colour)


def _noise_scale_alt(table: pd.DataFrame) -> str:
    fixed = table[table["batch_norm"] == "recalibrated"]
    medians = fixed.groupby("epoch")["noise_scale"].median()
    batch = table[(table["batch_norm"] == "batch") & (table["batch_size"] == table["batch_size"].max())]
    of_batches = batch.groupby("epoch")["noise_scale"].median()
    largest = f"{batch['batch_size'].iloc[0]}" if len(batch) else "none"
    return (
        "Dots and lines by epoch on a logarithmic vertical axis, with the batch sizes studied as a band. Median noise "
        f"scale in images, recalibrated statistics: {_by_epoch(medians)}; statistics of batches of {largest}: "
        f"{_by_epoch(of_batches)}."
    )


def _by_epoch(values: pd.Series) -> str:
    return ", ".join(
        f"epoch {epoch}: {value:.3g}" if np.isfinite(value) else f"epoch {epoch}: no upper bound"
        for epoch, value in values.items()
    )


def _directions(evidence: Evidence) -> FigureData:
    data = evidence.measured(NOTEBOOK)
    columns = ["run", "seed", "epoch", "batch_size", "cosine", "cosine_low", "cosine_high"]
    with contextlib.suppress(KeyError):
        table = data.table[columns].dropna()
        if len(table):
            return FigureData(table, data.study, data.runs)
    raise NotMeasured("no angle between mean gradients is decided")


def mean_gradient_direction(table: pd.DataFrame, intervals: bool = False) -> plt.Figure:
    """Return the cosine of the mean gradient at each batch size with that at the largest: dots, and means by epoch.

    `table` has `epoch`, `batch_size`, `cosine`, `cosine_low` and `cosine_high`; a row is a network, and one without an
    interval, of which the angle is not decided, is left out. `intervals` shows them, for a single network.
    """
    table = table.dropna(subset=["cosine", "cosine_low", "cosine_high"])
    figure, axis = plt.subplots(figsize=(style.WIDTH, 3.5))
    epochs = sorted(table["epoch"].unique())
    for place, (epoch, colour, marker) in enumerate(style.shades(epochs)):
        rows = table[table["epoch"] == epoch]
        x = style.shifted(rows["batch_size"], place, len(epochs), 0.1)
        axis.scatter(x, rows["cosine"], color=[colour], marker=marker, s=24, alpha=0.65, zorder=3)
        if intervals:
            bars = style.interval(rows["cosine"], rows["cosine_low"], rows["cosine_high"])
            axis.errorbar(x, rows["cosine"], bars, color=colour, linestyle="", elinewidth=1.2, capsize=2)
        # Means of several networks stand at the true size, between the dots.
        places = x if intervals else rows["batch_size"]
        style.join_means(axis, places, rows["cosine"], colour, marker, f"{epoch}", width=1.2)
    axis.axhline(0, color="0.4", linewidth=1)
    axis.set(xlabel="Batch size (images)", ylabel="Cosine with the mean gradient\nat the largest batch size")
    style.label_batch_sizes(axis, table["batch_size"])
    style.legend_beside(axis, "Epoch")
    figure.tight_layout()
    return figure


def _directions_alt(table: pd.DataFrame) -> str:
    found = alt_text.lines(table.sort_values("epoch"), "epoch", "batch_size", "cosine", 2)
    return f"Dots and lines of mean cosines against batch size, a line per epoch. By epoch and batch size: {found}."


def noise_to_signal(table: pd.DataFrame) -> plt.Figure:
    """Return the noise of a batch's gradient over its signal against batch size, of one network, a panel per epoch.

    The same table as in `gradient_noise_scale`. The line is what recalibrated statistics give, inversely proportional
    to the batch size; dots are measured with the statistics of each batch. In the notebook alone.
    """
    epochs = sorted(table["epoch"].unique())
    figure, axes = plt.subplots(1, len(epochs), figsize=(2.3 * len(epochs) + 0.4, 3.3), sharey=True, squeeze=False)
    for axis, epoch in zip(axes[0], epochs, strict=True):
        part = table[table["epoch"] == epoch]
        batch = part[part["batch_norm"] == "batch"]
        scale = part.loc[part["batch_norm"] == "recalibrated", "noise_scale"].iloc[0]
        sizes = np.array(sorted(batch["batch_size"]))
        axis.axhline(1, color="0.4", linewidth=1)
        axis.plot(sizes, scale / sizes, color=RECALIBRATED[0], label="recalibrated statistics")
        values, low, high = (batch[name] / batch["batch_size"] for name in ("noise_scale", "low", "high"))
        known = np.isfinite(values)
        look = {"color": BATCH[0], "marker": BATCH[1], "markersize": 5, "linestyle": ""}
        axis.plot(batch["batch_size"][known], values[known], label="statistics of the batch", **look)
        _intervals(axis, batch["batch_size"], values, low, high, BATCH[0])
        axis.set_yscale("log")
        axis.set(xlabel="Batch size", title=f"epoch {epoch}")
        style.label_batch_sizes(axis, pd.Series(sizes))
        style.label_plainly(axis.yaxis)
    axes[0, 0].set_ylabel("Noise over signal of the gradient")
    style.legend_below(axes[0, 0], 0.1, ncols=2)
    return figure


FIGURES = [
    FigureEntry(
        "gradient-noise-scale",
        "Gradient noise scale along training",
        "Gradient noise scale, the batch size at which noise and signal of the gradient are equal, by epoch. "
        "Dots are networks, lines join medians; arrows start at the lower bound of estimates without an upper "
        "one.",
        _noise_scale,
        gradient_noise_scale,
        _noise_scale_alt,
        details=(
            "Gradient noise scale, the batch size at which noise and signal of a batch's gradient are equal, "
            "against the epoch at which it was measured. Each dot is one network (a seed), lines go through the "
            "medians; an arrow starts at the lower end of the 95% interval of an estimate that has no upper "
            "bound, since its signal cannot be told from zero. The band marks the batch sizes of this book."
        ),
    ),
    FigureEntry(
        "mean-gradient-direction",
        "Direction of the mean gradient by batch size",
        "Cosine of the angle between the mean gradient of batches of a size and that of the largest ones, "
        "per-batch statistics, by epoch. 1: the same direction, 0: a right angle. Dots are networks, lines "
        "join their means.",
        _directions,
        mean_gradient_direction,
        _directions_alt,
        details=(
            "Cosine of the angle between the mean gradient of batches of a size and that of the largest batches, "
            "with the statistics of each batch, by epoch of training; corrected for noise. 1 is the same "
            "direction, 0 a right angle. Each dot is one network (a seed), lines join the means. Angles that the "
            "noise leaves undecided are left out."
        ),
    ),
]
