"""The look of all figures, in one place, and one function per figure; draws from tables, never trains."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import PercentFormatter

from smallbatch.data import Data

# Okabe and Ito's colours as seaborn has them: told apart with all common kinds of colour blindness.
TRAIN, VALIDATION, TEST = (sns.color_palette("colorblind")[i] for i in (0, 1, 2))
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")


def theme() -> None:
    """Set fonts, grid and sizes for every figure that follows."""
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette="colorblind",
        rc={
            "figure.dpi": 110,
            "savefig.dpi": 110,
            "savefig.bbox": "tight",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "grid.color": "#e3e3e3",
            "legend.frameon": False,
        },
    )


def sample_images(data: Data, per_row: int = 10) -> plt.Figure:
    """Return a row of training images, one per class for the first `per_row` classes."""
    shown = [(name, np.flatnonzero(data.train.labels == i)) for i, name in enumerate(data.class_names[:per_row])]
    figure, axes = plt.subplots(1, len(shown), figsize=(1.1 * len(shown), 1.5), squeeze=False)
    for axis, (name, indices) in zip(axes[0], shown, strict=True):
        axis.imshow(data.train.images[indices[0]])
        axis.set_title(name, fontsize=9, loc="center", fontweight="normal")
        axis.axis("off")
    return figure


def one_learning_curve(history: pd.DataFrame) -> plt.Figure:
    """Return loss and accuracy of one run by epoch, for training as `fit` reports it and for validation."""
    figure, axes = plt.subplots(2, 1, figsize=(6.6, 5.2), sharex=True)
    for axis, metric, label in zip(axes, ("loss", "accuracy"), ("Loss (nats)", "Accuracy"), strict=True):
        for split, colour, marker in (("train", TRAIN, "o"), ("validation", VALIDATION, "s")):
            values = history[f"{split}_{metric}"]
            axis.plot(history["epoch"], values, color=colour, marker=marker, label=split)
        axis.set(ylabel=label)
    axes[1].set(xlabel="Epoch")
    axes[1].xaxis.get_major_locator().set_params(integer=True)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend()
    figure.tight_layout()
    return figure


def error_by_batch_size(runs: pd.DataFrame) -> plt.Figure:
    """Return test and training error against batch size: each finished run a dot, the mean over seeds a line."""
    finished = runs[runs["outcome"] == "finished"]
    table = pd.concat(
        [
            pd.DataFrame({"batch_size": finished["batch_size"], "split": split, "error": 1 - finished[column]})
            for split, column in (("test", "moving_test_accuracy"), ("train", "moving_train_accuracy"))
        ]
    )
    figure, axis = plt.subplots(figsize=(6.6, 3.8))
    for split, colour, marker in (("test", TEST, "D"), ("train", TRAIN, "o")):
        part = table[table["split"] == split]
        _dots_and_mean(axis, part, "error", colour, marker, split)
    axis.set(xlabel="Batch size (images per step)", ylabel="Error after training")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    highest = table["error"].max()
    axis.set_ylim(0, 1.08 * highest if highest > 0 else 1)
    axis.legend()
    _batch_size_axis(axis, runs["batch_size"])
    return figure


def generalization_gap(runs: pd.DataFrame) -> plt.Figure:
    """Return test minus training error, in points, against batch size: each finished run a dot, the mean a line."""
    finished = runs[runs["outcome"] == "finished"]
    table = finished.assign(gap=100 * (finished["moving_train_accuracy"] - finished["moving_test_accuracy"]))
    figure, axis = plt.subplots(figsize=(6.6, 3.4))
    _dots_and_mean(axis, table, "gap", sns.color_palette("colorblind")[4], "P", "test error − training error")
    axis.axhline(0, color="0.4", linewidth=1)
    axis.set(xlabel="Batch size (images per step)", ylabel="Generalization gap (points)")
    _batch_size_axis(axis, runs["batch_size"])
    return figure


def learning_curves(history: pd.DataFrame) -> plt.Figure:
    """Return validation accuracy and training loss by epoch, a colour and marker per batch size, thin lines: runs."""
    sizes = sorted(history["batch_size"].unique())
    colours = dict(zip(sizes, sns.color_palette("viridis", len(sizes)), strict=True))
    figure, axes = plt.subplots(2, 1, figsize=(6.6, 6.4), sharex=True)
    panels = (("train_loss", "Training loss (nats)"), ("validation_accuracy", "Validation accuracy"))
    for axis, (column, label) in zip(axes, panels, strict=True):
        for k, size in enumerate(sizes):
            part = history[history["batch_size"] == size]
            for _, run in part.groupby("run"):
                axis.plot(run["epoch"], run[column], color=colours[size], linewidth=0.7, alpha=0.5)
            mean = part.groupby("epoch")[column].mean()
            marker = MARKERS[k % len(MARKERS)]
            axis.plot(mean.index, mean, color=colours[size], marker=marker, markersize=5, label=str(size))
        axis.set(ylabel=label)
    axes[1].set(xlabel="Epoch")
    axes[1].xaxis.get_major_locator().set_params(integer=True)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend(title="Batch size", ncols=2)
    figure.tight_layout()
    return figure


def _dots_and_mean(axis, table: pd.DataFrame, column: str, colour, marker: str, label: str) -> None:
    axis.scatter(table["batch_size"], table[column], color=colour, marker=marker, s=28, alpha=0.6, zorder=3)
    mean = table.groupby("batch_size")[column].mean()
    axis.plot(mean.index, mean, color=colour, marker=marker, markersize=3, label=label)


def _batch_size_axis(axis, sizes: pd.Series) -> None:
    ticks = sorted(sizes.unique())
    axis.set_xscale("log", base=2)
    axis.set_xticks(ticks, [str(size) for size in ticks])
    axis.minorticks_off()
