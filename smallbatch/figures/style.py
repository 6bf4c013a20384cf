"""The look of all figures in one place: theme, colours, markers, and what axes have in common.

Knows neither studies nor figures: it is handed series, tables of dots, and axes.
"""

from collections.abc import Iterable, Iterator
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

# Okabe and Ito's colours as seaborn has them: told apart with all common kinds of colour blindness.
PALETTE = sns.color_palette("colorblind")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
# One colour and marker per evaluation, throughout the book.
EVALUATIONS = {
    name: (PALETTE[colour], marker)
    for name, colour, marker in (("moving", 3, "o"), ("batch", 7, "s"), ("recalibrated", 9, "D"))
}
# The evaluations that a reader has: what `evaluate` says, and what it says after recalibration.
MOVING_AND_RECALIBRATED = ("moving", "recalibrated")
TRAIN, VALIDATION, TEST = PALETTE[:3]
BATCH_SIZE = "Batch size (images per step)"


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


def shades(values: Iterable) -> Iterator[tuple]:
    """Yield each of some ordered values with its colour, dark to light, and its marker."""
    values = list(values)
    return zip(values, sns.color_palette("viridis", len(values)), cycle(MARKERS), strict=False)


def interval(values, low, high) -> np.ndarray:
    """Return how far intervals reach below and above their values, (2, n), as error bars want it.

    Rounding may put the end of an interval a hair inside of its value; that is no reach.
    """
    return np.clip(np.array([values - low, high - values], float), 0, None)


def label_batch_sizes(axis: Axes, sizes: pd.Series) -> None:
    """Make the horizontal axis one of batch sizes: logarithmic, with a tick at each of them."""
    ticks = sorted(sizes.unique())
    axis.set_xscale("log", base=2)
    axis.set_xticks(ticks, [f"{size:g}" for size in ticks])
    axis.xaxis.set_minor_locator(NullLocator())


def label_epochs(axis: Axes) -> None:
    """Make the horizontal axis one of epochs, whole numbers."""
    axis.set(xlabel="Epoch")
    axis.xaxis.get_major_locator().set_params(integer=True)


def label_percent(axis: Axes) -> None:
    """Label a vertical axis of fractions in percent."""
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def label_plainly(axis) -> None:
    """Label a logarithmic axis (`axes.xaxis` or `axes.yaxis`) with plain numbers."""
    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def legend_below(axis: Axes, room: float, **look) -> None:
    """Put the legend of a panel below the whole figure, in its lower part `room` (a fraction of the height)."""
    axis.figure.tight_layout(rect=(0, room, 1, 1))
    axis.figure.legend(*axis.get_legend_handles_labels(), loc="lower center", **look)


def legend_beside(axis: Axes, title: str) -> None:
    """Put the legend to the right of a panel."""
    axis.legend(title=title, loc="center left", bbox_to_anchor=(1, 0.5))


def width_of(panels: list) -> float:
    """Return the width (inches) of a figure with panels side by side; one alone is not to look like a poster."""
    return max(6.0, 3.5 * len(panels) + 0.6)


def with_close_up(table: pd.DataFrame, size: str, value: str, height: float) -> list[tuple[Axes, pd.DataFrame]]:
    """Return the panels of a new figure with the rows that each is to show: all of them, and perhaps a close-up below.

    Size 1 can lie so far from the others that these look like a flat line. Where it takes more than half of the axis, a
    second panel has the rows of the other sizes alone. `height` of the first panel is in inches.
    """
    others = table[table[size] > 1]
    needed = 2 * _range(others[value]) < _range(table[value]) and others[size].nunique() > 1
    if not needed:
        return [(plt.subplots(figsize=(6.6, height))[1], table)]
    _, (whole, close) = plt.subplots(2, 1, figsize=(6.6, 1.75 * height), height_ratios=(1, 1))
    close.set_title("Without size 1", fontsize=11, loc="left")
    return [(whole, table), (close, others)]


def _range(values: pd.Series) -> float:
    return values.max() - values.min()


def shifted(sizes: pd.Series, place: int, n: int, doublings: float = 0.13) -> pd.Series:
    """Return batch sizes moved to the place of one of `n` series, side by side around the true size."""
    return sizes * 2.0 ** (doublings * (place - (n - 1) / 2))


def dots(axis: Axes, x: pd.Series, y: pd.Series, hollow: pd.Series, colour, marker: str, size: float = 26) -> None:
    """Draw a dot per row; those that are hollow have no face."""
    look = {"marker": marker, "edgecolor": [colour], "alpha": 0.65, "s": size, "zorder": 3, "linewidth": 1.1}
    for is_hollow in (False, True):
        rows = hollow.to_numpy(bool) == is_hollow
        if rows.any():
            axis.scatter(x[rows], y[rows], facecolor="none" if is_hollow else [colour], **look)


def join_means(
    axis: Axes, x: pd.Series, y: pd.Series, colour, marker: str, label: str, width: float = 1.5
) -> pd.Series:
    """Draw a line through the means of `y` at each value of `x`; return the means by that value."""
    mean = y.groupby(x).mean()
    axis.plot(mean.index, mean, color=colour, marker=marker, markersize=4, linewidth=width, label=label)
    return mean


def dots_and_bars(axis: Axes, x: pd.Series, y: pd.Series, outcome: pd.Series, evaluation: str) -> None:
    """Draw the runs of an evaluation at a few places of the horizontal axis, and a bar at the mean of each place."""
    colour, marker = EVALUATIONS[evaluation]
    dots(axis, x, y, outcome == "diverged", colour, marker)
    means = y.groupby(x).mean()
    axis.hlines(means, means.index - 0.13, means.index + 0.13, color=colour, linewidth=2.5, zorder=4)
    axis.plot([], [], color=colour, marker=marker, label=evaluation)


def curves(axis: Axes, history: pd.DataFrame, column: str, by: str) -> None:
    """Draw a column by epoch, a colour and marker per value of `by`: thin lines are runs, thick ones their means."""
    for value, colour, marker in shades(sorted(history[by].unique())):
        part = history[history[by] == value]
        for _, run in part.groupby("run"):
            axis.plot(run["epoch"], run[column], color=colour, linewidth=0.7, alpha=0.5)
        mean = part.groupby("epoch")[column].mean()
        axis.plot(mean.index, mean, color=colour, marker=marker, markersize=5, label=f"{value:g}")
