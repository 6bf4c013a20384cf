"""Batch size 1 where the last feature map has one position: one value per channel, so that nothing is learned.

From runs that show this artefact on purpose, whatever the study.
"""

import math

import matplotlib.pyplot as plt
import pandas as pd

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import ARTEFACTS, Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

EXPERIMENT = "one_value_per_channel"
# In nats, at chance level: the digits have ten classes, all about as frequent.
CHANCE_LOSS = math.log(10)


def _loss(evidence: Evidence) -> FigureData:
    runs, history = evidence.published(ARTEFACTS, EXPERIMENT)
    table = history[["run", "image_size", "learning_rate", "epoch", "train_loss"]].assign(guessing=CHANCE_LOSS)
    return FigureData(table, ARTEFACTS, runs)


def loss_by_image_size(history: pd.DataFrame) -> plt.Figure:
    """Return training loss by epoch, a panel per image size and a line per learning rate.

    `history` has `image_size`, `learning_rate`, `epoch`, `train_loss` and `guessing`, the loss at chance level, both in
    nats.
    """
    sizes = sorted(history["image_size"].unique())
    rates = sorted(history["learning_rate"].unique())
    figure, axes = plt.subplots(1, len(sizes), figsize=(style.WIDE, 3.4), sharey=True, squeeze=False)
    for axis, size in zip(axes[0], sizes, strict=True):
        axis.axhline(history["guessing"].iloc[0], color="0.4", linewidth=1, linestyle="--", label="chance level")
        for rate, colour, marker in style.shades(rates):
            part = history[(history["image_size"] == size) & (history["learning_rate"] == rate)]
            mean = part.groupby("epoch")["train_loss"].mean()
            axis.plot(mean.index, mean, color=colour, marker=marker, label=f"{rate:g}")
        axis.set(title=f"{size} pixels")
        style.label_epochs(axis)
    axes[0, 0].set(ylabel="Training loss (nats)")
    axes[0, 0].set_ylim(bottom=0)
    style.legend_below(axes[0, 0], title="Learning rate", ncols=4)
    return figure


def _loss_alt(table: pd.DataFrame) -> str:
    last = alt_text.last_epochs(table).sort_values(["image_size", "learning_rate"])
    named = last.assign(size=[f"{size} pixels, by learning rate" for size in last["image_size"]])
    return (
        "Line charts of training loss by epoch, one for each image size, with a dashed line at chance level, "
        f"{table['guessing'].iloc[0]:.2f} nats. At the end: "
        f"{alt_text.lines(named, 'size', 'learning_rate', 'train_loss', 2)}."
    )


FIGURES = [
    FigureEntry(
        "one-value",
        "Batch size 1 with one value per channel",
        "Training loss by epoch at batch size 1, for images whose last feature map has one position (left) "
        "and four (right). A line per learning rate, one run each; dashed: chance level.",
        _loss,
        loss_by_image_size,
        _loss_alt,
        details=(
            "Training loss by epoch at batch size 1, for inputs whose last feature map has one position (left) "
            "and four (right), with a line for each learning rate. The dashed line is the loss at chance level, "
            "ten equally frequent classes."
        ),
    ),
]
