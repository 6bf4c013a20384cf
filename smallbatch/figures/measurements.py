"""Figures of the measurements at a checkpoint: learning rates, gradient noise and the noise of batch statistics."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from smallbatch.figures import EVALUATIONS, MARKERS
from smallbatch.figures.axes import label_batch_sizes, label_plainly
from smallbatch.measurements.checkpoint import BATCH_SIZES
from smallbatch.measurements.stable_learning_rate.scaling_laws import LAWS, predict

# What batch norm normalizes with has the colours that it has in the rest of the book.
BATCH, RECALIBRATED = EVALUATIONS["batch"], EVALUATIONS["recalibrated"]
BATCH_NORM_USES = {"batch": "statistics of each batch", "recalibrated": "recalibrated statistics, kept fixed"}
LAW_LINES = dict(
    zip(
        LAWS,
        [
            ("constant", "0.45", ":"),
            ("∝ √B", sns.color_palette("colorblind")[1], "--"),
            ("∝ B", sns.color_palette("colorblind")[0], "-."),
            (r"$\epsilon_\mathrm{max}\,/\,(1 + \mathcal{B}/B)$", sns.color_palette("colorblind")[2], "-"),
            ("∝ B to a fitted power", sns.color_palette("colorblind")[4], (0, (1, 1))),
        ],
        strict=True,
    )
)
STUDIED = "#dbe9f6"


def learning_rates(panels: dict[str, tuple[pd.DataFrame, pd.DataFrame]]) -> plt.Figure:
    """Draw learning rates against batch size, both on logarithmic axes, a panel per measurement.

    A panel is (points, parameters): `points` with `batch_size`, `learning_rate` and, where a point has an interval,
    `low` and `high`; `parameters` as in `scaling_laws.Fits`. Every point is a dot; a line is a fitted law.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(3.2 * len(panels) + 0.8, 4.2), sharey=True, squeeze=False)
    for axis, (title, (points, parameters)) in zip(axes[0], panels.items(), strict=True):
        sizes = np.geomspace(points["batch_size"].min(), points["batch_size"].max(), 60)
        for law, (label, colour, line) in LAW_LINES.items():
            found = parameters[parameters["law"] == law].set_index("parameter")["value"].to_dict()
            if law != "power" and found:
                axis.plot(sizes, predict(law, found, sizes), color=colour, linestyle=line, linewidth=1.6, label=label)
        if "low" in points:
            spread = np.clip(
                [points["learning_rate"] - points["low"], points["high"] - points["learning_rate"]], 0, None
            )
            axis.errorbar(
                points["batch_size"], points["learning_rate"], spread, color="0.15", marker="o", linestyle="", capsize=2
            )
        else:
            # Seeds often end at the same rate: beside each other, all can be seen.
            place = points.groupby(["batch_size", "learning_rate"]).cumcount()
            n = points.groupby(["batch_size", "learning_rate"])["batch_size"].transform("size")
            x = points["batch_size"] * 2 ** (0.14 * (place - (n - 1) / 2))
            axis.scatter(x, points["learning_rate"], color="0.15", s=18, alpha=0.75, zorder=3, linewidth=0)
        axis.set_yscale("log")
        axis.set_xlabel("Batch size")
        axis.set_title(title, fontsize=11)
        label_batch_sizes(axis, points["batch_size"])
        label_plainly(axis.yaxis)
    axes[0, 0].set_ylabel("Learning rate")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.legend(handles, labels, loc="lower center", ncols=len(labels))
    return figure


