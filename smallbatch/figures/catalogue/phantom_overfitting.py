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
            axis.plot(mean.index, mean, color=colour, marker=marker, label=split)
        axis.set(title=f"momentum {momentum:g}", ylim=(0, 1.03))
        style.label_epochs(axis)
        style.label_percent(axis)
    return _finished(figure, "Accuracy, measured as fit does")


def _panels(table: pd.DataFrame) -> tuple[plt.Figure, list]:
    """Return a new figure, and its panels with the momentum of each, the highest first."""
    momenta = sorted(table[MOMENTUM].unique(), reverse=True)
    figure, axes = plt.subplots(1, len(momenta), figsize=(7.4, 3.4), sharey=True, squeeze=False)
    return figure, list(zip(axes[0], momenta, strict=True))


def _finished(figure: plt.Figure, label: str) -> plt.Figure:
    figure.axes[0].set(ylabel=label)
    figure.axes[-1].legend(loc="lower right")
    figure.tight_layout()
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
                label = f"{split} images" if k == 0 else None
                axis.scatter([k + shift] * len(values), values, color=colour, marker=marker, alpha=0.7, label=label)
        axis.set_xticks(range(len(style.EVALUATIONS)), list(style.EVALUATIONS))
        axis.set(xlabel="Batch norm uses", title=f"momentum {momentum:g}", ylim=(0, 1.03), xlim=(-0.5, 2.5))
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
        "Accuracy by epoch, measured as Keras's fit does, for training and validation images, with two values of batch "
        "norm's momentum and nothing else changed. Thin lines are runs (seeds), thick lines with markers their means.",
        _curves,
        accuracy_by_momentum,
        _curves_alt,
    ),
    FigureEntry(
        "phantom-evaluations",
        "The same weights in three evaluations",
        "Accuracy of the networks after training, on training and on test images, in three evaluations. Batch norm "
        "uses its moving averages, the statistics of batches as small as in training, or statistics recalibrated on "
        "all training images. Each marker is one run (a seed); weights are the same in all three evaluations.",
        _evaluations,
        evaluations_by_momentum,
        _evaluations_alt,
    ),
    FigureEntry(
        "full-network-curves",
        "The published network, two values of batch norm's momentum",
        "Accuracy by epoch of Inception-ResNet-v2 as published, measured as Keras's fit does, for training and "
        "validation images, with two values of batch norm's momentum and nothing else changed. One run each.",
        partial(_curves, study=FULL),
        accuracy_by_momentum,
        _curves_alt,
    ),
    FigureEntry(
        "full-network-evaluations",
        "The published network in three evaluations",
        "Accuracy of Inception-ResNet-v2 as published, after a short training, on training and on test images, in "
        "three evaluations. Batch norm uses its moving averages, the statistics of batches as small as in training, or "
        "statistics recalibrated on all training images. Weights are the same in all three evaluations.",
        partial(_evaluations, study=FULL),
        evaluations_by_momentum,
        _evaluations_alt,
    ),
]
