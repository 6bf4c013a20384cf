"""Figures of the benchmark: training steps beside other frameworks and the machine's floor, and how time grows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from smallbatch.figures import MARKERS

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


def steps_beside_peers(table: pd.DataFrame) -> plt.Figure:
    """Draw milliseconds per step against batch size, a panel per network.

    `table` has `network`, `contender`, `batch_size`, `seconds` and `floor_seconds`. A dot is a round, a line goes
    through the medians; nothing can lie in the grey area below the floor.
    """
    networks = list(table.groupby("network", sort=False))
    figure, axes = plt.subplots(1, len(networks), figsize=(5 * len(networks), 4.2), squeeze=False, layout="constrained")
    for axis, (network, table) in zip(axes[0], networks, strict=True):
        for k, (name, label) in enumerate(CONTENDERS.items()):
            rows = table[table["contender"] == name]
            if rows.empty:
                continue
            look = {"color": sns.color_palette("colorblind")[k], "marker": MARKERS[k]}
            medians = 1000 * rows.groupby("batch_size")["seconds"].median()
            axis.plot(medians.index, medians, label=label, markersize=7, linewidth=2, **look)
            axis.scatter(rows["batch_size"], 1000 * rows["seconds"], s=12, alpha=0.6, **look)
        floor = 1000 * table.groupby("batch_size")["floor_seconds"].first()
        axis.fill_between(floor.index, floor, 1e-3, color=SHADE, alpha=0.5, linewidth=0, label="below the floor")
        axis.set(xscale="log", yscale="log", xlabel="Batch size", title=NETWORKS[network])
        axis.set_xticks(floor.index, labels=[str(b) for b in floor.index], minor=False)
        axis.minorticks_off()
        axis.set_ylim(bottom=floor.min() / 2)
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0][0].set_ylabel("Time of a training step (ms)")
    handles, labels = max((axis.get_legend_handles_labels() for axis in axes[0]), key=lambda pair: len(pair[1]))
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def growth(table: pd.DataFrame) -> plt.Figure:
    """Draw time against each quantity of the benchmark's growth table, both as multiples of their smallest value."""
    titles = {quantity: title for quantity, title in TITLES.items() if quantity in set(table["quantity"])}
    size = (3 * len(titles), 3.2)
    figure, grid = plt.subplots(1, len(titles), figsize=size, layout="constrained", sharey=True, squeeze=False)
    axes = grid[0]
    for k, (axis, (quantity, title)) in enumerate(zip(axes, titles.items(), strict=True)):
        rows = table[table["quantity"] == quantity].sort_values("proportional_to")
        smallest = rows["proportional_to"].iloc[0]
        work = rows["proportional_to"] / smallest
        time = rows["seconds"] / rows.loc[rows["proportional_to"] == smallest, "seconds"].median()
        axis.plot([1, work.max()], [1, work.max()], color="grey", linestyle=":", linewidth=1.5)
        axis.scatter(work, time, color=sns.color_palette("colorblind")[k], marker=MARKERS[k], s=30)
        axis.set(xscale="log", yscale="log", title=title, xlabel="Work")
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_locator(plt.FixedLocator(2.0 ** np.arange(8)))
            side.set_minor_locator(plt.NullLocator())
            side.set_major_formatter(lambda value, _: f"{value:g}×")
    axes[0].set_ylabel("Time")
    return figure