def loss_after_one_step(table: pd.DataFrame, before: float) -> plt.Figure:
    """Draw how much a single step lowers the loss, against its learning rate, a line per batch size (means of draws).

    `table` has `batch_size`, `learning_rate` and `loss`; `before` is the loss before the step.
    """
    figure, axis = plt.subplots(figsize=(6.6, 3.8))
    sizes, highest = sorted(table["batch_size"].unique()), 0.0
    for k, (size, colour) in enumerate(zip(sizes, sns.color_palette("viridis", len(sizes)), strict=True)):
        gain = before - table[table["batch_size"] == size].groupby("learning_rate")["loss"].mean()
        axis.plot(gain.index, gain, color=colour, marker=MARKERS[k % len(MARKERS)], markersize=5, label=f"{size}")
        highest = max(highest, gain.max())
    axis.axhline(0, color="0.4", linewidth=1)
    axis.set_xscale("log")
    if highest > 0:
        # Steps that do great harm would squeeze all others onto one line.
        axis.set_ylim(-0.8 * highest, 1.1 * highest)
        mean = table.groupby(["batch_size", "learning_rate"])["loss"].mean().reset_index()
        seen = mean.loc[before - mean["loss"] > -0.8 * highest, "learning_rate"]
        axis.set_xlim(seen.min() / 1.5, 3 * seen.max())
    label_plainly(axis.xaxis)
    axis.set(xlabel="Learning rate of the step", ylabel="Loss taken away (nats)")
    axis.legend(title="Batch size", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure


def loss_after_short_training(table: pd.DataFrame, limit: float) -> plt.Figure:
    """Draw the loss at the end of each short training against its learning rate, a panel per kind of batch norm.

    `table` has `batch_norm`, `batch_size`, `learning_rate`, `loss` (nats, perhaps not a number) and `stable`. Those
    that diverged are hollow; a loss that is not a number or beyond the axis lies at its upper edge. Above the loss
    `limit` a run has diverged.
    """
    kinds = list(table["batch_norm"].unique())
    figure, axes = plt.subplots(len(kinds), 1, figsize=(6.6, 3.2 * len(kinds)), sharex=True, sharey=True, squeeze=False)
    sizes = sorted(table["batch_size"].unique())
    # Far above the limit nothing can be told apart that matters.
    lowest, highest = min(table["loss"].min(), limit) / 1.5, 30 * limit
    for axis, kind in zip(axes[:, 0], kinds, strict=True):
        part = table[table["batch_norm"] == kind]
        for k, (size, colour) in enumerate(zip(sizes, sns.color_palette("viridis", len(sizes)), strict=True)):
            runs = part[part["batch_size"] == size]
            shown = runs["loss"].fillna(np.inf).clip(upper=highest)
            for stable in (True, False):
                some = runs["stable"] == stable
                look = {"facecolor": colour, "label": f"{size}"} if stable else {"facecolor": "none"}
                look |= {"marker": MARKERS[k % len(MARKERS)], "edgecolor": colour, "alpha": 0.85}
                axis.scatter(runs["learning_rate"][some], shown[some], s=26, **look)
        axis.axhline(limit, color="0.4", linewidth=1, linestyle="--")
        axis.text(0.02, limit, "limit", transform=axis.get_yaxis_transform(), va="bottom", fontsize=9, color="0.3")
        axis.set(xscale="log", yscale="log", ylim=(lowest, 1.2 * highest), title=BATCH_NORM_USES[kind])
        axis.set_ylabel("Loss after a\nshort training (nats)")
        label_plainly(axis.xaxis)
        label_plainly(axis.yaxis)
    axes[-1, 0].set_xlabel("Learning rate")
    axes[0, 0].legend(title="Batch size", loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    return figure


def noise_scale_along_training(table: pd.DataFrame) -> plt.Figure:
    """Draw the gradient noise scale against the epoch, with intervals; the batch sizes of this book are a band.

    `table` has `epoch`, `batch_norm` (recalibrated or batch), `batch_size`, `noise_scale`, `low` and `high`. An arrow
    says that the interval has no upper end; without a dot, it starts at the lower end and the estimate is infinite.
    """
    figure, axis = plt.subplots(figsize=(6.6, 4.0))
    axis.axhspan(min(BATCH_SIZES), max(BATCH_SIZES), color=STUDIED, zorder=0)
    epochs = sorted(table["epoch"].unique())
    axis.text(0.01, max(BATCH_SIZES), "batch sizes 1–32", transform=axis.get_yaxis_transform(), va="top", fontsize=9)
    recalibrated = table[table["batch_norm"] == "recalibrated"]
    _with_intervals(axis, recalibrated, epochs, -0.12, *RECALIBRATED, "recalibrated statistics, any batch size")
    batch = table[table["batch_norm"] == "batch"]
    sizes = sorted(batch["batch_size"].unique())
    chosen = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]}) if sizes else []
    for k, (size, colour) in enumerate(zip(chosen, sns.color_palette("viridis", len(chosen)), strict=True)):
        rows = batch[batch["batch_size"] == size]
        _with_intervals(axis, rows, epochs, 0.12 * k, colour, MARKERS[k + 1], f"statistics of batches of {size}")
    axis.set_yscale("log")
    label_plainly(axis.yaxis)
    axis.set_xticks(range(len(epochs)), [f"{epoch}" for epoch in epochs])
    axis.set(xlabel="Epochs of training", ylabel="Gradient noise scale (images)")
    axis.grid(visible=False, axis="x")
    axis.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.16), ncols=2, title="Batch norm uses", alignment="left")
    figure.tight_layout()
    return figure


