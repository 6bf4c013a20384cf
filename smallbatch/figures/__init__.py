"""The look of all figures, in one place, and one function per figure; draws from tables, never trains."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import PercentFormatter

from smallbatch.training.data import Data

# One colour and marker per evaluation, throughout the book.
EVALUATIONS = {
    name: (sns.color_palette("colorblind")[colour], marker)
    for name, colour, marker in (("moving", 3, "o"), ("batch", 7, "s"), ("recalibrated", 9, "D"))
}
LAGS = {
    "lag_mean": "Distance of means\n(standard deviations)",
    "lag_sd": "Distance of standard\ndeviations (log)",
}
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
        axis.set_title(name, fontsize=9, loc="center", fontweight="normal", parse_math=False)
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


def three_evaluations(metrics: dict) -> plt.Figure:
    """Return the accuracy of one run on each split in the three evaluations, with 95 % intervals.

    `metrics` is {evaluation: {split: {accuracy, accuracy_low, accuracy_high}}}.
    """
    splits = list(next(iter(metrics.values())))
    figure, axis = plt.subplots(figsize=(6.6, 3.2))
    for k, (name, by_split) in enumerate(metrics.items()):
        colour, marker = EVALUATIONS[name]
        values = pd.DataFrame(by_split).T.loc[splits]
        places = np.arange(len(splits)) + 0.14 * (k - 1)
        spread = _spread(values["accuracy"], values["accuracy_low"], values["accuracy_high"])
        axis.errorbar(places, values["accuracy"], spread, color=colour, marker=marker, linestyle="", label=name)
    axis.set_xticks(range(len(splits)), splits)
    axis.set(ylabel="Accuracy", ylim=(0, 1.03), xlim=(-0.5, len(splits) - 0.5))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.grid(visible=False, axis="x")
    axis.legend(title="Batch norm uses", loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def statistics_lag(history: pd.DataFrame) -> plt.Figure:
    """Return how far batch norm's moving averages are from the training images' statistics, by epoch of one run."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.0), sharex=True)
    for axis, (column, label) in zip(axes, LAGS.items(), strict=True):
        axis.plot(history["epoch"], history[f"{column}_worst"], color="0.45", marker="^", label="worst layer")
        axis.plot(history["epoch"], history[column], color=EVALUATIONS["moving"][0], marker="o", label="median layer")
        axis.set(xlabel="Epoch", ylabel=label)
        axis.set_ylim(bottom=0)
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend()
    figure.tight_layout()
    return figure


