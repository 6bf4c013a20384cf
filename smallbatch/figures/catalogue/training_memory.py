"""What a batch size costs in memory: measured here, and estimated for a graphics card by several methods.

Drawn from the table of the notebook `cost`, which draws its own with the same functions.
"""

import matplotlib.pyplot as plt
import pandas as pd

from smallbatch.figures import alt_text, style
from smallbatch.figures.catalogue.training_time import ESTIMATE_LOOK, measured_cost, network_name
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry
from smallbatch.measurements.cost.memory import memory_on_gpu
from smallbatch.measurements.cost.parameters import FULL
from smallbatch.measurements.cost.table import COMPILED, COUNTED, EXTRAPOLATED, HERE, PROCESS

# Colour, marker and label of the ways to estimate the memory.
METHODS = {
    COUNTED: (style.PALETTE[0], "o", "estimate: counted from the layers"),
    COMPILED: (style.PALETTE[1], "s", "estimate: compiled by XLA, not run"),
    EXTRAPOLATED: (style.PALETTE[2], "D", "estimate: measured here, extrapolated"),
}
LIMIT = style.PALETTE[3]


def _memory(evidence: Evidence) -> FigureData:
    config, table, study, run = measured_cost(evidence)
    return FigureData(memory_on_gpu(config, table), study, run)


def memory_by_batch_size(found: pd.DataFrame) -> plt.Figure:
    """Return the memory that the full network needs on the card, by each method, and what the card has.

    `found` is what `memory_on_gpu` returns.
    """
    sizes, card = list(found["image_size"].unique()), found["card_memory_gib"].iloc[0]
    figure, grid = plt.subplots(
        1, len(sizes), figsize=(style.width_of(sizes), 4.0), sharey=True, squeeze=False, layout="constrained"
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
        # The memory is a straight line in the batch size; on a straight axis it looks like one.
        axis.set_xlim(left=0)
        largest = found["batch_size"].max()
        axis.set_xticks([size for size in sorted(found["batch_size"].unique()) if size > largest / 8])
        axis.set(xlabel="Batch size", title=network_name(FULL, image_size))
    grid[0, 0].set_ylabel("Memory of training (GiB)")
    # With the most methods first, all of them are in the legend.
    handles = max((axis.get_legend_handles_labels() for axis in grid[0]), key=lambda pair: len(pair[1]))
    figure.legend(*handles, loc="outside lower center", ncols=min(2, len(handles[1])))
    return figure


def _memory_alt(table: pd.DataFrame) -> str:
    named = table.assign(line=[f"{row.method}, {row.image_size} px" for row in table.itertuples()])
    text = alt_text.lines(named, "line", "batch_size", "memory_gib")
    card = table["card_memory_gib"].iloc[0]
    over = table.loc[~table["fits"], ["image_size", "method", "batch_size"]]
    beyond = "All points lie below it" if over.empty else f"{len(over)} of {len(table)} points lie above it"
    return (
        f"Line chart of the memory that the full network is estimated to take, in GiB by batch size, with a line at "
        f"the {card:g} GiB of the card. {beyond}. {text}."
    )


def _count(evidence: Evidence) -> FigureData:
    _, table, study, run = measured_cost(evidence)
    rows = (table["machine"] == HERE) & (table["quantity"] == "memory_mib")
    return FigureData(table[rows].drop(columns="round"), study, run)


def count_against_measurement(table: pd.DataFrame) -> plt.Figure:
    """Return the memory of training measured here beside the count of layers, a panel per network that was measured.

    The count knows nothing of what a framework holds besides; so the two should rise alike and not lie on each other.
    """
    rows = table[(table["machine"] == HERE) & (table["quantity"] == "memory_mib")]
    networks = rows[rows["method"] == PROCESS].groupby(["network", "image_size"], sort=False)
    figure, grid = plt.subplots(
        1, len(networks), figsize=(style.width_of(networks), 3.6), squeeze=False, layout="constrained"
    )
    for axis, ((network, image_size), measured) in zip(grid[0], networks, strict=True):
        counted = rows[(rows["method"] == COUNTED) & (rows["network"] == network) & (rows["image_size"] == image_size)]
        axis.plot(measured["batch_size"], measured["value"], color=style.PALETTE[2], marker="D", label="measured here")
        look = ESTIMATE_LOOK | {"color": style.PALETTE[0], "marker": "o", "label": "counted (estimate)"}
        axis.plot(counted["batch_size"], counted["value"], **look)
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        sizes = measured["batch_size"]
        # On a straight axis the smallest sizes would lie on each other.
        axis.set_xticks(sorted(sizes[sizes > sizes.max() / 8]))
        axis.set(xlabel="Batch size", title=network_name(network, image_size))
        axis.title.set_fontsize(10)
    grid[0, 0].set_ylabel("Memory of training (MiB)")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _count_alt(table: pd.DataFrame) -> str:
    words = {PROCESS: "measured", COUNTED: "counted"}
    lines = [f"{network_name(r.network, r.image_size)}, {words[r.method]}" for r in table.itertuples()]
    text = alt_text.lines(table.assign(line=lines), "line", "batch_size", "value", 0)
    return f"Line charts of the memory of training in MiB by batch size, a chart per network. {text}."


FIGURES = [
    FigureEntry(
        "memory-by-batch-size",
        "Memory of training the full network, by batch size",
        "Memory of training the full network against batch size, by up to three ways to estimate it, and what "
        "a card of the K80 class has (assumed). All points are estimates; no card was used.",
        _memory,
        memory_by_batch_size,
        _memory_alt,
        details=(
            "Memory that training the full Inception-ResNet-v2 takes, against batch size, by up to three ways to "
            "estimate it, and what a graphics card of the K80 class leaves to a program (assumed). All points are "
            "estimates: no card was used. Not in them is the scratch space that a card's libraries take."
        ),
    ),
    FigureEntry(
        "memory-count-and-measured",
        "Memory of training: measured beside a count of the layers",
        "Memory of training as measured, and as counted from the layers, against batch size, a panel per "
        "network with an axis of its own. The count claims to know the slopes, not the levels.",
        _count,
        count_against_measurement,
        _count_alt,
        details=(
            "Memory that training took on the machine named below, beside what a count of the layers says, "
            "against batch size, a panel per network. The count knows nothing of what a framework holds besides, "
            "so levels differ; it is the slopes, the memory of one image more, that it claims to know."
        ),
    ),
]
