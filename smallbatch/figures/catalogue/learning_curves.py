"""Learning curves of the main experiment, a colour and marker per batch size."""

import matplotlib.pyplot as plt
import pandas as pd

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import GPU, Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

EXPERIMENT = "batch_size"
PANELS = {"train_loss": "Training loss (nats)", "validation_accuracy": "Validation accuracy"}


def _curves(evidence: Evidence) -> FigureData:
    columns = [f"{split}_{metric}" for split in ("train", "validation") for metric in ("loss", "accuracy")]
    return evidence.histories(EXPERIMENT, ["batch_size", *columns])


def _full_size_curves(evidence: Evidence) -> FigureData:
    return _curves(evidence.beside(GPU))


def learning_curves(history: pd.DataFrame) -> plt.Figure:
    """Return validation accuracy and training loss by epoch, a colour and marker per batch size, thin lines: runs."""
    figure, axes = style.panels(2, 2.7, sharex=True)
    for axis, (column, label) in zip(axes, PANELS.items(), strict=True):
        style.curves(axis, history, column, "batch_size")
        axis.set(ylabel=label)
        style.label_epochs(axis)
    style.label_percent(axes[1])
    style.hide_inner(axes[0])
    style.legend_below(axes[0], title="Batch size", ncols=6)
    return figure


def _curves_alt(table: pd.DataFrame) -> str:
    last = alt_text.last_epochs(table)
    return (
        "Two line charts by epoch, a colour and marker per batch size: training loss above, validation accuracy below. "
        f"Mean training loss in the last epoch: {alt_text.means(last, 'batch_size', 'train_loss', 3)}. "
        f"Mean validation accuracy: {alt_text.means(last, 'batch_size', 'validation_accuracy', 1, 100, ' %')}."
    )


FIGURES = [
    FigureEntry(
        "learning-curves",
        "Learning curves by batch size",
        "Training loss, as fit reports it, and validation accuracy with moving-average statistics, by epoch "
        "and batch size, at one learning rate. Thin lines are runs (one per seed), thick lines their means.",
        _curves,
        learning_curves,
        _curves_alt,
        details=(
            "Training loss and validation accuracy by epoch for each batch size, at one learning rate. Thin lines "
            "are runs (a seed each), thick lines with markers their means. The training loss is the average over "
            "the epoch as fit reports it; the validation accuracy uses batch norm's moving averages."
        ),
    ),
    FigureEntry(
        "full-size-curves",
        "Learning curves of the published network",
        "Training loss, as fit reports it, and validation accuracy with moving-average statistics of the "
        "published network, by epoch and batch size, at one learning rate. Thin lines are runs (one per "
        "seed), thick lines their means.",
        _full_size_curves,
        learning_curves,
        _curves_alt,
        details=(
            "Training loss and validation accuracy of Inception-ResNet-v2 as published by epoch for each batch "
            "size, at one learning rate. Thin lines are runs (a seed each), thick lines with markers their means. "
            "The training loss is the average over the epoch as fit reports it; the validation accuracy uses "
            "batch norm's moving averages."
        ),
    ),
]
