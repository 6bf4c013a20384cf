"""What a batch size costs in time: measured here (filled, solid) and estimated for a graphics card (hollow, dashed).

Drawn from the table of the notebook `cost`, which draws its own with the same functions; and, as the price of a batch
size, from the training runs of the main experiment.
"""

import math

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.packet import FigureEntry
from smallbatch.measurements.cost.parameters import FULL, MINIATURE, Config
from smallbatch.measurements.cost.summary import hours_of_a_run
from smallbatch.measurements.cost.table import CARD, COUNTED, HERE, PROCESS
from smallbatch.paths import in_project
from smallbatch.statistics import error_points
from smallbatch.study.records import read_record

COLUMNS = ["status", "machine", "network", "image_size", "batch_size", "method", "round", "quantity", "value"]
# Quantities of the table, and their axes.
TIMES = {"seconds_per_epoch": "Time of an epoch of training (s)", "images_per_second": "Images per second"}
NETWORKS = {MINIATURE: "Miniature", FULL: "Full network"}
ESTIMATE_LOOK = {"linestyle": "--", "markerfacecolor": "none"}


def measured_cost(evidence: Evidence) -> tuple[Config, pd.DataFrame, str, pd.DataFrame]:
    """Return the parameters, the table, the study and the row of the run of notebook `cost`, the first if several."""
    points, summaries, study = evidence.measurement("cost")
    summary = summaries.head(1)
    run = summary["run"].item()
    record = read_record(in_project("results") / study / "runs" / run)
    if record is None:
        raise NotMeasured(f"the record of {run} is not there")
    config = Config.create(**record["parameters"])
    return config, points.loc[points["run"] == run, COLUMNS].reset_index(drop=True), study, summary


def network_name(network: str, image_size: int) -> str:
    """Return a network and its image size as they stand in figures."""
    return f"{NETWORKS[network]}, {image_size} px"


def two_digits(value: float) -> str:
    """Return a number as text with two digits that count: "0.39", "5.9", "92"."""
    decimals = max(0, 1 - math.floor(math.log10(value)))
    return f"{value:.{decimals}f}"


def _time(evidence: Evidence) -> FigureData:
    _, table, study, run = measured_cost(evidence)
    return FigureData(table[_is_shown(table) & table["quantity"].isin(TIMES)], study, run)


def _is_shown(table: pd.DataFrame) -> pd.Series:
    on_card = (table["machine"] == CARD) & (table["method"] == COUNTED)
    return (table["method"] == PROCESS) | on_card


def time_by_batch_size(table: pd.DataFrame) -> plt.Figure:
    """Return seconds per epoch and images per second against batch size, a line per network, image size and machine.

    A dot is a round, a line goes through the medians. A network has the same colour here and on the card.
    """
    figure, grid = plt.subplots(1, 2, figsize=(style.WIDE, 4.4), layout="constrained")
    for axis, (quantity, label) in zip(grid, TIMES.items(), strict=True):
        for name, (machine, rows, look) in _series(table).items():
            rows = rows[rows["quantity"] == quantity]
            middle = rows.groupby("batch_size")["value"].median()
            axis.plot(middle.index, middle, label=name, markersize=6, **look)
            if machine == HERE:
                axis.scatter(rows["batch_size"], rows["value"], s=10, alpha=0.5, color=look["color"], linewidth=0)
        axis.set_yscale("log")
        style.label_plainly(axis.yaxis)
        style.label_batch_sizes(axis, table["batch_size"])
        axis.set(xlabel="Batch size", ylabel=label)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=10)
    return figure


def _series(table: pd.DataFrame) -> dict[str, tuple[str, pd.DataFrame, dict]]:
    """Return machine, rows and look of each line by its label: what was measured first."""
    kept = table[_is_shown(table)]
    networks = list(kept.groupby(["network", "image_size"], sort=False).groups)
    found = {}
    for (machine, *network), rows in kept.groupby(["machine", "network", "image_size"], sort=False):
        k = networks.index(tuple(network))
        look = {"color": style.PALETTE[k], "marker": style.MARKERS[k]}
        look |= ESTIMATE_LOOK if machine == CARD else {}
        found[f"{network_name(*network)}: {_where(machine)}"] = machine, rows, look
    return found


