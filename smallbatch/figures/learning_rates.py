"""Figures of the learning rates that a batch size can bear, of one or several networks measured at a checkpoint."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns

from smallbatch.figures import MARKERS, axes, measurements
from smallbatch.figures.measurements import BATCH_NORM_USES, LAW_LINES

POINT, LAW = "point", "law"
# How the fitted power is told from the laws: it is not drawn, its exponent is a number in the text.
NOT_DRAWN = "power"


def stable_learning_rates(table: pd.DataFrame) -> plt.Figure:
    """Draw learning rates against batch size: a panel per measurement, a dot per unit, a line per law.

    `table` has `measurement`, `batch_norm`, `kind`, `batch_size` and `learning_rate`. Rows of kind `point` also have
    `at_edge` (hollow: the limit lies above all rates tried); rows of kind `law`, where the laws could be fitted, have
    `law` and `predicts_best` (drawn wider).
    """
    panels = table[["measurement", "batch_norm"]].drop_duplicates().to_numpy().tolist()
    figure, rows = plt.subplots(len(panels), 1, figsize=(6.6, 2.7 * len(panels) + 0.8), sharex=True, squeeze=False)
    for axis, (measurement, batch_norm) in zip(rows[:, 0], panels, strict=True):
        part = table[(table["measurement"] == measurement) & (table["batch_norm"] == batch_norm)]
        points, fitted = (part[part["kind"] == kind] for kind in (POINT, LAW))
        for law, (label, colour, line) in LAW_LINES.items():
            curve = fitted[fitted["law"] == law]
            if law != NOT_DRAWN and len(curve):
                width = 2.6 if (curve["predicts_best"].astype(str) == "True").all() else 1.3
                look = {"color": colour, "linestyle": line, "linewidth": width, "label": label}
                axis.plot(curve["batch_size"], curve["learning_rate"], **look)
        axes.dots(axis, _side_by_side(points), points["learning_rate"], _is_true(points["at_edge"]), "0.15", "o", 20)
        axis.set_yscale("log")
        axes.label_plainly(axis.yaxis)
        axis.set(ylabel="Learning rate", title=f"{measurement}, {BATCH_NORM_USES[batch_norm]}")
    axes.label_batch_sizes(rows[-1, 0], table.loc[table["kind"] == POINT, "batch_size"])
    rows[-1, 0].set_xlabel("Batch size (images per step)")
    drawn = {
        label: handle for axis in rows[:, 0] for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    legend = figure.legend(drawn.values(), drawn, loc="lower center", ncols=max(len(drawn), 1))
    for line in legend.get_lines():
        # Which is the widest differs from panel to panel.
        line.set_linewidth(1.6)
    return figure


def _side_by_side(points: pd.DataFrame) -> pd.Series:
    """Return batch sizes with equal rates beside each other, within a third of a doubling."""
    same = points.groupby(["batch_size", "learning_rate"])["batch_size"]
    place, n = same.cumcount(), same.transform("size")
    return points["batch_size"] * 2.0 ** (0.36 * (place - (n - 1) / 2) / n.max())


def _is_true(column: pd.Series) -> pd.Series:
    # Beside rows without a value, a column of a CSV file is not one of booleans.
    return column.astype(str) == "True"


def loss_after_a_step(table: pd.DataFrame) -> plt.Figure:
    """Draw the loss after a single step of one network against its learning rate: means of draws by batch size.

    `table` has `batch_size`, `learning_rate` and `loss` (nats). Steps that do great harm end above the upper edge.
    """
    mean = table.groupby(["batch_size", "learning_rate"])["loss"].mean()
    lowest, highest = mean.min(), mean.groupby("batch_size").first().max()
    figure, axis = plt.subplots(figsize=(6.6, 4.0))
    sizes = sorted(table["batch_size"].unique())
    for k, (size, colour) in enumerate(zip(sizes, sns.color_palette("viridis", len(sizes)), strict=True)):
        look = {"color": colour, "marker": MARKERS[k % len(MARKERS)], "markersize": 5, "label": f"{size}"}
        axis.plot(mean[size].index, mean[size], **look)
    # The smallest steps change next to nothing: they show where the loss was before.
    room = max(highest - lowest, 1e-6)
    top = highest + 1.2 * room
    axis.set_ylim(lowest - 0.1 * room, top)
    seen = mean[mean < top].index.get_level_values("learning_rate")
    axis.set_xscale("log")
    axis.set_xlim(seen.min() / 1.5, 3 * seen.max())
    axes.label_plainly(axis.xaxis)
    axis.set(xlabel="Learning rate of the step", ylabel="Loss after the step (nats)")
    axis.legend(title="Batch size", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    return figure


def loss_after_short_training(table: pd.DataFrame) -> plt.Figure:
    """Draw `measurements.loss_after_short_training` with the limit that the table has in column `limit`."""
    return measurements.loss_after_short_training(table, table["limit"].iloc[0])
