"""How far batch norm's moving averages are from the statistics that they estimate, by epoch."""

import matplotlib.pyplot as plt
import pandas as pd

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import ARTEFACTS, Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

BY_BATCH_SIZE, BY_MOMENTUM = "batch_size", "phantom"
MOMENTUM = "used_batch_norm_momentum"
# The columns of a history, in the median layer; with `_worst`, in the layer where it is largest.
LAGS = {
    "lag_mean": "Distance of means\n(standard deviations)",
    "lag_sd": "Distance of standard\ndeviations (log)",
}


def _by_batch_size(evidence: Evidence) -> FigureData:
    data = evidence.histories(BY_BATCH_SIZE, ["batch_size", *LAGS])
    return FigureData(data.table.dropna(subset=list(LAGS)), data.study, data.runs)


def _by_momentum(evidence: Evidence) -> FigureData:
    runs, history = evidence.published(ARTEFACTS, BY_MOMENTUM)
    return FigureData(history[["run", MOMENTUM, "epoch", *LAGS]], ARTEFACTS, runs)


def lag_curves(history: pd.DataFrame, by: str = "batch_size", title: str = "Batch size") -> plt.Figure:
    """Return how far the moving averages are from the training images' statistics by epoch, a colour per `by`.

    Runs without statistics of batches have no lag and are left out.
    """
    figure, axes = style.panels(2, 2.5, sharex=True)
    for axis, (column, label) in zip(axes, LAGS.items(), strict=True):
        style.curves(axis, history.dropna(subset=[column]), column, by)
        axis.set(ylabel=label)
        axis.set_ylim(bottom=0)
        style.label_epochs(axis)
        style.hide_inner(axis)
    style.legend_below(axes[0], title=title, ncols=6)
    return figure


def lag_by_momentum(history: pd.DataFrame) -> plt.Figure:
    """Return `lag_curves` with a colour per momentum."""
    return lag_curves(history, by=MOMENTUM, title="Momentum")


def _by_batch_size_alt(table: pd.DataFrame) -> str:
    last = alt_text.last_epochs(table)
    return (
        "Two line charts by epoch, a colour and marker per batch size: distance of the means above, of the standard "
        f"deviations below. Distance of the means after the last epoch, mean over runs: "
        f"{alt_text.means(last, 'batch_size', 'lag_mean', 2)}."
    )


def _by_momentum_alt(table: pd.DataFrame) -> str:
    last = alt_text.last_epochs(table)
    return (
        "Two line charts by epoch with a line for each momentum. After the last epoch, by momentum: distance of means "
        f"{alt_text.means(last, MOMENTUM, 'lag_mean', 2)}; of standard deviations "
        f"{alt_text.means(last, MOMENTUM, 'lag_sd', 2)}."
    )


FIGURES = [
    FigureEntry(
        "phantom-lag",
        "How far the moving averages lag behind",
        "Distance of the moving averages from the statistics of training images, by epoch, in the median "
        "layer, for two momenta: of the means (above) and of the standard deviations (below). Thin lines are "
        "runs, thick lines their means.",
        _by_momentum,
        lag_by_momentum,
        _by_momentum_alt,
        details=(
            "Distance between batch norm's moving averages and the statistics of a sample of training images "
            "after each epoch, in the median layer, for two values of batch norm's momentum. Above, distance of "
            "the means in standard deviations; below, absolute logarithm of the ratio of the standard deviations "
            "(0.69 is a factor of two). Thin lines are runs (seeds), thick lines with markers their means."
        ),
    ),
    FigureEntry(
        "lag-by-batch-size",
        "How far moving averages are from the statistics they stand for",
        "Distance of the moving averages from the statistics of training images, by epoch, in the median "
        "layer, by batch size: of the means (above) and of the standard deviations (below). Thin lines are "
        "runs, thick lines their means.",
        _by_batch_size,
        lag_curves,
        _by_batch_size_alt,
        details=(
            "Distance between batch norm's moving averages and the statistics of a sample of training images "
            "after each epoch, in the median layer, by batch size. Above, distance of the means in standard "
            "deviations; below, absolute logarithm of the ratio of the standard deviations (0.69 is a factor of "
            "two). Thin lines are runs (a seed each), thick lines with markers their means."
        ),
    ),
]
