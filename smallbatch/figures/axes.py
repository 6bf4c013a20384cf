"""What figures share below their look: axes of batch sizes, close-ups, plain logarithmic axes, dots that do not hide
others."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator


def label_batch_sizes(axis: Axes, sizes: pd.Series) -> None:
    """Make the horizontal axis one of batch sizes: logarithmic, with a tick at each of them."""
    ticks = sorted(sizes.unique())
    axis.set_xscale("log", base=2)
    axis.set_xticks(ticks, [f"{size:g}" for size in ticks])
    axis.xaxis.set_minor_locator(NullLocator())


def with_close_up(table: pd.DataFrame, size: str, value: str, height: float) -> list[tuple[Axes, pd.DataFrame]]:
    """Return the panels of a new figure with the rows that each is to show: all of them, and perhaps a close-up below.

    Size 1 can lie so far from the others that these look like a flat line. Where it takes more than half of the axis, a
    second panel has the rows of the other sizes alone. `height` of the first panel is in inches.
    """
    others = table[table[size] > 1]
    needed = 2 * _spread(others[value]) < _spread(table[value]) and others[size].nunique() > 1
    if not needed:
        return [(plt.subplots(figsize=(6.6, height))[1], table)]
    _, (whole, close) = plt.subplots(2, 1, figsize=(6.6, 1.75 * height), height_ratios=(1, 1))
    close.set_title("Without size 1", fontsize=11, loc="left")
    return [(whole, table), (close, others)]


def _spread(values: pd.Series) -> float:
    return values.max() - values.min()


def label_plainly(axis) -> None:
    """Label a logarithmic axis (`axes.xaxis` or `axes.yaxis`) with plain numbers."""
    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


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
