"""The noise of batch statistics as it was measured at checkpoints, of one network (the notebook) or several (the book).

All figures are drawn from the points of the notebook `batch_norm_noise`; a row is a layer at a batch size, with the
layers upstream as in training (`batch`) or with fixed statistics (`fixed`).
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

NOTEBOOK = "batch_norm_noise"
# Layers drawn one by one: the first, the middle and the last.
FRACTIONS_OF_DEPTH = (0, 0.5, 1)
# Diamonds and squares, as the evaluations with these statistics are.
FIXED = ("fixed", *style.EVALUATIONS["recalibrated"])
BATCH = ("batch", *style.EVALUATIONS["batch"])


def _trained_layers(evidence: Evidence) -> FigureData:
    data = evidence.measured(NOTEBOOK)
    table = data.table[data.table["state"] == "after training"]
    columns = ["run", "seed", "upstream", "place", "layer", "positions", "batch_size", "mean_noise", "predicted"]
    return FigureData(table[[*columns, "ratio", "between_images", "state"]], data.study, data.runs)


def _some_layers(evidence: Evidence) -> FigureData:
    data = _trained_layers(evidence)
    last = data.table["place"].max()
    shown = data.table["place"].isin({round(fraction * last) for fraction in FRACTIONS_OF_DEPTH})
    return FigureData(data.table[shown].drop(columns=["ratio", "between_images", "state"]), data.study, data.runs)


def batch_norm_noise_by_batch_size(table: pd.DataFrame) -> plt.Figure:
    """Return the noise of the batch mean against batch size, a panel per layer of the table.

    `table` has `place`, `layer`, `positions`, `batch_size`, `upstream`, `mean_noise` and `predicted`; rows of several
    networks are a dot each. The solid line is the formula (mean over networks); the dotted one, what it would be if all
    positions of all images were independent.
    """
    places = sorted(table["place"].unique())
    figure, axes = plt.subplots(1, len(places), figsize=(style.width_of(places), 3.7), sharey=True, squeeze=False)
    for axis, place in zip(axes[0], places, strict=True):
        rows = table[table["place"] == place]
        for (upstream, colour, marker), label in (
            (FIXED, "measured, statistics upstream fixed"),
            (BATCH, "measured, as in training"),
        ):
            some = rows[rows["upstream"] == upstream].sort_values("batch_size")
            axis.plot(some["batch_size"], some["mean_noise"], color=colour, marker=marker, linestyle="", label=label)
        formula = some.groupby("batch_size")["predicted"].mean()
        axis.plot(formula.index, formula, color="0.2", linewidth=1.2, label="formula", zorder=1)
        positions = some["positions"].iloc[0]
        side = round(positions**0.5)
        independent = 1 / np.sqrt(formula.index * positions)
        axis.plot(formula.index, independent, color="0.5", linestyle=":", label="if all positions were independent")
        axis.set_yscale("log")
        axis.set_xlabel("Batch size")
        axis.set_title(f"layer {place + 1}, {side}×{side} map", fontsize=11)
        style.label_batch_sizes(axis, some["batch_size"])
        style.label_plainly(axis.yaxis)
    axes[0, 0].set_ylabel("Noise of the batch mean\n(standard deviations)")
    style.legend_below(axes[0, 0], ncols=2, fontsize=10)
    return figure


def _some_layers_alt(table: pd.DataFrame) -> str:
    training = table[table["upstream"] == "batch"].assign(layer=table["place"].map(lambda place: f"layer {place + 1}"))
    found = alt_text.lines(training.sort_values("place"), "layer", "batch_size", "mean_noise", 3)
    return f"A panel per layer with both axes logarithmic. Noise as in training, by batch size: {found}."


def _one_batch_size(evidence: Evidence) -> FigureData:
    data = _trained_layers(evidence)
    sizes = sorted(data.table["batch_size"].unique())
    return FigureData(data.table[data.table["batch_size"] == sizes[len(sizes) // 2]], data.study, data.runs)


def batch_norm_noise_over_formula(table: pd.DataFrame) -> plt.Figure:
    """Return the measured noise of the batch mean over the formula's by depth, at the one batch size of the table.

    A panel per `state`; measured as in training and with fixed statistics upstream. Below, the fraction of variance
    between images. Rows of several networks are a dot each; lines join the means.
    """
    states = list(table["state"].unique())
    size = (style.width_of(states), 4.8)
    figure, axes = plt.subplots(
        2, len(states), figsize=size, sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    for (above, below), state in zip(axes.T, states, strict=True):
        rows = table[table["state"] == state].sort_values("place")
        above.axhline(1, color="0.4", linewidth=1)
        for (upstream, colour, marker), label in ((FIXED, "statistics upstream fixed"), (BATCH, "as in training")):
            some = rows[rows["upstream"] == upstream]
            mean = some.groupby("place")["ratio"].mean()
            above.scatter(some["place"] + 1, some["ratio"], color=[colour], marker=marker, s=9)
            above.plot(mean.index + 1, mean, color=colour, marker=marker, markersize=3, linewidth=0.8, label=label)
        fraction = some.groupby("place")["between_images"].mean()
        below.plot(fraction.index + 1, fraction, color="0.3", marker=".", linewidth=0.8)
        above.set(title=state)
        below.set_xlabel(f"Batch norm layer, in order (batch size {int(table['batch_size'].iloc[0])})")
    axes[0, 0].set_ylabel("Measured\nover formula")
    axes[1, 0].set_ylabel("Variance between\nimages (fraction)")
    for axis in axes[:, 0]:
        axis.set_ylim(bottom=0)
    style.legend_below(axes[0, 0], ncols=2)
    return figure


def _one_batch_size_alt(table: pd.DataFrame) -> str:
    ratios, between = table.groupby("upstream")["ratio"].median(), table["between_images"].median()
    return (
        f"Measured over predicted noise by depth at batch size {table['batch_size'].iloc[0]}, and below it the "
        f"fraction of variance between images. Median ratio over layers: as in training {ratios['batch']:.2f}, with "
        f"statistics upstream fixed {ratios['fixed']:.2f}. Median fraction between images: {between:.2f}."
    )


def batch_norm_noise_by_depth(table: pd.DataFrame, column: str, label: str) -> plt.Figure:
    """Return a column of the table by depth, as in training, a panel per state and a line per batch size.

    Of one network; in the notebook alone.
    """
    states = list(table["state"].unique())
    figure, axes = plt.subplots(1, len(states), figsize=(4.0 * len(states), 3.5), sharey=True, squeeze=False)
    for axis, state in zip(axes[0], states, strict=True):
        rows = table[(table["state"] == state) & (table["upstream"] == "batch")]
        for size, colour, _ in style.shades(sorted(rows["batch_size"].unique())):
            some = rows[rows["batch_size"] == size].sort_values("place")
            axis.plot(some["place"] + 1, some[column], color=colour, linewidth=1.3, label=f"{size}")
        axis.set_yscale("log")
        axis.set(xlabel="Batch norm layer, in order", title=state)
        style.label_plainly(axis.yaxis)
    axes[0, 0].set_ylabel(label)
    style.legend_beside(axes[0, -1], "Batch size")
    figure.tight_layout()
    return figure


FIGURES = [
    FigureEntry(
        "batch-norm-noise-by-batch-size",
        "Noise of batch means against batch size, in three layers",
        "Noise of a batch's mean against batch size, in the first, the middle and the last layer. Squares: as "
        "in training; diamonds: statistics upstream fixed; lines: what independent images, or independent "
        "positions, would give. A marker is a network.",
        _some_layers,
        batch_norm_noise_by_batch_size,
        _some_layers_alt,
        details=(
            "Standard deviation of the mean of a batch, in standard deviations of the channel (root mean square "
            "over channels), against batch size, in the first, the middle and the last batch norm layer of "
            "trained networks. Squares: as in training, all layers use the batch. Diamonds: layers upstream use "
            "fixed statistics, so that images stay independent. Solid lines: the formula for independent images; "
            "dotted: all positions independent. Each marker is one network (a seed)."
        ),
    ),
    FigureEntry(
        "batch-norm-noise-over-formula",
        "Noise of batch means over what a formula predicts, by depth",
        "Above, noise of the batch mean over the formula for independent images, by layer: statistics "
        "upstream fixed (diamonds) or as in training (squares). Below, the fraction of variance between "
        "images. Markers are networks, lines their means.",
        _one_batch_size,
        batch_norm_noise_over_formula,
        _one_batch_size_alt,
        details=(
            "Above, measured noise of the batch mean over the prediction for independent images, by layer, at one "
            "batch size in trained networks, with fixed statistics upstream (diamonds) and as in training "
            "(squares). Below, the share of a channel's variance that lies between images. Markers are networks "
            "(a seed each), lines join the means."
        ),
    ),
]