def diagnosis(accuracy: pd.DataFrame, parts: pd.DataFrame) -> plt.Figure:
    """Return accuracies by evaluation and set (left) and the parts of the gap in points (right), with intervals.

    `accuracy` and `parts` are those of `diagnosis.Diagnosis`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2))
    sets = list(accuracy["set"].unique())
    for k, (name, table) in enumerate(accuracy.groupby("evaluation", sort=False)):
        colour, marker = EVALUATIONS[name]
        table = table.set_index("set").loc[sets]
        spread = _spread(table["accuracy"], table["low"], table["high"])
        places = np.arange(len(sets)) + 0.12 * (k - 1)
        left.errorbar(places, table["accuracy"], spread, color=colour, marker=marker, linestyle="", label=name)
    left.set_xticks(range(len(sets)), sets)
    left.set(ylabel="Accuracy", ylim=(0, 1.03), xlim=(-0.5, len(sets) - 0.5))
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.grid(visible=False, axis="x")
    left.legend(fontsize=9, loc="lower left")
    labels = [name.replace(" ", "\n", 1) for name in parts.index]
    right.barh(labels, parts["points"], color="0.75", height=0.55)
    spread = _spread(parts["points"], parts["low"], parts["high"])
    right.errorbar(parts["points"], labels, xerr=spread, color="0.2", linestyle="", capsize=3)
    right.axvline(0, color="0.4", linewidth=1)
    right.set(xlabel="Part of the gap (points)")
    right.invert_yaxis()
    right.grid(visible=False, axis="y")
    figure.tight_layout()
    return figure


def _spread(values: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    # Rounding may put the end of an interval a hair inside of an accuracy of 0 or 1.
    return np.clip(np.array([values - low, high - values], float), 0, None)


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


def error_by_evaluation(runs: pd.DataFrame) -> plt.Figure:
    """Return test error against batch size in the three evaluations: each finished run a dot, the mean a line."""
    finished = runs[runs["outcome"] == "finished"]
    figure, axis = plt.subplots(figsize=(6.6, 3.8))
    highest = 0.0
    for name, (colour, marker) in EVALUATIONS.items():
        table = finished.assign(error=1 - finished[f"{name}_test_accuracy"])
        _dots_and_mean(axis, table, "error", colour, marker, name)
        highest = max(highest, table["error"].max()) if len(table) else highest
    axis.set(xlabel="Batch size (images per step)", ylabel="Test error after training")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_ylim(0, 1.08 * highest if highest > 0 else 1)
    axis.legend(title="Batch norm uses")
    _batch_size_axis(axis, runs["batch_size"])
    return figure


def generalization_gap(runs: pd.DataFrame) -> plt.Figure:
    """Return test minus training error, recalibrated, in points, against batch size: a dot per run, the mean a line."""
    finished = runs[runs["outcome"] == "finished"]
    gap = finished["recalibrated_train_accuracy"] - finished["recalibrated_test_accuracy"]
    figure, axis = plt.subplots(figsize=(6.6, 3.4))
    label = "test error − training error"
    _dots_and_mean(axis, finished.assign(gap=100 * gap), "gap", sns.color_palette("colorblind")[4], "P", label)
    axis.axhline(0, color="0.4", linewidth=1)
    axis.set(xlabel="Batch size (images per step)", ylabel="Generalization gap (points)")
    _batch_size_axis(axis, runs["batch_size"])
    return figure


def lag_curves(history: pd.DataFrame, by: str = "batch_size", title: str = "Batch size") -> plt.Figure:
    """Return how far the moving averages are from the training images' statistics by epoch, a colour per `by`."""
    figure, axes = plt.subplots(2, 1, figsize=(6.6, 5.6), sharex=True)
    for axis, (column, label) in zip(axes, LAGS.items(), strict=True):
        _curves(axis, history.dropna(subset=[column]), column, by)
        axis.set(ylabel=label)
        axis.set_ylim(bottom=0)
    axes[1].set(xlabel="Epoch")
    axes[1].xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(title=title, ncols=2)
    figure.tight_layout()
    return figure


def learning_curves(history: pd.DataFrame) -> plt.Figure:
    """Return validation accuracy and training loss by epoch, a colour and marker per batch size, thin lines: runs."""
    figure, axes = plt.subplots(2, 1, figsize=(6.6, 6.4), sharex=True)
    panels = (("train_loss", "Training loss (nats)"), ("validation_accuracy", "Validation accuracy"))
    for axis, (column, label) in zip(axes, panels, strict=True):
        _curves(axis, history, column)
        axis.set(ylabel=label)
    axes[1].set(xlabel="Epoch")
    axes[1].xaxis.get_major_locator().set_params(integer=True)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].legend(title="Batch size", ncols=2)
    figure.tight_layout()
    return figure


def _curves(axis, history: pd.DataFrame, column: str, by: str = "batch_size") -> None:
    values = sorted(history[by].unique())
    for k, (value, colour) in enumerate(zip(values, sns.color_palette("viridis", len(values)), strict=True)):
        part = history[history[by] == value]
        for _, run in part.groupby("run"):
            axis.plot(run["epoch"], run[column], color=colour, linewidth=0.7, alpha=0.5)
        mean = part.groupby("epoch")[column].mean()
        axis.plot(mean.index, mean, color=colour, marker=MARKERS[k % len(MARKERS)], markersize=5, label=f"{value:g}")


