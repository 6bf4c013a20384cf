"""Figures of the published network beside the miniature that stands for it."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from smallbatch.figures import EVALUATIONS, axes


def error_beside_miniature(table: pd.DataFrame) -> plt.Figure:
    """Draw test error against batch size in three evaluations, a column per network; below, without batch size 1.

    `table` has `network`, `batch_size`, `evaluation`, `test_error` (points) and `outcome`. A dot is a run, hollow where
    it diverged; lines join the means.
    """
    networks = list(table["network"].unique())
    figure, grid = plt.subplots(2, len(networks), figsize=(7.4, 7.2), sharey="row", squeeze=False)
    for row, rows in zip(grid, (table, table[table["batch_size"] > 1]), strict=True):
        for axis, network in zip(row, networks, strict=True):
            _errors(axis, rows[rows["network"] == network])
        row[0].set(ylabel="Test error (%)")
    for axis, below, network in zip(*grid, networks, strict=True):
        axis.set_title(network)
        below.set_title("Without batch size 1", fontsize=11)
        below.set_xlabel("Batch size (images per step)")
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    handles = grid[0, 0].get_legend_handles_labels()
    figure.legend(*handles, title="Batch norm uses", loc="lower center", ncols=len(EVALUATIONS))
    return figure


def _errors(axis: Axes, table: pd.DataFrame) -> None:
    for place, (name, (colour, marker)) in enumerate(EVALUATIONS.items()):
        rows = table[table["evaluation"] == name]
        x = axes.shifted(rows["batch_size"], place, len(EVALUATIONS))
        axes.dots(axis, x, rows["test_error"], rows["outcome"] == "diverged", colour, marker, size=20)
        axes.join_means(axis, x, rows["test_error"], colour, marker, name)
    axes.label_batch_sizes(axis, table["batch_size"])
