"""Figures of what was tried at batch size 32: memories of the moving averages, fewer epochs, and the remedies."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

from smallbatch.claims.remedies import in_words
from smallbatch.figures import EVALUATIONS, VALIDATION, axes

# The evaluations that a reader has: what `evaluate` says, and what it says after repairing the moving averages.
SHOWN = ("moving", "recalibrated")
KEPT, LAST = "best epoch", "last epoch"
# Colour and marker of the asker's two batch sizes, and the line of each momentum.
SIZES = {10: (sns.color_palette("colorblind")[1], "^"), 32: (sns.color_palette("colorblind")[0], "v")}
MOMENTUM_LINES = {0.9997: "-", 0.99: "--"}


def momentum_lag(table: pd.DataFrame) -> plt.Figure:
    """Draw test error (points) by batch norm's momentum, a panel per batch size.

    `table` has `batch_size`, `momentum` (a number or a word), `evaluation`, `test_error` and `outcome`. A dot is a
    run, hollow where it diverged; a bar is the mean.
    """
    sizes, momenta = sorted(table["batch_size"].unique()), in_order(table["momentum"])
    table = table.assign(momentum=table["momentum"].map(as_text))
    figure, grid = plt.subplots(1, len(sizes), figsize=(_width(sizes), 4.0), sharey=True, squeeze=False)
    for axis, size in zip(grid[0], sizes, strict=True):
        for name, shift in zip(SHOWN, (-0.16, 0.16), strict=True):
            rows = table[(table["batch_size"] == size) & (table["evaluation"] == name)]
            x = rows["momentum"].map({momentum: place for place, momentum in enumerate(momenta)}) + shift
            _dots_and_bars(axis, x, rows["test_error"], rows["outcome"], name)
        axis.set_xticks(range(len(momenta)), momenta)
        axis.set(xlabel="Batch-norm momentum", title=f"Batch size {size}", xlim=(-0.5, len(momenta) - 0.5))
        axis.grid(visible=False, axis="x")
    grid[0, 0].set(ylabel="Test error (%)")
    _evaluation_legend(figure, grid[0, 0])
    return figure


def _width(sizes: list[int]) -> float:
    """Return the width of a figure (inches) with a panel per batch size; one alone is not to look like a poster."""
    return max(6.0, 3.5 * len(sizes) + 0.6)


def in_order(momenta: pd.Series) -> list[str]:
    """Return the momenta that occur, as text: numbers ascending, then words."""
    numbers = pd.to_numeric(pd.Series(momenta.unique()), errors="coerce")
    return [as_text(value) for _, value in sorted(zip(numbers.fillna(np.inf), momenta.unique(), strict=True))]


def as_text(momentum) -> str:
    """Return a momentum as text, the same whether its column was read as numbers or, with a word in it, as text."""
    try:
        return f"{float(momentum):g}"
    except ValueError:
        return str(momentum)


def _dots_and_bars(axis, x: pd.Series, y: pd.Series, outcome: pd.Series, evaluation: str) -> None:
    colour, marker = EVALUATIONS[evaluation]
    axes.dots(axis, x, y, outcome == "diverged", colour, marker)
    means = y.groupby(x).mean()
    axis.hlines(means, means.index - 0.13, means.index + 0.13, color=colour, linewidth=2.5, zorder=4)
    axis.plot([], [], color=colour, marker=marker, label=evaluation)


def _evaluation_legend(figure, axis) -> None:
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, title="Batch norm uses statistics", loc="lower center", ncols=2)


def initial_weight(table: pd.DataFrame) -> plt.Figure:
    """Draw the share of the start in the moving averages against epochs, a line per batch size and momentum.

    `table` has `batch_size`, `momentum`, `epoch` and `weight` (share).
    """
    figure, axis = plt.subplots(figsize=(6.6, 4.0))
    for (momentum, size), rows in table.groupby(["momentum", "batch_size"], sort=False):
        colour, marker = SIZES[size]
        look = {"color": colour, "marker": marker, "linestyle": MOMENTUM_LINES[momentum], "markersize": 5}
        label = f"momentum {momentum:g}, batch size {size}"
        axis.plot(rows["epoch"], rows["weight"], markevery=0.1, label=label, **look)
    axis.set_yscale("log")
    axis.set_ylim(1e-4, 1.4)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axis.set(xlabel="Epoch", ylabel="Weight still on the start")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=10)
    figure.tight_layout()
    return figure


def duration_curves(table: pd.DataFrame) -> plt.Figure:
    """Draw validation loss (above, on a logarithmic axis) and accuracy (below) by epoch, a column per batch size.

    `table` has `run`, `batch_size`, `epoch`, `validation_loss`, `validation_accuracy` and `kept_epoch`. A thin line is
    a run, marked at the epoch that it kept; the thick line is their mean.
    """
    sizes = sorted(table["batch_size"].unique())
    figure, grid = plt.subplots(2, len(sizes), figsize=(_width(sizes), 5.6), sharex=True, sharey="row", squeeze=False)
    for column, size in zip(grid.T, sizes, strict=True):
        rows = table[table["batch_size"] == size]
        for axis, quantity in zip(column, ("validation_loss", "validation_accuracy"), strict=True):
            for _, run in rows.groupby("run"):
                axis.plot(run["epoch"], run[quantity], color=VALIDATION, linewidth=0.7, alpha=0.6)
            mean = rows.groupby("epoch")[quantity].mean()
            axis.plot(mean.index, mean, color=VALIDATION, linewidth=2.4, label="mean")
            kept = rows[rows["epoch"] == rows["kept_epoch"]]
            look = {"color": "0.1", "marker": "P", "s": 46, "zorder": 4, "linewidth": 0}
            axis.scatter(kept["epoch"], kept[quantity], label="lowest validation loss of a run", **look)
        column[0].set_title(f"Batch size {size}")
        column[1].set_xlabel("Epoch")
        column[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    # The first epochs of some runs are ten times as high as all that follows.
    grid[0, 0].set_yscale("log")
    grid[0, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    grid[0, 0].yaxis.set_major_formatter("{x:g}")
    grid[0, 0].yaxis.set_minor_locator(NullLocator())
    grid[0, 0].set_ylabel("Validation loss (nats)")
    grid[1, 0].set_ylabel("Validation accuracy")
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="lower center", ncols=2)
    return figure


def stopping_early(table: pd.DataFrame) -> plt.Figure:
    """Draw the test error (points) of the weights kept at the best epoch and at the last, a panel per batch size.

    `table` has `seed`, `batch_size`, `weights` (`KEPT` or `LAST`), `evaluation`, `test_error` and `outcome`. A line
    joins the two runs of a seed, bars are means.
    """
    sizes = sorted(table["batch_size"].unique())
    figure, grid = plt.subplots(1, len(sizes), figsize=(_width(sizes), 4.0), sharey=True, squeeze=False)
    for axis, size in zip(grid[0], sizes, strict=True):
        for name, shift in zip(SHOWN, (-0.14, 0.14), strict=True):
            rows = table[(table["batch_size"] == size) & (table["evaluation"] == name)]
            x = rows["weights"].map({KEPT: 0, LAST: 1}) + shift
            for _, pair in rows.assign(x=x).sort_values("x").groupby("seed"):
                axis.plot(pair["x"], pair["test_error"], color=EVALUATIONS[name][0], linewidth=0.8, alpha=0.5)
            _dots_and_bars(axis, x, rows["test_error"], rows["outcome"], name)
        axis.set_xticks([0, 1], [KEPT, LAST])
        axis.set(xlabel="Weights of the", title=f"Batch size {size}", xlim=(-0.5, 1.5))
        axis.grid(visible=False, axis="x")
    grid[0, 0].set(ylabel="Test error (%)")
    _evaluation_legend(figure, grid[0, 0])
    return figure


def remedies(table: pd.DataFrame) -> plt.Figure:
    """Draw the test error with each remedy minus that of plain training (points), a row per remedy, best first.

    `table` has `remedy`, `evaluation`, `kind`, `seed`, `difference`, `low` and `high`: a row of kind `seed` is a dot,
    one of kind `mean` a large one with its interval.
    """
    names = list(table["remedy"].unique())
    figure, axis = plt.subplots(figsize=(6.8, 0.62 * len(names) + 1.6))
    axis.axvline(0, color="0.3", linewidth=1.2)
    for name, shift in zip(SHOWN, (-0.17, 0.17), strict=True):
        colour, marker = EVALUATIONS[name]
        rows = table[table["evaluation"] == name]
        y = rows["remedy"].map({remedy: place for place, remedy in enumerate(names)}) + shift
        seeds, means = rows["kind"] == "seed", rows["kind"] == "mean"
        never = pd.Series(False, index=rows.index[seeds])
        axes.dots(axis, rows["difference"][seeds], y[seeds], never, colour, marker, size=12)
        shown = rows[means]
        spread = np.clip([shown["difference"] - shown["low"], shown["high"] - shown["difference"]], 0, None)
        look = {"marker": marker, "markersize": 8, "markeredgecolor": "0.1", "capsize": 3, "zorder": 4}
        bars = np.nan_to_num(spread)
        axis.errorbar(shown["difference"], y[means], xerr=bars, color=colour, linestyle="", label=name, **look)
    axis.set_yticks(range(len(names)), [label(name) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    axis.set(xlabel="Test error minus that of plain training (points)\nleft of zero: the remedy helps")
    figure.tight_layout(rect=(0, 0.7 / figure.get_figheight(), 1, 1))
    figure.legend(*axis.get_legend_handles_labels(), title="Batch norm uses statistics", loc="lower center", ncols=2)
    return figure


def label(remedy: str) -> str:
    """Return `in_words(remedy)` in lines short enough for the axis of a figure."""
    parts = in_words(remedy).split(" + ")
    if len(parts) == 1:
        return _in_two_lines(parts[0])
    # Spaces that do not break keep the words of a part together.
    text = "\N{NO-BREAK SPACE}+ ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    return textwrap.fill(text, 32).replace("\N{NO-BREAK SPACE}", " ")


def _in_two_lines(text: str) -> str:
    if len(text) <= 18:
        return text
    half = min((k for k, letter in enumerate(text) if letter == " "), key=lambda k: abs(k - len(text) / 2))
    return f"{text[:half]}\n{text[half + 1 :]}"
