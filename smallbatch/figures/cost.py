"""Figures of what a batch size costs: time and memory, measured here (filled, solid) and estimated (hollow, dashed).

Each draws from one table that `smallbatch.measurements.cost` makes: the rows of `measure`, `estimate` and
`compile_without_running` together, or what `hours_of_a_run` and `memory_on_gpu` make of them.
"""

import math

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from smallbatch.figures import MARKERS, axes
from smallbatch.measurements.cost.parameters import FULL, MINIATURE
from smallbatch.measurements.cost.table import CARD, COMPILED, COUNTED, EXTRAPOLATED, HERE, PROCESS

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
    figure, grid = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
    panels = (("seconds_per_epoch", "Time of an epoch of training (s)"), ("images_per_second", "Images per second"))
    for axis, (quantity, label) in zip(grid, panels, strict=True):
        for name, (machine, rows, look) in _series(table).items():
            rows = rows[rows["quantity"] == quantity]
            middle = rows.groupby("batch_size")["value"].median()
            axis.plot(middle.index, middle, label=name, markersize=6, **look)
            if machine == HERE:
                axis.scatter(rows["batch_size"], rows["value"], s=10, alpha=0.5, color=look["color"], linewidth=0)
        axis.set_yscale("log")
        axes.label_plainly(axis.yaxis)
        axes.label_batch_sizes(axis, table["batch_size"])
        axis.set(xlabel=BATCH_SIZE, ylabel=label)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def memory_by_batch_size(found: pd.DataFrame) -> plt.Figure:
    """Draw the memory that the full network needs on the card, by each method, and what the card has.

    `found` is what `memory_on_the_card` returns.
    """
    sizes, card = list(found["image_size"].unique()), found["card_memory_gib"].iloc[0]
    figure, grid = plt.subplots(
        1, len(sizes), figsize=(4.4 * len(sizes) + 0.4, 4.4), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, image_size in zip(grid[0], sizes, strict=True):
        for method, (colour, marker, label) in METHODS.items():
            rows = found[(found["image_size"] == image_size) & (found["method"] == method)]
            if len(rows):
                look = ESTIMATE_LOOK | {"color": colour, "marker": marker, "label": label}
                axis.plot(rows["batch_size"], rows["memory_gib"], **look)
        axis.axhline(card, color=LIMIT, linewidth=2)
        axis.text(
            0.02, card, f"the card has {card:g} GiB (assumed)", va="bottom",
            transform=axis.get_yaxis_transform(), color=LIMIT, fontsize=9,
        )  # fmt: skip
        axis.set_ylim(0, 1.15 * max(found["memory_gib"].max(), card))
        axes.label_batch_sizes(axis, found["batch_size"])
        axis.set(xlabel=BATCH_SIZE, title=network_name(FULL, image_size))
    grid[0, 0].set_ylabel("Memory of training (GiB)")
    # With the most methods first, all of them are in the legend.
    handles = max((axis.get_legend_handles_labels() for axis in grid[0]), key=lambda pair: len(pair[1]))
    figure.legend(*handles, loc="outside lower center", ncols=min(2, len(handles[1])))
    return figure


def count_against_measurement(table: pd.DataFrame) -> plt.Figure:
    """Draw the memory of training measured here beside the count of layers, a panel per network that was measured.

    The count knows nothing of what a framework holds besides; so the two should rise alike and not lie on each other.
    """
    rows = table[(table["machine"] == HERE) & (table["quantity"] == "memory_mib")]
    networks = rows[rows["method"] == PROCESS].groupby(["network", "image_size"], sort=False)
    figure, grid = plt.subplots(
        1, len(networks), figsize=(3.3 * len(networks) + 0.4, 3.8), squeeze=False, layout="constrained"
    )
    for axis, ((network, image_size), measured) in zip(grid[0], networks, strict=True):
        counted = rows[(rows["method"] == COUNTED) & (rows["network"] == network) & (rows["image_size"] == image_size)]
        axis.plot(measured["batch_size"], measured["value"], color=COLOURS[2], marker="D", label="measured here")
        look = ESTIMATE_LOOK | {"color": COLOURS[0], "marker": "o", "label": "counted (estimate)"}
        axis.plot(counted["batch_size"], counted["value"], **look)
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        sizes = measured["batch_size"]
        # On a straight axis the smallest sizes would lie on each other.
        axis.set_xticks(sorted(sizes[sizes > sizes.max() / 8]))
        axis.set(xlabel=BATCH_SIZE, title=network_name(network, image_size))
        axis.title.set_fontsize(11)
    grid[0, 0].set_ylabel("Memory of training (MiB)")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def hours_by_batch_size(table: pd.DataFrame) -> plt.Figure:
    """Draw the hours of the run that is asked for, a panel per network, image size and machine; each has its own axis.

    `table` is what `hours_of_a_run` returns. Filled bars are measured here, hatched ones estimated for the card.
    """
    panels = list(table.groupby(["machine", "network", "image_size"], sort=False))
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(3.3 * columns + 0.3, 3.0 * lines), squeeze=False, layout="constrained"
    )
    for axis in grid.flat[len(panels) :]:
        axis.axis("off")
    for axis, ((machine, network, image_size), rows) in zip(grid.flat, panels, strict=False):
        look = {"color": COLOURS[0]} if machine == HERE else {"color": "white", "edgecolor": COLOURS[1], "hatch": "//"}
        bars = axis.bar(rows["batch_size"].astype(str), rows["hours_of_run"], width=0.7, linewidth=1.5, **look)
        axis.bar_label(bars, [two_digits(value) for value in rows["hours_of_run"]], fontsize=9)
        axis.set_xlim(-0.6, max(len(part) for _, part in panels) - 0.4)
        axis.margins(y=0.15)
        axis.grid(visible=False, axis="x")
        axis.set_title(f"{network_name(network, image_size)}:\n{where(machine)}", fontsize=10.5)
    epochs, images = table["epochs_of_a_run"].iloc[0], table["images_of_a_run"].iloc[0]
    for axis in grid[:, 0]:
        axis.set_ylabel(f"Hours of {epochs} epochs\nof {images:,} images")
    for axis in grid[-1]:
        axis.set_xlabel("Batch size")
    return figure


def two_digits(value: float) -> str:
    """Return a number as text with two digits that count: "0.39", "5.9", "92"."""
    decimals = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:.{decimals}f}"


def where(machine: str) -> str:
    """Return whether numbers of this machine were measured or estimated, as it stands in figures."""
    return "measured here" if machine == HERE else "estimate for the card"


def _series(table: pd.DataFrame) -> dict[str, tuple[str, pd.DataFrame, dict]]:
    """Return machine, rows and look of each line by its label: what was measured first."""
    kept = table[(table["method"] == PROCESS) | ((table["machine"] == CARD) & (table["method"] == COUNTED))]
    networks = list(kept.groupby(["network", "image_size"], sort=False).groups)
    found = {}
    for (machine, *network), rows in kept.groupby(["machine", "network", "image_size"], sort=False):
        k = networks.index(tuple(network))
        look = {"color": COLOURS[k], "marker": MARKERS[k]} | (ESTIMATE_LOOK if machine == CARD else {})
        found[f"{network_name(*network)}: {where(machine)}"] = machine, rows, look
    return found


def network_name(network: str, image_size: int) -> str:
    """Return a network and its image size as they stand in figures."""
    return f"{NAMES[network]}, {image_size} px"
