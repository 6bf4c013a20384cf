"""The look of all figures in one place: theme, colours, markers, and what axes have in common.

Knows neither studies nor figures: it is handed series, tables of dots, and axes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

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
# What the evaluations are called in pictures: by the statistics that batch norm normalizes with.
STATISTICS = {"moving": "moving-average", "batch": "per-batch", "recalibrated": "recalibrated"}
STATISTICS_TITLE = "Batch norm's statistics"
# Inches: of one panel, whose letters stay legible on a phone, and of several side by side.
WIDTH, WIDE = 5.2, 7.2
# The ground of the book's pages in dark mode, and what is drawn on it by default.
DARK_GROUND, DARK_GRID, DARK_INK = "#14181e", "#39424e", "#ced6dd"
DARK = {
    "figure.facecolor": DARK_GROUND, "axes.facecolor": DARK_GROUND, "savefig.facecolor": DARK_GROUND,
    "text.color": DARK_INK, "axes.labelcolor": DARK_INK, "axes.titlecolor": DARK_INK, "axes.edgecolor": "#8b97a5",
    "xtick.color": DARK_INK, "ytick.color": DARK_INK, "grid.color": DARK_GRID, "legend.labelcolor": DARK_INK,
}  # fmt: skip
_on_slide = ContextVar("on_slide", default=False)


@contextmanager
def slide() -> Iterator[None]:
    """Draw for a slide, inside: panels that stand one below the other on a page stand side by side."""
    token = _on_slide.set(True)
    try:
        yield
    finally:
        _on_slide.reset(token)


def theme(dark: bool = False) -> None:
    """Set fonts, grid and sizes for every figure that follows; `dark` for a page in dark mode."""
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
            # Text stays text: it can be searched, selected and read aloud.
            "svg.fonttype": "none",
        }
        | (DARK if dark else {}),
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
    axis.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def label_plainly(axis) -> None:
    """Label a logarithmic axis (`axes.xaxis` or `axes.yaxis`) with plain numbers."""
    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def panels(n: int, height: float, **kwargs) -> tuple[plt.Figure, np.ndarray]:
    """Return a new figure with `n` panels of a height (inches): one below the other, on a slide side by side.

    Below each other, they share their horizontal axis if `sharex` says so, and then the lowest alone has its words.
    """
    if is_slide():
        kwargs.pop("sharex", None)
        figure, axes = plt.subplots(1, n, figsize=(4.6 * n, 4.0), squeeze=False, **kwargs)
        return figure, axes[0]
    figure, axes = plt.subplots(n, 1, figsize=(WIDTH, n * height), squeeze=False, **kwargs)
    return figure, axes[:, 0]


def hide_inner(axis: Axes) -> None:
    """Leave the words of a shared horizontal axis to the lowest of the panels that stand below each other."""
    if not is_slide():
        axis.label_outer()


def legend_below(axis: Axes, room: float | None = None, **look) -> None:
    """Put the legend of a panel below the whole figure, in its lower part `room` (a fraction of the height)."""
    figure = axis.figure
    legend = figure.legend(*axis.get_legend_handles_labels(), loc="lower center", **look)
    if room is None:
        room = legend.get_window_extent(figure.canvas.get_renderer()).height / figure.bbox.height + 0.01
    figure.tight_layout(rect=(0, room, 1, 1))


def legend_beside(axis: Axes, title: str) -> None:
    """Put the legend to the right of a panel."""
    axis.legend(title=title, loc="center left", bbox_to_anchor=(1, 0.5))


def label_ends(axis: Axes, fontsize: float = 11) -> None:
    """Write the label of each line at its right end, in place of a legend; the axis has its limits already."""
    lines = [line for line in axis.lines if not line.get_label().startswith("_") and len(line.get_xdata())]
    to_axes = axis.transData + axis.transAxes.inverted()
    ends = [to_axes.transform((line.get_xdata()[-1], line.get_ydata()[-1]))[1] for line in lines]
    # The panel's height is about that of the figure without titles and labels.
    height = 0.55 * axis.figure.get_figheight() / axis.get_subplotspec().get_gridspec().nrows
    n_lines = max((line.get_label().count("\n") + 1 for line in lines), default=1)
    places = apart(np.clip(ends, 0.02, 0.98), 1.3 * n_lines * fontsize / 72 / height)
    for line, place in zip(lines, places, strict=True):
        look = {"color": readable(line.get_color()), "fontsize": fontsize, "fontweight": "bold", "va": "center"}
        axis.text(1.02, place, line.get_label(), transform=axis.transAxes, **look)


def apart(values: np.ndarray, gap: float) -> np.ndarray:
    """Return values moved as little as makes neighbours differ by `gap` at least; their order stays."""
    order = np.argsort(values, kind="stable")
    rank = np.arange(len(values))
    # Without the gaps, the values have to rise: the nearest that do are found by pooling those that fall.
    blocks: list[list[float]] = []
    for value in np.asarray(values, float)[order] - gap * rank:
        blocks.append([value])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    risen = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks]) if blocks else np.array([])
    moved = np.empty(len(values))
    moved[order] = risen + gap * rank
    return moved


def readable(colour) -> tuple:
    """Return a colour dark enough for letters on white."""
    rgb = np.array(to_rgb(colour))
    # Luminance of a colour whose contrast with white is 4.5.
    while 0.2126 * rgb[0] ** 2.2 + 0.7152 * rgb[1] ** 2.2 + 0.0722 * rgb[2] ** 2.2 > 0.183:
        rgb = 0.95 * rgb
    return tuple(rgb)


def width_of(panels: list) -> float:
    """Return the width (inches) of a figure with panels side by side; one alone is not to look like a poster."""
    return WIDTH if len(panels) == 1 else max(WIDE, 1.8 * len(panels))


def is_slide() -> bool:
    """Return whether a slide is drawn."""
    return _on_slide.get()


def with_close_up(
    table: pd.DataFrame, size: str, value: str, height: float, beside: bool = False
) -> list[tuple[Axes, pd.DataFrame]]:
    """Return the panels of a new figure with the rows that each is to show: all of them, and perhaps a close-up below.

    Size 1 can lie so far from the others that these look like a flat line. Where it takes more than half of the axis, a
    second panel has the rows of the other sizes alone, below or `beside` it. `height` of one panel alone is in inches.
    """
    others = table[table[size] > 1]
    needed = 2 * _range(others[value]) < _range(table[value]) and others[size].nunique() > 1
    if not needed:
        return [(plt.subplots(figsize=(WIDTH, height))[1], table)]
    if beside:
        _, (whole, close) = plt.subplots(1, 2, figsize=(WIDE, WIDE * 9 / 16))
    else:
        _, (whole, close) = panels(2, 0.875 * height)
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
    axis.plot([], [], color=colour, marker=marker, label=STATISTICS[evaluation])


def curves(axis: Axes, history: pd.DataFrame, column: str, by: str) -> None:
    """Draw a column by epoch, a colour and marker per value of `by`: thin lines are runs, thick ones their means."""
    for value, colour, marker in shades(sorted(history[by].unique())):
        part = history[history[by] == value]
        for _, run in part.groupby("run"):
            axis.plot(run["epoch"], run[column], color=colour, linewidth=0.7, alpha=0.5)
        mean = part.groupby("epoch")[column].mean()
        axis.plot(mean.index, mean, color=colour, marker=marker, markersize=5, label=f"{value:g}")
