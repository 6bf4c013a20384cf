"""What the momentum of batch norm does: how long the averages keep their initial values, and the error after training.

The momentum is the decay of the moving averages; the higher it is, the more steps they average over.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from smallbatch.claims.conditions import KERAS_MOMENTUM, TFSLIM_MOMENTUM
from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import GPU, Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

# The training of the question: number of images and epochs, and colour and marker of its two batch sizes.
IMAGES, EPOCHS = 5000, 60
SIZES = {10: (style.PALETTE[1], "^"), 32: (style.PALETTE[0], "v")}
MOMENTUM_LINES = {TFSLIM_MOMENTUM: "-", KERAS_MOMENTUM: "--"}


def weights_of_initial_values() -> pd.DataFrame:
    """Return the weight that the moving averages give to their initial values, by epoch of the question's training.

    Each step keeps a fraction of what was there, the momentum, and the last batch of an epoch is a step too, whole or
    not. Columns `momentum`, `batch_size`, `epoch`, `steps` and `weight`, a fraction.
    """
    epochs = np.arange(EPOCHS + 1)
    tables = [
        pd.DataFrame({"momentum": momentum, "batch_size": size, "epoch": epochs, "steps": epochs * -(-IMAGES // size)})
        for momentum in MOMENTUM_LINES
        for size in SIZES
    ]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(weight=table["momentum"] ** table["steps"])


def _initial_weight(evidence: Evidence) -> FigureData:
    return FigureData(weights_of_initial_values(), "")


def initial_weight(table: pd.DataFrame) -> plt.Figure:
    """Return the weight of the initial values in the moving averages by epoch, a line per batch size and momentum.

    `table` has `batch_size`, `momentum`, `epoch` and `weight` (a fraction).
    """
    figure, axis = plt.subplots(figsize=(style.WIDE, 4.05))
    for (momentum, size), rows in table.groupby(["momentum", "batch_size"], sort=False):
        colour, marker = SIZES[size]
        look = {"color": colour, "marker": marker, "linestyle": MOMENTUM_LINES[momentum], "markersize": 5}
        axis.plot(
            rows["epoch"], rows["weight"], markevery=0.1, label=f"momentum {momentum:g}, batch size {size}", **look
        )
    axis.set_yscale("log")
    lowest, last = 1e-4, table["epoch"].max()
    axis.set_ylim(lowest, 1.4)
    axis.set_xlim(-1, last + 1)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    axis.set(xlabel="Epoch", ylabel="Weight on the initial values")
    for (momentum, size), rows in table.groupby(["momentum", "batch_size"], sort=False):
        _label_line(axis, rows[rows["weight"] > lowest], f"momentum {momentum:g}, batch size {size}", SIZES[size][0])
    figure.tight_layout()
    return figure


def _label_line(axis: Axes, shown: pd.DataFrame, text: str, colour) -> None:
    """Write what a line is above it, or with an arrow to the lower end of one that falls at once."""
    look = {"color": style.readable(colour), "fontsize": 11, "fontweight": "bold", "textcoords": "offset points"}
    if shown["epoch"].max() > 0.3 * axis.get_xlim()[1]:
        point = shown.iloc[len(shown) // 3]
        axis.annotate(text, (point["epoch"], point["weight"]), (6, 6), **look)
        return
    point = shown.iloc[-1]
    arrow = {"arrowstyle": "-", "color": colour}
    height = -4 if point["batch_size"] == max(SIZES) else -40
    place = (point["epoch"], point["weight"])
    axis.annotate(text, place, (60 - 4 * point["epoch"], height), arrowprops=arrow, va="center", **look)


def _initial_weight_message(table: pd.DataFrame) -> str:
    last = table[table["epoch"] == table["epoch"].max()].set_index(["momentum", "batch_size"])["weight"]
    momentum = table["momentum"].max()
    ends = [f"{100 * last[momentum, size]:.2g}% at batch size {size}" for size in SIZES]
    return f"After {EPOCHS} epochs, momentum {momentum:g} still gives the initial values {' and '.join(ends)}"


def _initial_weight_alt(table: pd.DataFrame) -> str:
    shown = table[table["epoch"].isin((1, 10, 30, 60))]
    lines = [f"momentum {row.momentum:g}, batch size {row.batch_size}, by epoch" for row in shown.itertuples()]
    text = alt_text.lines(shown.assign(line=lines), "line", "epoch", "weight", 2, 100, " %")
    return f"Line chart with a logarithmic axis, weight on the initial values against epochs. {text}."


def _error(evidence: Evidence) -> FigureData:
    runs = evidence.runs("momentum_lag")
    runs = runs.assign(momentum=runs["batch_norm_momentum"].map(_as_text))
    table = evidence.errors_by_evaluation(runs, ["batch_size", "momentum"], style.MOVING_AND_RECALIBRATED)
    return FigureData(table, evidence.study, runs)


def _full_size_error(evidence: Evidence) -> FigureData:
    return _error(evidence.beside(GPU))


def momentum_lag(table: pd.DataFrame) -> plt.Figure:
    """Return test error (points) by batch norm's momentum, a panel per batch size.

    `table` has `batch_size`, `momentum` (a number or a word), `evaluation`, `test_error` and `outcome`. A dot is a
    run, hollow where it diverged; a bar is the mean.
    """
    sizes, momenta = sorted(table["batch_size"].unique()), _in_order(table["momentum"])
    table = table.assign(momentum=table["momentum"].map(_as_text))
    figure, grid = plt.subplots(1, len(sizes), figsize=(style.width_of(sizes), 4.05), sharey=True, squeeze=False)
    for axis, size in zip(grid[0], sizes, strict=True):
        for name, shift in zip(style.MOVING_AND_RECALIBRATED, (-0.16, 0.16), strict=True):
            rows = table[(table["batch_size"] == size) & (table["evaluation"] == name)]
            x = rows["momentum"].map({momentum: place for place, momentum in enumerate(momenta)}) + shift
            style.dots_and_bars(axis, x, rows["test_error"], rows["outcome"], name)
        axis.set_xticks(range(len(momenta)), momenta, fontsize=10)
        axis.set(xlabel="Batch-norm momentum", title=f"Batch size {size}", xlim=(-0.5, len(momenta) - 0.5))
        axis.grid(visible=False, axis="x")
    grid[0, 0].set(ylabel="Test error (%)")
    _label_evaluations(grid[0, -1], table[table["batch_size"] == sizes[-1]], momenta)
    figure.tight_layout()
    return figure


def _label_evaluations(axis: Axes, table: pd.DataFrame, momenta: list[str]) -> None:
    """Write the names of the evaluations beside their means where these are furthest apart."""
    means = table.groupby(["momentum", "evaluation"])["test_error"].mean().unstack()
    momentum = (means["moving"] - means["recalibrated"]).abs().idxmax()
    low, high = axis.get_ylim()
    axis.set_ylim(low - 0.12 * (high - low), high)
    higher = means.loc[momentum].idxmax()
    for name, shift in zip(style.MOVING_AND_RECALIBRATED, (-0.16, 0.16), strict=True):
        look = {"color": style.readable(style.EVALUATIONS[name][0]), "fontsize": 11, "fontweight": "bold"}
        place = (momenta.index(momentum) + shift, means.loc[momentum, name])
        where = {"ha": "right", "va": "center"} if name == higher else {"ha": "center", "va": "top"}
        offset = (-12, 0) if name == higher else (0, -14)
        axis.annotate(style.STATISTICS[name], place, offset, textcoords="offset points", **look, **where)


def _error_message(table: pd.DataFrame) -> str:
    """Return where the two evaluations of the same networks are furthest apart."""
    table = table.assign(momentum=table["momentum"].map(_as_text))
    means = table.groupby(["batch_size", "momentum", "evaluation"])["test_error"].mean().unstack()
    size, momentum = (means["moving"] - means["recalibrated"]).abs().idxmax()
    moving, recalibrated = means.loc[(size, momentum), ["moving", "recalibrated"]]
    return (
        f"Momentum {momentum}, batch size {size}: test error {moving:.0f}% with moving-average statistics, "
        f"{recalibrated:.0f}% recalibrated"
    )


def _in_order(momenta: pd.Series) -> list[str]:
    """Return the momenta that occur, as text: numbers ascending, then words."""
    numbers = pd.to_numeric(pd.Series(momenta.unique()), errors="coerce")
    return [_as_text(value) for _, value in sorted(zip(numbers.fillna(np.inf), momenta.unique(), strict=True))]


def _as_text(momentum) -> str:
    """Return a momentum as text, the same whether its column was read as numbers or, with a word in it, as text."""
    try:
        return f"{float(momentum):g}"
    except ValueError:
        return str(momentum)


def _error_alt(table: pd.DataFrame) -> str:
    table = table.assign(momentum=table["momentum"].map(_as_text))
    lines = [f"batch size {r.batch_size}, {r.evaluation}" for r in table.itertuples()]
    text = alt_text.lines(table.assign(line=lines), "line", "momentum", "test_error", 1, 1, " %")
    return f"Dot plots of test error by batch-norm momentum, one for each batch size. Means: {text}."


FIGURES = [
    FigureEntry(
        "initial-weight",
        "How long moving averages keep their initial values",
        "Weight that batch norm's moving averages still give to their initial values, by epoch, for 5,000 "
        "training images: the momentum to the power of the number of steps. A line per batch size (colour) "
        "and momentum (solid, dashed).",
        _initial_weight,
        initial_weight,
        _initial_weight_alt,
        message=_initial_weight_message,
        details=(
            f"Weight that batch norm's moving averages still give to the values they started with, by epoch, for "
            f"{IMAGES:,} training images at batch sizes 10 and 32 with two values of momentum. The weight is the "
            "momentum to the power of the number of steps; what it leaves is spread over all later steps."
        ),
    ),
    FigureEntry(
        "momentum-lag",
        "Test error by batch norm's momentum, in two evaluations",
        "Test error by batch norm's momentum at batch sizes 10 and 32, with moving-average and with "
        "recalibrated statistics of the same weights. Dots are runs (one per seed; hollow: diverged), bars "
        "their means.",
        _error,
        momentum_lag,
        _error_alt,
        message=_error_message,
        details=(
            "Test error after training by batch norm's momentum, at batch sizes 10 and 32, with the moving "
            "averages and with statistics recalibrated on all training images. The weights are the same in both "
            "evaluations. Each dot is a run (one per seed; hollow: it diverged), bars are means. Scaled: the "
            "momentum at which the averages look back over as many images at every batch size. A momentum between "
            "0.99 and 0.9997 gives the averages a window of the same fraction of the training as 0.9997 gave those "
            "of the training of the question."
        ),
    ),
    FigureEntry(
        "full-size-momentum",
        "Test error of the published network by batch norm's momentum",
        "Test error of the published network by batch norm's momentum at batch sizes 10 and 32, with moving- "
        "average and with recalibrated statistics of the same weights. Dots are runs (one per seed), bars "
        "their means.",
        _full_size_error,
        momentum_lag,
        _error_alt,
        message=_error_message,
        details=(
            "Test error of Inception-ResNet-v2 as published after training by batch norm's momentum, at batch "
            "sizes 10 and 32, with the moving averages and with statistics recalibrated on all training images. "
            "The weights are the same in both evaluations. Each dot is a run (one per seed; hollow: it diverged), "
            "bars are means. A momentum of 0.9953 gives the averages a window of the same fraction of the training "
            "as 0.9997 gave those of the training of the question."
        ),
    ),
]