def _where(machine: str) -> str:
    """Return whether numbers of this machine were measured or estimated, as it stands in figures."""
    return "measured here" if machine == HERE else "estimate for the card"


def _time_alt(table: pd.DataFrame) -> str:
    rows = _named(table[table["quantity"] == "images_per_second"])
    medians = rows.groupby(["line", "batch_size"], sort=False)["value"].median().reset_index()
    text = alt_text.lines(medians, "line", "batch_size", "value")
    return f"Two line charts against batch size, seconds per epoch and images per second. Images per second: {text}."


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `line`: network, image size and machine in words."""
    names = [f"{network_name(r.network, r.image_size)}, {_where(r.machine)}" for r in table.itertuples()]
    return table.assign(line=names)


def _hours(evidence: Evidence) -> FigureData:
    config, table, study, run = measured_cost(evidence)
    return FigureData(hours_of_a_run(config, table), study, run)


def hours_by_batch_size(table: pd.DataFrame) -> plt.Figure:
    """Return the hours of the run that is asked for by batch size, a line per network, image size and machine.

    `table` is what `hours_of_a_run` returns. All lines share one logarithmic axis, since they are up to a hundredfold
    apart. Filled markers are measured here, hollow ones on dashed lines estimated for the card.
    """
    figure, axis = plt.subplots(figsize=(style.WIDE, 4.4), layout="constrained")
    networks = list(table.groupby(["network", "image_size"], sort=False).groups)
    for (machine, network, image_size), rows in table.groupby(["machine", "network", "image_size"], sort=False):
        k = networks.index((network, image_size))
        look = {"color": style.PALETTE[k], "marker": style.MARKERS[k], "markersize": 6}
        look |= ESTIMATE_LOOK if machine == CARD else {}
        label = f"{network_name(network, image_size)}: {_where(machine)}"
        axis.plot(rows["batch_size"], rows["hours_of_run"], label=label, **look)
        for row, offset, side in ((rows.iloc[0], -7, "right"), (rows.iloc[-1], 7, "left")):
            axis.annotate(two_digits(row["hours_of_run"]), (row["batch_size"], row["hours_of_run"]), (offset, 0),
                          textcoords="offset points", ha=side, va="center", fontsize=10)  # fmt: skip
    axis.set_yscale("log")
    axis.margins(x=0.09, y=0.08)
    style.label_plainly(axis.yaxis)
    style.label_batch_sizes(axis, table["batch_size"])
    epochs, images = table["epochs_of_a_run"].iloc[0], table["images_of_a_run"].iloc[0]
    axis.set(xlabel=style.BATCH_SIZE, ylabel=f"Hours of {epochs} epochs\nof {images:,} images")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=10)
    return figure


def _hours_alt(table: pd.DataFrame) -> str:
    epochs, images = table["epochs_of_a_run"].iloc[0], table["images_of_a_run"].iloc[0]
    text = alt_text.lines(_named(table), "line", "batch_size", "hours_of_run", 2)
    return f"Line chart of the hours of {epochs} epochs of {images:,} images, by batch size. {text}."


def price(evidence: Evidence) -> FigureData:
    """Return minutes of training and test error of every run that differs in its batch size.

    Minutes are those of `fit`: following the moving averages after each epoch, which only this book does, is left out.
    """
    data = evidence.experiment("batch_size", ["batch_size", "outcome", "seconds_training"])
    spent = data.runs["seconds_training"].to_numpy()
    history = evidence.tables.history
    if "seconds_lag" in history:
        spent = spent - history.groupby("run")["seconds_lag"].sum().reindex(data.runs["run"]).fillna(0).to_numpy()
    errors = error_points(data.runs["recalibrated_test_accuracy"], evidence.tables.n_classes).to_numpy()
    table = data.table.drop(columns="seconds_training").assign(minutes=spent / 60, test_error=errors)
    return FigureData(table, data.study, data.runs)


def error_against_time(table: pd.DataFrame) -> plt.Figure:
    """Return test error (points) against the minutes of training, a colour and marker per batch size.

    `table` has `batch_size`, `minutes`, `test_error` and `outcome`. A small dot is a run, hollow where it diverged; a
    large one is the mean of a batch size (of minutes: geometric).
    """
    sizes = sorted(table["batch_size"].unique())
    panels = style.with_close_up(table, "batch_size", "test_error", 3.9)
    for axis, shown in panels:
        _price_panel(axis, shown, sizes)
    style.legend_below(panels[0][0], title="Batch size", ncols=len(sizes), columnspacing=1)
    return axis.figure


def _price_panel(axis: Axes, table: pd.DataFrame, sizes: list[int]) -> None:
    """Draw the rows of a panel; `sizes` are all batch sizes of the figure, so that each keeps its look."""
    for size, colour, marker in style.shades(sizes):
        runs = table[table["batch_size"] == size]
        if runs.empty:
            continue
        style.dots(axis, runs["minutes"], runs["test_error"], runs["outcome"] == "diverged", colour, marker)
        mean = geometric_mean(runs["minutes"]), runs["test_error"].mean()
        look = {"color": colour, "marker": marker, "markersize": 11, "markeredgecolor": "0.1", "zorder": 4}
        axis.plot(*mean, linestyle="", label=f"{size}", **look)
    axis.set_xlim(0, 1.08 * table["minutes"].max())
    axis.set(xlabel="Time of training (minutes)", ylabel="Test error (%)")


def geometric_mean(values: pd.Series) -> float:
    """Return the geometric mean of positive numbers."""
    return float(values.prod() ** (1 / len(values)))


def _price_alt(table: pd.DataFrame) -> str:
    minutes = alt_text.means(table, "batch_size", "minutes")
    errors = alt_text.means(table, "batch_size", "test_error", 1, 1.0, " %")
    return (
        f"Scatter chart of {len(table)} runs, test error against minutes of training. Mean minutes by batch size: "
        f"{minutes}. Mean test error: {errors}."
    )


FIGURES = [
    FigureEntry(
        "time-by-batch-size",
        "Time of an epoch, and images per second, by batch size",
        "Time of an epoch and images per second against batch size, a line per network and image size. "
        "Filled: measured, dots are rounds, lines join medians; hollow and dashed: estimated for a card of "
        "the K80 class.",
        _time,
        time_by_batch_size,
        _time_alt,
        details=(
            "Time of an epoch of training and images per second against batch size, a line per network and image "
            "size. Filled markers are measured on the machine named below, each batch size in a process of its "
            "own; a small dot is a round, lines join the medians. Hollow markers on dashed lines are an estimate "
            "for a graphics card of the K80 class, from a count of the layers and assumed speeds: read them as "
            "the least that small batches cost there."
        ),
    ),
    FigureEntry(
        "hours-of-a-run",
        "Hours of a whole training run, by batch size",
        "Hours of the question's training by batch size, a line per network, image size and machine; "
        "logarithmic axis. Filled: from timed steps; hollow and dashed: estimated for a card of the K80 "
        "class.",
        _hours,
        hours_by_batch_size,
        _hours_alt,
        details=(
            "Hours of training for the run that the question describes, by batch size, a line per network, image "
            "size and machine, on a logarithmic axis. Filled markers follow from steps that were timed on the "
            "machine named below (median of the rounds), hollow ones are an estimate for a graphics card of the "
            "K80 class, from a count of the layers and assumed speeds. Evaluations and start-up are not in it."
        ),
    ),
    FigureEntry(
        "error-against-time",
        "The price of a batch size: test error against time of training",
        "Test error (recalibrated statistics) against the wall time of training, by batch size, the same "
        "number of epochs. Small markers are runs (one per seed; hollow: diverged), large ones their means.",
        price,
        error_against_time,
        _price_alt,
        details=(
            "Test error (recalibrated evaluation) against the wall time of training, at one learning rate and the "
            "same number of epochs for all batch sizes. Small dots are runs (one per seed; hollow: it diverged), "
            "large ones the means of a batch size. Times are those of the records, with whatever else the machine "
            "did meanwhile."
        ),
    ),
]