def _with_intervals(axis, rows: pd.DataFrame, epochs: list, shift: float, colour, marker: str, label: str) -> None:
    rows = rows.sort_values("epoch")
    x = np.array([epochs.index(epoch) for epoch in rows["epoch"]]) + shift
    _estimates(axis, x, rows["noise_scale"], rows["low"], rows["high"], color=colour, marker=marker, label=label)


def _estimates(axis, x, values, low, high, **look) -> None:
    """Draw positive estimates with intervals, which may both be infinite."""
    x, values, low, high = (np.asarray(numbers, float) for numbers in (x, values, low, high))
    known, open_ended = np.isfinite(values), ~np.isfinite(high)
    ends = np.where(open_ended, values, high)[known]
    spread = np.clip([(values - low)[known], ends - values[known]], 0, None)
    axis.errorbar(x[known], values[known], spread, markersize=5, linewidth=1.4, capsize=2, **look)
    from_here = np.where(known, values, low)[open_ended]
    arrows = {"color": look["color"], "linestyle": "", "elinewidth": 1.2}
    # An arrow as long as a doubling.
    axis.errorbar(x[open_ended], from_here, [0 * from_here, from_here], lolims=True, capsize=3, **arrows)


def noise_to_signal(table: pd.DataFrame) -> plt.Figure:
    """Draw the noise of a batch's gradient over its signal against batch size, a panel per epoch measured.

    The same table as in `noise_scale_along_training`. The line is what recalibrated statistics give, inversely
    proportional to the batch size; dots are measured with the statistics of each batch.
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
        per_batch = [batch[name] / batch["batch_size"] for name in ("noise_scale", "low", "high")]
        look = {"color": BATCH[0], "marker": BATCH[1], "linestyle": "", "label": "statistics of the batch"}
        _estimates(axis, batch["batch_size"], *per_batch, **look)
        axis.set_yscale("log")
        axis.set(xlabel="Batch size", title=f"epoch {epoch}")
        label_batch_sizes(axis, pd.Series(sizes))
        label_plainly(axis.yaxis)
    axes[0, 0].set_ylabel("Noise over signal of the gradient")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.legend(handles, labels, loc="lower center", ncols=2, title=None)
    return figure


def direction_of_mean_gradients(table: pd.DataFrame) -> plt.Figure:
    """Draw the cosine between the mean gradient at each batch size and at the largest, a line per epoch measured.

    `table` has `epoch`, `batch_size`, `cosine`, `cosine_low` and `cosine_high`; rows without an interval, where the
    angle is not decided, are left out.
    """
    table = table.dropna(subset=["cosine", "cosine_low", "cosine_high"])
    figure, axis = plt.subplots(figsize=(6.6, 3.6))
    epochs = sorted(table["epoch"].unique())
    for k, (epoch, colour) in enumerate(zip(epochs, sns.color_palette("viridis", len(epochs)), strict=True)):
        rows = table[table["epoch"] == epoch]
        spread = np.clip([rows["cosine"] - rows["cosine_low"], rows["cosine_high"] - rows["cosine"]], 0, None)
        x = rows["batch_size"] * 2 ** (0.1 * (k - (len(epochs) - 1) / 2))
        look = {"color": colour, "marker": MARKERS[k % len(MARKERS)], "markersize": 5, "capsize": 2, "linewidth": 1.2}
        axis.errorbar(x, rows["cosine"], spread, label=f"{epoch}", **look)
    axis.axhline(0, color="0.4", linewidth=1)
    axis.set(xlabel="Batch size", ylabel="Cosine with the mean gradient\nat the largest batch size")
    label_batch_sizes(axis, table["batch_size"])
    axis.legend(title="Epoch", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure


def batch_norm_noise_by_batch_size(table: pd.DataFrame, places: list[int]) -> plt.Figure:
    """Draw the noise of the batch mean against batch size, a panel per layer (by its place in the network).

    `table` has `place`, `layer`, `positions`, `batch_size`, `upstream`, `mean_noise` and `predicted`; rows of several
    networks are a dot each. The solid line is the formula (mean over networks); the dotted one, what it would be if all
    positions of all images were independent.
    """
    figure, axes = plt.subplots(1, len(places), figsize=(2.3 * len(places) + 0.6, 3.7), sharey=True, squeeze=False)
    for axis, place in zip(axes[0], places, strict=True):
        rows = table[table["place"] == place]
        for upstream, (colour, marker), label in (
            ("fixed", RECALIBRATED, "measured, statistics upstream fixed"),
            ("batch", BATCH, "measured, as in training"),
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
        label_batch_sizes(axis, some["batch_size"])
        label_plainly(axis.yaxis)
    axes[0, 0].set_ylabel("Noise of the batch mean\n(standard deviations)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0.15, 1, 1))
    figure.legend(handles, labels, loc="lower center", ncols=2)
    return figure


def batch_norm_noise_by_depth(table: pd.DataFrame, batch_sizes: list[int], column: str, label: str) -> plt.Figure:
    """Draw a column of the table by depth, as in training, a panel per state and a line per batch size."""
    states = list(table["state"].unique())
    figure, axes = plt.subplots(1, len(states), figsize=(4.0 * len(states), 3.5), sharey=True, squeeze=False)
    for axis, state in zip(axes[0], states, strict=True):
        rows = table[(table["state"] == state) & (table["upstream"] == "batch")]
        for size, colour in zip(batch_sizes, sns.color_palette("viridis", len(batch_sizes)), strict=True):
            some = rows[rows["batch_size"] == size].sort_values("place")
            axis.plot(some["place"] + 1, some[column], color=colour, linewidth=1.3, label=f"{size}")
        axis.set_yscale("log")
        axis.set(xlabel="Batch norm layer, in order", title=state)
        label_plainly(axis.yaxis)
    axes[0, 0].set_ylabel(label)
    axes[0, -1].legend(title="Batch size", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure


def measured_over_formula(table: pd.DataFrame, batch_size: int) -> plt.Figure:
    """Draw the measured noise of the batch mean over the formula's by depth, as in training and with fixed statistics
    upstream, a panel per state; below, the share of variance between images.

    Rows of several networks are a dot each; lines join the means.
    """
    states = list(table["state"].unique())
    size = (max(6.6, 4.0 * len(states)), 5.0)
    figure, axes = plt.subplots(
        2, len(states), figsize=size, sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    for (above, below), state in zip(axes.T, states, strict=True):
        rows = table[(table["state"] == state) & (table["batch_size"] == batch_size)].sort_values("place")
        above.axhline(1, color="0.4", linewidth=1)
        for upstream, (colour, marker), label in (
            ("fixed", RECALIBRATED, "statistics upstream fixed"),
            ("batch", BATCH, "as in training"),
        ):
            some = rows[rows["upstream"] == upstream]
            mean = some.groupby("place")["ratio"].mean()
            above.scatter(some["place"] + 1, some["ratio"], color=[colour], marker=marker, s=9)
            above.plot(mean.index + 1, mean, color=colour, marker=marker, markersize=3, linewidth=0.8, label=label)
        share = some.groupby("place")["between_images"].mean()
        below.plot(share.index + 1, share, color="0.3", marker=".", linewidth=0.8)
        above.set(title=state)
        below.set_xlabel("Batch norm layer, in order")
    axes[0, 0].set_ylabel(f"Measured over formula,\nbatch size {batch_size}")
    axes[1, 0].set_ylabel("Share of variance\nbetween images")
    for axis in axes[:, 0]:
        axis.set_ylim(bottom=0)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.tight_layout(rect=(0, 0.07, 1, 1))
    figure.legend(handles, labels, loc="lower center", ncols=2)
    return figure
