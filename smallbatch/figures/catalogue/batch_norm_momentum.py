"""What the momentum of batch norm does: how long the averages keep their initial values, and the error after training.

The momentum is the decay of the moving averages; the higher it is, the more steps they average over.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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
    figure, axis = plt.subplots(figsize=(6.6, 4.0))
    for (momentum, size), rows in table.groupby(["momentum", "batch_size"], sort=False):
        colour, marker = SIZES[size]
        look = {"color": colour, "marker": marker, "linestyle": MOMENTUM_LINES[momentum], "markersize": 5}
        label = f"momentum {momentum:g}, batch size {size}"
        axis.plot(rows["epoch"], rows["weight"], markevery=0.1, label=label, **look)
    axis.set_yscale("log")
    axis.set_ylim(1e-4, 1.4)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axis.set(xlabel="Epoch", ylabel="Weight still on the start")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=10)
    figure.tight_layout()
    return figure


def _initial_weight_alt(table: pd.DataFrame) -> str:
    shown = table[table["epoch"].isin((1, 10, 30, 60))]
    lines = [f"momentum {row.momentum:g}, batch size {row.batch_size}, by epoch" for row in shown.itertuples()]
    text = alt_text.lines(shown.assign(line=lines), "line", "epoch", "weight", 2, 100, " %")
    return f"Line chart with a logarithmic axis, weight still on the start against epochs. {text}."


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
    figure, grid = plt.subplots(1, len(sizes), figsize=(style.width_of(sizes), 4.0), sharey=True, squeeze=False)
    for axis, size in zip(grid[0], sizes, strict=True):
        for name, shift in zip(style.MOVING_AND_RECALIBRATED, (-0.16, 0.16), strict=True):
            rows = table[(table["batch_size"] == size) & (table["evaluation"] == name)]
            x = rows["momentum"].map({momentum: place for place, momentum in enumerate(momenta)}) + shift
            style.dots_and_bars(axis, x, rows["test_error"], rows["outcome"], name)
        axis.set_xticks(range(len(momenta)), momenta)
        axis.set(xlabel="Batch-norm momentum", title=f"Batch size {size}", xlim=(-0.5, len(momenta) - 0.5))
        axis.grid(visible=False, axis="x")
    grid[0, 0].set(ylabel="Test error (%)")
    style.legend_below(grid[0, 0], 0.14, title="Batch norm uses statistics", ncols=2)
    return figure


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
        "How long moving averages remember their start",
        f"Weight that batch norm's moving averages still give to the values they started with, against epochs, for "
        f"{IMAGES:,} training images at batch sizes 10 and 32 with two values of momentum. The weight is the momentum "
        "to the power of the number of steps; what it leaves is spread over all later steps.",
        _initial_weight,
        initial_weight,
        _initial_weight_alt,
    ),
    FigureEntry(
        "momentum-lag",
        "Test error by batch norm's momentum, in two evaluations",
        "Test error after training by batch norm's momentum, at batch sizes 10 and 32, with the moving averages and "
        "with statistics recalibrated on all training images. The weights are the same in both evaluations. Each dot "
        "is a run (one per seed; hollow: it diverged), bars are means. Scaled: the momentum at which the averages look "
        "back over as many images at every batch size. A momentum between 0.99 and 0.9997 gives the averages a "
        "memory of the same share of the training as 0.9997 gave those of the training that was asked about.",
        _error,
        momentum_lag,
        _error_alt,
    ),
    FigureEntry(
        "full-size-momentum",
        "Test error of the published network by batch norm's momentum",
        "Test error of Inception-ResNet-v2 as published after training by batch norm's momentum, at batch sizes 10 and "
        "32, with the moving averages and with statistics recalibrated on all training images. The weights are the "
        "same in both evaluations. Each dot is a run (one per seed; hollow: it diverged), bars are means. A momentum "
        "of 0.9953 gives the averages a memory of the same share of the training as 0.9997 gave those of the training "
        "that was asked about.",
        _full_size_error,
        momentum_lag,
        _error_alt,
    ),
]
