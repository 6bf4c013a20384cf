"""How fast training is: steps beside other frameworks and a lower bound of the machine, and how time grows with work.

Drawn from the benchmark's own tables (`make bench`), whatever the study.
"""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry
from smallbatch.paths import in_project

BENCH = "bench"
CONTENDERS = {
    "ours": "this project",
    "keras-tensorflow": "Keras on TensorFlow",
    "keras-jax": "Keras on JAX",
    "pytorch-timm": "PyTorch, timm",
}
NETWORKS = {"miniature": "Miniature", "full": "Full network"}
# What grows, by the name of its quantity in the benchmark's table.
TITLES = {"images": "Images", "epochs": "Epochs", "image size": "Image size", "runs": "Runs side by side"}
SHADE = "#bdbdbd"


def _steps(evidence: Evidence) -> FigureData:
    folder = in_project("results") / BENCH
    tables = []
    for network in NETWORKS:
        bounds = json.loads((folder / f"{network}.json").read_text())["floor_seconds"]
        table = pd.read_csv(folder / f"{network}.csv")
        tables.append(table.assign(floor_seconds=table["batch_size"].astype(str).map(bounds)))
    return FigureData(pd.concat(tables, ignore_index=True), BENCH)


def steps_beside_peers(table: pd.DataFrame) -> plt.Figure:
    """Return milliseconds per step against batch size, a panel per network.

    `table` has `network`, `contender`, `batch_size`, `seconds` and `floor_seconds`, the lower bound. A dot is a round,
    a line goes through the medians; nothing can lie in the grey area below the bound.
    """
    networks = list(table.groupby("network", sort=False))
    figure, axes = plt.subplots(
        1, len(networks), figsize=(style.width_of(networks), 4.2), squeeze=False, layout="constrained"
    )
    for axis, (network, table) in zip(axes[0], networks, strict=True):
        for k, (name, label) in enumerate(CONTENDERS.items()):
            rows = table[table["contender"] == name]
            if rows.empty:
                continue
            look = {"color": style.PALETTE[k], "marker": style.MARKERS[k]}
            medians = 1000 * rows.groupby("batch_size")["seconds"].median()
            axis.plot(medians.index, medians, label=label, markersize=7, linewidth=2, **look)
            axis.scatter(rows["batch_size"], 1000 * rows["seconds"], s=12, alpha=0.6, **look)
        bound = 1000 * table.groupby("batch_size")["floor_seconds"].first()
        axis.fill_between(bound.index, bound, 1e-3, color=SHADE, alpha=0.5, linewidth=0, label="below the lower bound")
        axis.set(xscale="log", yscale="log", xlabel="Batch size", title=NETWORKS[network])
        axis.set_xticks(bound.index, labels=[str(b) for b in bound.index], minor=False)
        axis.minorticks_off()
        axis.set_ylim(bottom=bound.min() / 2)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0][0].set_ylabel("Time of a training step (ms)")
    handles, labels = max((axis.get_legend_handles_labels() for axis in axes[0]), key=lambda pair: len(pair[1]))
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=10)
    return figure


def _steps_alt(table: pd.DataFrame) -> str:
    medians = table.groupby(["network", "contender", "batch_size"], sort=False)["seconds"].median().reset_index()
    names = [f"{NETWORKS[row.network]}, {CONTENDERS[row.contender]}" for row in medians.itertuples()]
    text = alt_text.lines(medians.assign(line=names), "line", "batch_size", "seconds", 0, 1000, " ms")
    return (
        "Two line charts with logarithmic axes, milliseconds per training step by batch size, and a grey area below "
        f"that no line can enter. {text}."
    )


def _growth(evidence: Evidence) -> FigureData:
    return FigureData(pd.read_csv(in_project("results") / BENCH / "growth.csv"), BENCH)


def growth(table: pd.DataFrame) -> plt.Figure:
    """Return time against each quantity of the benchmark's growth table, both as multiples of their smallest value."""
    titles = {quantity: title for quantity, title in TITLES.items() if quantity in set(table["quantity"])}
    size = (style.WIDE, 2.8)
    figure, grid = plt.subplots(1, len(titles), figsize=size, layout="constrained", sharey=True, squeeze=False)
    axes = grid[0]
    for k, (axis, (quantity, title)) in enumerate(zip(axes, titles.items(), strict=True)):
        rows = table[table["quantity"] == quantity].sort_values("proportional_to")
        smallest = rows["proportional_to"].iloc[0]
        work = rows["proportional_to"] / smallest
        time = rows["seconds"] / rows.loc[rows["proportional_to"] == smallest, "seconds"].median()
        axis.plot([1, work.max()], [1, work.max()], color="grey", linestyle=":", linewidth=1.5)
        axis.scatter(work, time, color=style.PALETTE[k], marker=style.MARKERS[k], s=30)
        axis.set(xscale="log", yscale="log", title=title, xlabel="Work")
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(plt.FixedLocator(2.0 ** np.arange(8)))
            side.set_minor_locator(plt.NullLocator())
            side.set_major_formatter(lambda value, _: f"{value:g}×")
    axes[0].set_ylabel("Time")
    return figure


def _growth_alt(table: pd.DataFrame) -> str:
    parts = []
    for quantity, title in TITLES.items():
        rows = table[table["quantity"] == quantity]
        seconds = rows.groupby("proportional_to")["seconds"].median()
        work, time = seconds.index.max() / seconds.index.min(), seconds.iloc[-1] / seconds.iloc[0]
        parts.append(f"{title}: {work:.0f} times the work takes {time:.1f} times as long")
    return f"Scatter charts of time against work beside a diagonal of exact proportion. {'; '.join(parts)}."


FIGURES = [
    FigureEntry(
        "steps-beside-peers",
        "Time of a training step beside other frameworks",
        "Time of a training step against batch size, for the miniature and the full network. Dots are rounds, "
        "lines join their medians; the grey area lies below what the machine's arithmetic and memory allow.",
        _steps,
        steps_beside_peers,
        _steps_alt,
        details=(
            "Time of a training step against batch size, for the miniature network (a quarter of the filters, a "
            "fifth of the blocks) and the full Inception-ResNet-v2, images of 139 pixels. A dot is the median of "
            "a round, lines go through the medians of the rounds; contenders took turns within each round. The "
            "grey area ends at the lower bound, the time that the machine would need for the network's "
            "multiplications, or to move its numbers, if it did nothing else."
        ),
    ),
    FigureEntry(
        "growth",
        "How the time of training grows with the work",
        "Time against work, both as multiples of the smallest case, for the miniature at batch size 8. Dots "
        "are repetitions; the dotted line is exact proportion.",
        _growth,
        growth,
        _growth_alt,
        details=(
            "Time against work, both as multiples of the smallest case, for the miniature at batch size 8. Work "
            "is the number of images, of epochs, of multiplications at image sizes from 107 to 299 pixels, and of "
            "runs side by side. Dots are repetitions; the dotted line is exact proportion."
        ),
    ),
]
