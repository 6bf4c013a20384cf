"""Trainings of sixty epochs: whether their validation loss rises again, and what stopping at its lowest changes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.packet import FigureEntry

EXPERIMENT = "duration"
KEPT, LAST = "best epoch", "last epoch"


def _keeps_best(runs: pd.DataFrame) -> pd.Series:
    """Return of each run whether it keeps the weights of its best epoch."""
    return runs["early_stopping_patience"].notna()


def _curves(evidence: Evidence) -> FigureData:
    columns = ["batch_size", "early_stopping_patience", "kept_epoch", "validation_loss", "validation_accuracy"]
    data = evidence.histories(EXPERIMENT, columns)
    table, runs = data.table[_keeps_best(data.table)], data.runs[_keeps_best(data.runs)]
    if table.empty:
        raise NotMeasured(f"no run of experiment {EXPERIMENT} keeps its best epoch")
    return FigureData(table.drop(columns="early_stopping_patience"), data.study, runs)


def duration_curves(table: pd.DataFrame) -> plt.Figure:
    """Return validation loss (above, on a logarithmic axis) and accuracy (below) by epoch, a column per batch size.

    `table` has `run`, `batch_size`, `epoch`, `validation_loss`, `validation_accuracy` and `kept_epoch`. A thin line is
    a run, marked at the epoch that it kept; the thick line is their mean.
    """
    sizes = sorted(table["batch_size"].unique())
    size = (style.width_of(sizes), 5.2)
    figure, grid = plt.subplots(2, len(sizes), figsize=size, sharex=True, sharey="row", squeeze=False)
    for column, size in zip(grid.T, sizes, strict=True):
        rows = table[table["batch_size"] == size]
        for axis, quantity in zip(column, ("validation_loss", "validation_accuracy"), strict=True):
            _draw_curves(axis, rows, quantity)
        column[0].set_title(f"Batch size {size}")
        column[1].set_xlabel("Epoch")
        style.label_percent(column[1])
    # The first epochs of some runs are ten times as high as all that follows.
    grid[0, 0].set_yscale("log")
    grid[0, 0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    grid[0, 0].yaxis.set_major_formatter("{x:g}")
    grid[0, 0].yaxis.set_minor_locator(NullLocator())
    grid[0, 0].set_ylabel("Validation\nloss (nats)")
    grid[1, 0].set_ylabel("Validation\naccuracy")
    style.legend_below(grid[0, 0], ncols=2)
    return figure


def _draw_curves(axis: Axes, rows: pd.DataFrame, quantity: str) -> None:
    for _, run in rows.groupby("run"):
        axis.plot(run["epoch"], run[quantity], color=style.VALIDATION, linewidth=0.7, alpha=0.6)
    mean = rows.groupby("epoch")[quantity].mean()
    axis.plot(mean.index, mean, color=style.VALIDATION, linewidth=2.4, label="mean")
    kept = rows[rows["epoch"] == rows["kept_epoch"]]
    look = {"color": "0.1", "marker": "P", "s": 46, "zorder": 4, "linewidth": 0}
    axis.scatter(kept["epoch"], kept[quantity], label="lowest validation loss of a run", **look)


def _curves_alt(table: pd.DataFrame) -> str:
    kept = table.drop_duplicates("run").groupby("batch_size")["kept_epoch"].agg(list)
    epochs = "; ".join(
        f"batch size {size}: {', '.join(f'{epoch:g}' for epoch in found)}" for size, found in kept.items()
    )
    loss, accuracy = (_from_to(table, column) for column in ("validation_loss", "validation_accuracy"))
    return (
        f"Line charts by epoch, validation loss above and accuracy below, from the first epoch to the last. Mean loss: "
        f"{loss}. Mean accuracy: {accuracy}. Epochs with the lowest loss of a run: {epochs}."
    )


def _from_to(table: pd.DataFrame, column: str) -> str:
    """Return the mean of a column in the first and in the last epoch, by batch size."""
    first, last = (
        table[table["epoch"] == table["epoch"].agg(end)].groupby("batch_size")[column].mean() for end in ("min", "max")
    )
    return "; ".join(f"batch size {size} from {first[size]:.2f} to {last[size]:.2f}" for size in first.index)


def _stopping(evidence: Evidence) -> FigureData:
    runs = evidence.runs(EXPERIMENT)
    if "early_stopping_patience" not in runs or _keeps_best(runs).nunique() < 2:
        raise NotMeasured(f"experiment {EXPERIMENT} lacks the runs with the weights of the best or of the last epoch")
    runs = runs.assign(weights=np.where(_keeps_best(runs), KEPT, LAST))
    columns = ["batch_size", "weights", "kept_epoch"]
    table = evidence.errors_by_evaluation(runs, columns, style.MOVING_AND_RECALIBRATED)
    return FigureData(table, evidence.study, runs)


def stopping_early(table: pd.DataFrame) -> plt.Figure:
    """Return the test error (points) of the weights kept at the best epoch and at the last, a panel per batch size.

    `table` has `seed`, `batch_size`, `weights` (`KEPT` or `LAST`), `evaluation`, `test_error` and `outcome`. A line
    joins the two runs of a seed, bars are means.
    """
    sizes = sorted(table["batch_size"].unique())
    figure, grid = plt.subplots(1, len(sizes), figsize=(style.width_of(sizes), 3.8), sharey=True, squeeze=False)
    for axis, size in zip(grid[0], sizes, strict=True):
        for name, shift in zip(style.MOVING_AND_RECALIBRATED, (-0.14, 0.14), strict=True):
            rows = table[(table["batch_size"] == size) & (table["evaluation"] == name)]
            x = rows["weights"].map({KEPT: 0, LAST: 1}) + shift
            for _, pair in rows.assign(x=x).sort_values("x").groupby("seed"):
                axis.plot(pair["x"], pair["test_error"], color=style.EVALUATIONS[name][0], linewidth=0.8, alpha=0.5)
            style.dots_and_bars(axis, x, rows["test_error"], rows["outcome"], name)
        axis.set_xticks([0, 1], [KEPT, LAST])
        axis.set(xlabel="Weights kept", title=f"Batch size {size}", xlim=(-0.5, 1.5))
        axis.grid(visible=False, axis="x")
    grid[0, 0].set(ylabel="Test error (%)")
    style.legend_below(grid[0, 0], title=style.STATISTICS_TITLE, ncols=2)
    return figure


def _stopping_alt(table: pd.DataFrame) -> str:
    lines = [f"batch size {r.batch_size}, {r.evaluation}" for r in table.itertuples()]
    text = alt_text.lines(table.assign(line=lines), "line", "weights", "test_error", 1, 1, " %")
    return f"Pairs of dots joined by lines, test error with the weights of two epochs. Means: {text}."


FIGURES = [
    FigureEntry(
        "duration-curves",
        "Sixty epochs: validation loss and accuracy by epoch",
        "Validation loss (logarithmic axis) and accuracy by epoch and batch size, moving-average statistics. "
        "Thin lines are runs (one per seed), thick lines their means; a plus marks the lowest loss of a run.",
        _curves,
        duration_curves,
        _curves_alt,
        details=(
            "Validation loss and accuracy by epoch and batch size, with the moving averages. Thin lines are runs "
            "(one per seed), the thick line is their mean; a plus marks the epoch at which a run has its lowest "
            "validation loss."
        ),
    ),
    FigureEntry(
        "stopping-early",
        "What stopping early changes",
        "Test error after 60 epochs with the weights of the best epoch and with those of the last, by batch "
        "size, in two evaluations. Dots are runs (hollow: diverged), lines join the two of a seed, bars are "
        "means.",
        _stopping,
        stopping_early,
        _stopping_alt,
        details=(
            "Test error of trainings of 60 epochs with the weights of the epoch with the lowest validation loss "
            "and with those of the last, by batch size, in two evaluations. Each dot is a run (hollow: it "
            "diverged), lines join the two runs of a seed, bars are means."
        ),
    ),
]
