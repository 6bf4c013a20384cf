"""Phantom overfitting: the same weights look overfitted with lagging moving averages, and are not.

From runs that show it on purpose, whatever the study: a miniature (`phantom`) and the published network (`full`).
"""

from functools import partial

import matplotlib.pyplot as plt
import pandas as pd

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import ARTEFACTS, FULL, Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

EXPERIMENT = "phantom"
MOMENTUM = "used_batch_norm_momentum"
SPLITS = {"train": "training images", "validation": "validation images"}


def _curves(evidence: Evidence, study: str = ARTEFACTS) -> FigureData:
    runs, history = evidence.published(study, EXPERIMENT)
    columns = ["run", MOMENTUM, "epoch", "train_accuracy", "validation_accuracy"]
    return FigureData(history[columns], study, runs)


def accuracy_by_momentum(history: pd.DataFrame) -> plt.Figure:
    """Return accuracy by epoch, measured as `fit` does, a panel per batch-norm momentum; thin lines are runs."""
    figure, panels = _panels(history)
    for axis, momentum in panels:
        part = history[history[MOMENTUM] == momentum]
        for split, colour, marker in (("train", style.TRAIN, "o"), ("validation", style.VALIDATION, "s")):
            for _, run in part.groupby("run"):
                axis.plot(run["epoch"], run[f"{split}_accuracy"], color=colour, linewidth=0.7, alpha=0.5)
            mean = part.groupby("epoch")[f"{split}_accuracy"].mean()
            axis.plot(mean.index, mean, color=colour, marker=marker, label=SPLITS[split])
        axis.set(title=f"momentum {momentum:g}", ylim=(0, 1.03))
        style.label_epochs(axis)
        axis.margins(x=0.06)
        style.label_percent(axis)
        _gap(axis, part)
    panels[0][0].set_ylabel("Accuracy, as fit reports it")
    style.label_ends(panels[-1][0])
    figure.tight_layout()
    return figure


def _gap(axis: plt.Axes, history: pd.DataFrame) -> None:
    """Draw an arrow over the gap between both accuracies after the last epoch."""
    train, validation = _last(history)
    if train - validation < 0.15:
        return
    epoch = history["epoch"].max()
    arrow = {"arrowstyle": "<->", "color": "0.25", "linewidth": 1.4}
    axis.annotate("", (epoch, train - 0.02), (epoch, validation + 0.02), arrowprops=arrow)
    words = f"{100 * (train - validation):.0f} points"
    ground = {"facecolor": plt.rcParams["axes.facecolor"], "edgecolor": "none", "pad": 1.5}
    axis.annotate(words, (epoch, 0.7 * validation + 0.3 * train), (-6, 0), textcoords="offset points", ha="right",
                  va="center", fontsize=11, color="0.25", bbox=ground)  # fmt: skip


def _last(history: pd.DataFrame) -> tuple[float, float]:
    """Return mean training and validation accuracy after the last epoch."""
    last = history[history["epoch"] == history["epoch"].max()]
    return last["train_accuracy"].mean(), last["validation_accuracy"].mean()


def _curves_message(history: pd.DataFrame) -> str:
    ends = [f"{100 * _last(part)[1]:.0f}% with {value:g}" for value, part in history.groupby(MOMENTUM)][::-1]
    if len(ends) < 2:
        return f"Validation accuracy ends at {ends[0]}"
    return f"The same training, only batch norm's momentum differs: validation accuracy ends at {', '.join(ends)}"


def _panels(table: pd.DataFrame) -> tuple[plt.Figure, list]:
    """Return a new figure, and its panels with the momentum of each, the highest first."""
    momenta = sorted(table[MOMENTUM].unique(), reverse=True)
    figure, axes = plt.subplots(1, len(momenta), figsize=(style.WIDE, 4.05), sharey=True, squeeze=False)
    return figure, list(zip(axes[0], momenta, strict=True))


def _finished(figure: plt.Figure, label: str) -> plt.Figure:
    figure.axes[0].set(ylabel=label)
    style.legend_below(figure.axes[-1], ncols=2)
    return figure


def _curves_alt(table: pd.DataFrame) -> str:
    last = alt_text.last_epochs(table)
    return (
        "Line charts of training and validation accuracy by epoch, one for each momentum. At the end, by momentum: "
        f"training {alt_text.means(last, MOMENTUM, 'train_accuracy', 1, 100, ' %')}; "
        f"validation {alt_text.means(last, MOMENTUM, 'validation_accuracy', 1, 100, ' %')}."
    )


