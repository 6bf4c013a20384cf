"""One training by itself, for the notebooks that have just made it: its images, curves, lag and evaluations.

No packets: the book shows the executed notebook.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbatch.figures import style
from smallbatch.figures.catalogue.moving_average_lag import LAGS
from smallbatch.training.data import Data


def sample_images(data: Data, per_row: int = 10) -> plt.Figure:
    """Return a row of training images, one per class for the first `per_row` classes."""
    shown = [(name, np.flatnonzero(data.train.labels == i)) for i, name in enumerate(data.class_names[:per_row])]
    figure, axes = plt.subplots(1, len(shown), figsize=(1.1 * len(shown), 1.5), squeeze=False)
    for axis, (name, indices) in zip(axes[0], shown, strict=True):
        axis.imshow(data.train.images[indices[0]])
        axis.set_title(name, fontsize=9, loc="center", fontweight="normal", parse_math=False)
        axis.axis("off")
    return figure


def loss_and_accuracy(history: pd.DataFrame) -> plt.Figure:
    """Return loss (nats) and accuracy by epoch, for training as `fit` reports it and for validation."""
    figure, axes = plt.subplots(2, 1, figsize=(6.6, 5.2), sharex=True)
    for axis, metric, label in zip(axes, ("loss", "accuracy"), ("Loss (nats)", "Accuracy"), strict=True):
        for split, colour, marker in (("train", style.TRAIN, "o"), ("validation", style.VALIDATION, "s")):
            values = history[f"{split}_{metric}"]
            axis.plot(history["epoch"], values, color=colour, marker=marker, label=split)
        axis.set(ylabel=label)
    style.label_epochs(axes[1])
    style.label_percent(axes[1])
    axes[0].legend()
    figure.tight_layout()
    return figure


def moving_average_lag(history: pd.DataFrame) -> plt.Figure:
    """Return how far batch norm's moving averages are from the training images' statistics, by epoch."""
    figure, axes = plt.subplots(1, 2, figsize=(6.6, 3.0), sharex=True)
    colour = style.EVALUATIONS["moving"][0]
    for axis, (column, label) in zip(axes, LAGS.items(), strict=True):
        axis.plot(history["epoch"], history[f"{column}_worst"], color="0.45", marker="^", label="worst layer")
        axis.plot(history["epoch"], history[column], color=colour, marker="o", label="median layer")
        axis.set(ylabel=label)
        axis.set_ylim(bottom=0)
        style.label_epochs(axis)
    axes[0].legend()
    figure.tight_layout()
    return figure


def three_evaluations(metrics: dict) -> plt.Figure:
    """Return the accuracy on each split in the three evaluations, with 95% intervals.

    `metrics` is {evaluation: {split: {accuracy, accuracy_low, accuracy_high}}}.
    """
    splits = list(next(iter(metrics.values())))
    figure, axis = plt.subplots(figsize=(6.6, 3.2))
    for k, (name, by_split) in enumerate(metrics.items()):
        colour, marker = style.EVALUATIONS[name]
        values = pd.DataFrame(by_split).T.loc[splits]
        places = np.arange(len(splits)) + 0.14 * (k - 1)
        bars = style.interval(values["accuracy"], values["accuracy_low"], values["accuracy_high"])
        axis.errorbar(places, values["accuracy"], bars, color=colour, marker=marker, linestyle="", label=name)
    axis.set_xticks(range(len(splits)), splits)
    axis.set(ylabel="Accuracy", ylim=(0, 1.03), xlim=(-0.5, len(splits) - 0.5))
    style.label_percent(axis)
    axis.grid(visible=False, axis="x")
    style.legend_beside(axis, "Batch norm uses")
    return figure
