"""Figures of what a batch size costs: time and memory, measured here (filled, solid) and estimated (hollow, dashed).

All draw from the table of `smallbatch.measurements.cost`: the rows of `measure`, `estimate` and
`compile_without_running` together.
"""

import math

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullLocator

from smallbatch.figures import MARKERS
from smallbatch.measurements.cost import (
    CARD,
    COMPILED,
    COUNTED,
    EXTRAPOLATED,
    FULL,
    HERE,
    MINIATURE,
    PROCESS,
    Config,
    by_batch_size,
    medians,
    memory_on_the_card,
)

COLOURS = sns.color_palette("colorblind")
# Colour, marker and label of the ways to estimate the memory.
METHODS = {
    COUNTED: (COLOURS[0], "o", "estimate: counted from the layers"),
    COMPILED: (COLOURS[1], "s", "estimate: compiled by XLA, not run"),
    EXTRAPOLATED: (COLOURS[2], "D", "estimate: measured here, extrapolated"),
}
LIMIT = COLOURS[3]
NAMES = {MINIATURE: "Miniature", FULL: "Full network"}
ESTIMATE_LOOK = {"linestyle": "--", "markerfacecolor": "none"}
BATCH_SIZE = "Batch size (images per step)"


def time_by_batch_size(table: pd.DataFrame) -> plt.Figure:
    """Draw seconds per epoch and images per second against batch size, a line per network, image size and machine.

    A dot is a round, a line goes through the medians. A network has the same colour here and on the card.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
    panels = (("seconds_per_epoch", "Time of an epoch of training (s)"), ("images_per_second", "Images per second"))
    for axis, (quantity, label) in zip(axes, panels, strict=True):
        for name, (machine, rows, look) in _series(table).items():
            rows = rows[rows["quantity"] == quantity]
            middle = rows.groupby("batch_size")["value"].median()
            axis.plot(middle.index, middle, label=name, markersize=6, **look)
            if machine == HERE:
                axis.scatter(rows["batch_size"], rows["value"], s=10, alpha=0.5, color=look["color"], linewidth=0)
        axis.set_yscale("log")
        _plain_log(axis.yaxis)
        _batch_sizes(axis, table)
        axis.set(xlabel=BATCH_SIZE, ylabel=label)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def memory_by_batch_size(config: Config, table: pd.DataFrame) -> plt.Figure:
    """Draw the memory that the full network needs on the card, by each method, and what the card has."""
    found = memory_on_the_card(config, table)
    sizes = list(found["image_size"].unique())
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(4.4 * len(sizes) + 0.4, 4.4), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, image_size in zip(axes[0], sizes, strict=True):
        for method, (colour, marker, label) in METHODS.items():
            rows = found[(found["image_size"] == image_size) & (found["method"] == method)]
            if len(rows):
                look = ESTIMATE_LOOK | {"color": colour, "marker": marker, "label": label}
                axis.plot(rows["batch_size"], rows["memory_gib"], **look)
        axis.axhline(config.card_memory_gib, color=LIMIT, linewidth=2)
        axis.text(
            0.02, config.card_memory_gib, f"the card has {config.card_memory_gib:g} GiB (assumed)", va="bottom",
            transform=axis.get_yaxis_transform(), color=LIMIT, fontsize=9,
        )  # fmt: skip
        axis.set_ylim(0, 1.15 * max(found["memory_gib"].max(), config.card_memory_gib))
        _batch_sizes(axis, table)
        axis.set(xlabel=BATCH_SIZE, title=_name(FULL, image_size))
    axes[0, 0].set_ylabel("Memory of training (GiB)")
    # With the most methods first, all of them are in the legend.
    handles = max((axis.get_legend_handles_labels() for axis in axes[0]), key=lambda pair: len(pair[1]))
    figure.legend(*handles, loc="outside lower center", ncols=min(2, len(handles[1])))
    return figure


def count_against_measurement(config: Config, table: pd.DataFrame) -> plt.Figure:
    """Draw the memory of training measured here beside the count of layers, a panel per network that was measured.

    The count knows nothing of what a framework holds besides; so the two should rise alike and not lie on each other.
    """
    networks = [n for n in config.measured() if len(by_batch_size(table, n, PROCESS))]
    figure, axes = plt.subplots(
        1, len(networks), figsize=(3.3 * len(networks) + 0.4, 3.8), squeeze=False, layout="constrained"
    )
    for axis, network in zip(axes[0], networks, strict=True):
        measured, counted = (by_batch_size(table, network, method) for method in (PROCESS, COUNTED))
        axis.plot(measured.index, measured, color=COLOURS[2], marker="D", label="measured here")
        axis.plot(counted.index, counted, color=COLOURS[0], marker="o", label="counted (estimate)", **ESTIMATE_LOOK)
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        axis.xaxis.set_major_locator(MultipleLocator(8))
        axis.set(xlabel=BATCH_SIZE, title=_name(network.name, network.image_size))
        axis.title.set_fontsize(11)
    axes[0, 0].set_ylabel("Memory of training (MiB)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def hours_by_batch_size(config: Config, table: pd.DataFrame) -> plt.Figure:
    """Draw the hours of the run that is asked for, a panel per network, image size and machine; each has its own axis.

    Filled bars are measured here, hatched ones estimated for the card.
    """
    panels = []
    for machine in (HERE, CARD):
        hours = medians(table, machine, ["hours_of_run"])["hours_of_run"].dropna()
        panels += [(machine, *key, part) for key, part in hours.groupby(level=[0, 1], sort=False)]
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(3.3 * columns + 0.3, 3.0 * lines), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (machine, network, image_size, hours) in zip(axes.flat, panels, strict=False):
        look = {"color": COLOURS[0]} if machine == HERE else {"color": "white", "edgecolor": COLOURS[1], "hatch": "//"}
        labels = [str(size) for size in hours.index.get_level_values("batch_size")]
        bars = axis.bar(labels, hours, width=0.7, linewidth=1.5, **look)
        axis.bar_label(bars, [_two_digits(value) for value in hours], fontsize=9)
        axis.set_xlim(-0.6, max(len(part) for *_, part in panels) - 0.4)
        axis.margins(y=0.15)
        axis.grid(visible=False, axis="x")
        axis.set_title(f"{_name(network, image_size)}:\n{_where(machine)}", fontsize=10.5)
    for axis in axes[:, 0]:
        axis.set_ylabel(f"Hours of {config.epochs_of_a_run} epochs\nof {config.images_of_a_run:,} images")
    for axis in axes[-1]:
        axis.set_xlabel("Batch size")
    return figure


def _two_digits(value: float) -> str:
    decimals = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:.{decimals}f}"


def _where(machine: str) -> str:
    return "measured here" if machine == HERE else "estimate for the card"


def _series(table: pd.DataFrame) -> dict[str, tuple[str, pd.DataFrame, dict]]:
    """Return machine, rows and look of each line by its label: what was measured first."""
    kept = table[(table["method"] == PROCESS) | ((table["machine"] == CARD) & (table["method"] == COUNTED))]
    networks = list(kept.groupby(["network", "image_size"], sort=False).groups)
    found = {}
    for (machine, *network), rows in kept.groupby(["machine", "network", "image_size"], sort=False):
        k = networks.index(tuple(network))
        look = {"color": COLOURS[k], "marker": MARKERS[k]} | (ESTIMATE_LOOK if machine == CARD else {})
        found[f"{_name(*network)}: {_where(machine)}"] = machine, rows, look
    return found


def _name(network: str, image_size: int) -> str:
    return f"{NAMES[network]}, {image_size} px"


def _batch_sizes(axis, table: pd.DataFrame) -> None:
    ticks = sorted(table["batch_size"].unique())
    axis.set_xscale("log", base=2)
    axis.set_xticks(ticks, [str(size) for size in ticks])
    axis.xaxis.set_minor_locator(NullLocator())


def _plain_log(axis) -> None:
    """Label a logarithmic axis with plain numbers."""
    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