def _evaluations(evidence: Evidence, study: str = ARTEFACTS) -> FigureData:
    runs, _ = evidence.published(study, EXPERIMENT)
    accuracies = [f"{name}_{split}_accuracy" for name in style.EVALUATIONS for split in ("train", "test")]
    return FigureData(runs[["run", "seed", MOMENTUM, *accuracies]], study, runs)


def evaluations_by_momentum(runs: pd.DataFrame) -> plt.Figure:
    """Return accuracy on training and test images in the three evaluations, a panel per momentum, a dot per run."""
    figure, panels = _panels(runs)
    for axis, momentum in panels:
        part = runs[runs[MOMENTUM] == momentum]
        for shift, (split, colour, marker) in zip(
            (-0.12, 0.12), (("train", style.TRAIN, "o"), ("test", style.TEST, "D")), strict=True
        ):
            for k, name in enumerate(style.EVALUATIONS):
                values = part[f"{name}_{split}_accuracy"]
                label = SPLITS.get(split, f"{split} images") if k == 0 else None
                axis.scatter([k + shift] * len(values), values, color=colour, marker=marker, alpha=0.7, label=label)
        names = [name.replace("-", "-\n") for name in style.STATISTICS.values()]
        axis.set_xticks(range(len(style.EVALUATIONS)), names)
        axis.set(xlabel=style.STATISTICS_TITLE, title=f"momentum {momentum:g}", ylim=(0, 1.03), xlim=(-0.5, 2.5))
        style.label_percent(axis)
        axis.grid(visible=False, axis="x")
    return _finished(figure, "Accuracy after training")


def _evaluations_alt(table: pd.DataFrame) -> str:
    lines = [
        f"{name}, {split} images: {alt_text.means(table, MOMENTUM, f'{name}_{split}_accuracy', 1, 100, ' %')}"
        for name in style.EVALUATIONS
        for split in ("train", "test")
    ]
    return f"Dot plots of accuracy in three evaluations, one for each momentum. By momentum: {'; '.join(lines)}."


FIGURES = [
    FigureEntry(
        "phantom",
        "Phantom overfitting: one network, two values of batch norm's momentum",
        "Accuracy by epoch, as fit reports it, on training and on validation images, with two values of batch "
        "norm's momentum and nothing else changed. Thin lines are runs (one per seed), thick lines their "
        "means.",
        _curves,
        accuracy_by_momentum,
        _curves_alt,
        message=_curves_message,
        details=(
            "Accuracy by epoch, measured as Keras's fit does, for training and validation images, with two values "
            "of batch norm's momentum and nothing else changed. Thin lines are runs (seeds), thick lines with "
            "markers their means."
        ),
    ),
    FigureEntry(
        "phantom-evaluations",
        "The same weights in three evaluations",
        "Accuracy of the same weights on training and on test images, in three evaluations: with moving- "
        "average, per-batch and recalibrated statistics, for two values of momentum. Markers are runs (one "
        "per seed).",
        _evaluations,
        evaluations_by_momentum,
        _evaluations_alt,
        details=(
            "Accuracy of the networks after training, on training and on test images, in three evaluations. Batch "
            "norm uses its moving averages, the statistics of batches as small as in training, or statistics "
            "recalibrated on all training images. Each marker is one run (a seed); weights are the same in all "
            "three evaluations."
        ),
    ),
    FigureEntry(
        "full-network-curves",
        "The published network, two values of batch norm's momentum",
        "Accuracy by epoch of Inception-ResNet-v2 as published, measured as Keras's fit does, for training "
        "and validation images, with two values of batch norm's momentum and nothing else changed. One run "
        "each.",
        partial(_curves, study=FULL),
        accuracy_by_momentum,
        _curves_alt,
    ),
    FigureEntry(
        "full-network-evaluations",
        "The published network in three evaluations",
        "Accuracy of the published network after a short training, the same weights in three evaluations: "
        "with moving-average, per-batch and recalibrated statistics, for two values of momentum. One run "
        "each.",
        partial(_evaluations, study=FULL),
        evaluations_by_momentum,
        _evaluations_alt,
        details=(
            "Accuracy of Inception-ResNet-v2 as published, after a short training, on training and on test "
            "images, in three evaluations. Batch norm uses its moving averages, the statistics of batches as "
            "small as in training, or statistics recalibrated on all training images. Weights are the same in all "
            "three evaluations."
        ),
    ),
]