def accuracy_by_momentum(history: pd.DataFrame) -> plt.Figure:
    """Return accuracy by epoch, measured as `fit` does, a panel per batch-norm momentum; thin lines are runs."""
    momenta = sorted(history["used_batch_norm_momentum"].unique(), reverse=True)
    figure, axes = plt.subplots(1, len(momenta), figsize=(7.4, 3.4), sharey=True, squeeze=False)
    for axis, momentum in zip(axes[0], momenta, strict=True):
        part = history[history["used_batch_norm_momentum"] == momentum]
        for split, colour, marker in (("train", TRAIN, "o"), ("validation", VALIDATION, "s")):
            for _, run in part.groupby("run"):
                axis.plot(run["epoch"], run[f"{split}_accuracy"], color=colour, linewidth=0.7, alpha=0.5)
            mean = part.groupby("epoch")[f"{split}_accuracy"].mean()
            axis.plot(mean.index, mean, color=colour, marker=marker, label=split)
        axis.set(xlabel="Epoch", title=f"momentum {momentum:g}", ylim=(0, 1.03))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0, 0].set(ylabel="Accuracy, measured as fit does")
    axes[0, -1].legend(loc="lower right")
    figure.tight_layout()
    return figure


def evaluations_by_momentum(runs: pd.DataFrame) -> plt.Figure:
    """Return accuracy on training and test images in the three evaluations, a panel per momentum, a dot per run."""
    momenta = sorted(runs["used_batch_norm_momentum"].unique(), reverse=True)
    figure, axes = plt.subplots(1, len(momenta), figsize=(7.4, 3.4), sharey=True, squeeze=False)
    for axis, momentum in zip(axes[0], momenta, strict=True):
        part = runs[runs["used_batch_norm_momentum"] == momentum]
        for shift, (split, colour, marker) in zip(
            (-0.12, 0.12), (("train", TRAIN, "o"), ("test", TEST, "D")), strict=True
        ):
            for k, name in enumerate(EVALUATIONS):
                values = part[f"{name}_{split}_accuracy"]
                label = f"{split} images" if k == 0 else None
                axis.scatter([k + shift] * len(values), values, color=colour, marker=marker, alpha=0.7, label=label)
        axis.set_xticks(range(len(EVALUATIONS)), list(EVALUATIONS))
        axis.set(xlabel="Batch norm uses", title=f"momentum {momentum:g}", ylim=(0, 1.03), xlim=(-0.5, 2.5))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.grid(visible=False, axis="x")
    axes[0, 0].set(ylabel="Accuracy after training")
    axes[0, -1].legend(loc="lower right")
    figure.tight_layout()
    return figure


def loss_by_image_size(history: pd.DataFrame, guessing: float) -> plt.Figure:
    """Return training loss by epoch, a panel per image size and a line per learning rate; `guessing` is in nats."""
    sizes = sorted(history["image_size"].unique())
    rates = sorted(history["learning_rate"].unique())
    figure, axes = plt.subplots(1, len(sizes), figsize=(7.4, 3.4), sharey=True, squeeze=False)
    for axis, size in zip(axes[0], sizes, strict=True):
        axis.axhline(guessing, color="0.4", linewidth=1, linestyle="--", label="guessing")
        for rate, colour, marker in zip(rates, sns.color_palette("viridis", len(rates)), MARKERS, strict=False):
            part = history[(history["image_size"] == size) & (history["learning_rate"] == rate)]
            mean = part.groupby("epoch")["train_loss"].mean()
            axis.plot(mean.index, mean, color=colour, marker=marker, label=f"{rate:g}")
        axis.set(xlabel="Epoch", title=f"{size} pixels")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set(ylabel="Training loss (nats)")
    axes[0, 0].set_ylim(bottom=0)
    axes[0, 0].legend(title="Learning rate", loc="lower left", ncols=2)
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
