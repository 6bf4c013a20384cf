"""The replication of Wilson & Martinez 2003: accuracy, epochs and stable learning rates against batch size.

All figures are drawn from the rows of `tabulate` in `smallbatch.measurements.wilson_martinez.estimator`, with the
columns `dataset` and `gradient` (absent: the defaults), a panel per data set. The notebook draws its one data set with
the same functions; learning curves are in the notebook alone.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry
from smallbatch.measurements.wilson_martinez.summary import interval, named

KEYS = ["run", "dataset", "gradient", "batch_size", "repetition"]
DATASETS = {"iris": "Iris", "wine": "Wine", "breast_cancer": "Breast cancer", "digits": "Digits"}
EPOCHS = style.PALETTE[4]
# Colour, marker and label of the conventions, throughout the book.
GRADIENTS = {
    "mean": (style.PALETTE[0], "o", "mean of gradients"),
    "sum": (style.PALETTE[1], "s", "sum of gradients"),
}
# Exponents of the batch size that stable rates are compared with, in each convention.
GUIDES = {-1: ("--", "1 / batch size"), 0: (":", "level"), 1: ("-.", "batch size")}
GUIDES_OF = {"mean": (0, 1), "sum": (-1, 0)}
BATCH_SIZE = "Batch size"


def _points(evidence: Evidence) -> tuple[pd.DataFrame, str, pd.DataFrame]:
    points, summaries, study = evidence.measurement("wilson_martinez")
    return named(points), study, named(summaries)


def _accuracy(evidence: Evidence) -> FigureData:
    points, study, runs = _points(evidence)
    columns = [*KEYS, "test_accuracy", "epochs_to_target", "censored"]
    table = points.loc[points["gradient"] == "mean", columns]
    return FigureData(table, study, runs[runs["run"].isin(table["run"])])


def accuracy_and_epochs(table: pd.DataFrame) -> plt.Figure:
    """Return test accuracy (above) and epochs to the target (below) against batch size, for one convention.

    A light dot is a repetition, a line goes through the means (of epochs: geometric) with their 95% intervals.
    Hollow dots did not reach the target; they stand at the number of epochs that was trained.
    """
    table = named(table)
    figure, axes = _panels(table, rows=2, height=2.5)
    for (above, below), (_, part) in zip(axes.T, _by_dataset(table), strict=True):
        reached, missed = part[~part["censored"]], part[part["censored"]]
        _dots(above, part, "test_accuracy", style.TEST, "o")
        _means(above, part, "test_accuracy", style.TEST, "D", "mean of the repetitions")
        _dots(below, reached, "epochs_to_target", EPOCHS, "o")
        _dots(below, missed, "epochs_to_target", EPOCHS, "o", hollow=True)
        _means(below, part, "epochs_to_target", EPOCHS, "D", "geometric mean", logarithmic=True)
        _label_batch_sizes(below, part)
        below.set(yscale="log", xlabel=BATCH_SIZE)
        below.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        _label_accuracy(above)
    axes[0, 0].set_ylabel("Test accuracy")
    axes[1, 0].set_ylabel("Epochs to within one\npoint of the best")
    return figure


def _accuracy_alt(table: pd.DataFrame) -> str:
    parts = []
    for name, rows in table.groupby("dataset", sort=False):
        accuracy = alt_text.ends(rows.groupby("batch_size")["test_accuracy"].mean(), lambda v: f"{100 * v:.1f} %")
        epochs = alt_text.ends(alt_text.geometric_means(rows, "batch_size", "epochs_to_target"), lambda v: f"{v:.1f}")
        parts.append(f"{DATASETS[name]}: test accuracy {accuracy}, epochs {epochs}")
    return f"Two rows of charts against batch size, test accuracy above and epochs below. {'; '.join(parts)}."


def _rates(evidence: Evidence) -> FigureData:
    points, study, runs = _points(evidence)
    return FigureData(points[[*KEYS, "largest_stable_rate", "stable_at_edge"]], study, runs)


def stable_rates(table: pd.DataFrame) -> plt.Figure:
    """Return the largest stable learning rate against batch size, a colour per convention, with guides for slopes.

    A light dot is a repetition, a line goes through the geometric means with their 95% intervals. Hollow dots stand at
    the highest rate tried; their limit lies higher. The guides start at the mean of batch size 1, where the conventions
    are the same: means at a rate proportional to the batch size are sums at a level rate, and means at a level rate are
    sums at a rate proportional to 1 / batch size.
    """
    table = named(table)
    figure, axes = _panels(table, rows=1, height=3.4)
    for axis, (_, part) in zip(axes[0], _by_dataset(table), strict=True):
        for gradient, runs in part.dropna(subset=["largest_stable_rate"]).groupby("gradient", sort=False):
            colour, marker, label = GRADIENTS[gradient]
            _dots(axis, runs[~runs["stable_at_edge"]], "largest_stable_rate", colour, marker)
            _dots(axis, runs[runs["stable_at_edge"]], "largest_stable_rate", colour, marker, hollow=True)
            _means(axis, runs, "largest_stable_rate", colour, marker, label, logarithmic=True)
        _slope_guides(axis, part)
        _label_batch_sizes(axis, part)
        axis.set_yscale("log", base=2)
        axis.yaxis.set_major_locator(LogLocator(base=2, numticks=9))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:g}")
        axis.set(xlabel=BATCH_SIZE)
    axes[0, 0].set_ylabel("Largest stable learning rate")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=10)
    return figure


def _rates_alt(table: pd.DataFrame) -> str:
    parts = []
    for (name, gradient), rows in table.dropna().groupby(["dataset", "gradient"], sort=False):
        means = alt_text.geometric_means(rows, "batch_size", "largest_stable_rate")
        parts.append(f"{DATASETS[name]}, {GRADIENTS[gradient][2]}: {alt_text.ends(means, lambda v: f'{v:.2g}')}")
    return f"Charts with logarithmic axes, largest stable learning rate by batch size. {'; '.join(parts)}."


def learning_curves(table: pd.DataFrame) -> plt.Figure:
    """Return mean hold-out accuracy after 1, 2, 4, ... epochs at the fastest rate, a line per batch size."""
    table = named(table)
    figure, axes = _panels(table, rows=1, height=3.4)
    for axis, (_, part) in zip(axes[0], _by_dataset(table), strict=True):
        after = sorted(int(name.removeprefix("after_")) for name in part if name.startswith("after_"))
        means = part.groupby("batch_size")[[f"after_{k}" for k in after]].mean()
        for size, colour, marker in style.shades(means.index):
            axis.plot(after, means.loc[size], color=colour, marker=marker, markersize=4, label=str(size))
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        _label_accuracy(axis)
        axis.set(xlabel="Epochs")
        axis.legend(title="Batch size", fontsize=8, title_fontsize=8, ncols=2, loc="lower right")
    axes[0, 0].set_ylabel("Hold-out accuracy")
    return figure


def _panels(table: pd.DataFrame, rows: int, height: float) -> tuple[plt.Figure, np.ndarray]:
    n = table["dataset"].nunique()
    width = style.width_of(range(n))
    figure, axes = plt.subplots(
        rows, n, figsize=(width, height * rows), sharey="row", sharex="col", squeeze=False, layout="constrained"
    )
    for axis, (name, _) in zip(axes[0], _by_dataset(table), strict=True):
        axis.set_title(DATASETS[name])
    return figure, axes


def _by_dataset(table: pd.DataFrame):
    return table.groupby("dataset", sort=False)


def _dots(axis, table: pd.DataFrame, column: str, colour, marker: str, hollow: bool = False) -> None:
    # Side by side, since many repetitions have the same value.
    places = table["batch_size"] * 2 ** (0.3 * (table["repetition"] / max(1, table["repetition"].max()) - 0.5))
    face, alpha = ("none", 0.8) if hollow else ([colour], 0.4)
    axis.scatter(
        places, table[column], s=14, marker=marker, facecolors=face, edgecolors=[colour], linewidths=0.8, alpha=alpha
    )


def _means(axis, table: pd.DataFrame, column: str, colour, marker: str, label: str, logarithmic: bool = False) -> None:
    """Draw the mean at each batch size with its interval."""
    forth, back = (np.log, np.exp) if logarithmic else (np.asarray, np.asarray)
    groups = table.groupby("batch_size")[column]
    mean, low, high = back(np.array([interval(forth(values.to_numpy(float))) for _, values in groups])).T
    spread = style.interval(mean, low, high)
    axis.errorbar(
        list(groups.groups), mean, spread, color=colour, marker=marker, markersize=5, linewidth=2, zorder=3, label=label
    )


def _slope_guides(axis, table: pd.DataFrame) -> None:
    first = table.loc[table["batch_size"] == table["batch_size"].min(), "largest_stable_rate"]
    sizes = np.sort(table["batch_size"].unique()).astype(float)
    exponents = sorted({exponent for gradient in table["gradient"].unique() for exponent in GUIDES_OF[gradient]})
    for exponent in exponents:
        line, label = GUIDES[exponent]
        rates = np.exp(np.log(first).mean()) * (sizes / sizes[0]) ** exponent
        axis.plot(sizes, rates, color="0.4", linestyle=line, linewidth=1.2, zorder=1, label=label)


def _label_accuracy(axis) -> None:
    axis.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")


def _label_batch_sizes(axis, table: pd.DataFrame) -> None:
    sizes = sorted(table["batch_size"].unique())
    # The largest one may stand close to a power of 2, so that both labels would not fit.
    shown = [size for size in sizes[:-1:2] if size * 3 < sizes[-1]] + [sizes[-1]]
    axis.set_xscale("log", base=2)
    axis.set_xticks(shown, [str(size) for size in shown])
    axis.xaxis.set_minor_locator(NullLocator())


FIGURES = [
    FigureEntry(
        "source-accuracy",
        "Accuracy and speed of on-line and batch training",
        "Test accuracy, and epochs until within one point of the best, against batch size at its own best "
        "learning rate, networks with one hidden layer. Light dots are repetitions (hollow: not reached), "
        "lines join means with 95% intervals.",
        _accuracy,
        accuracy_and_epochs,
        _accuracy_alt,
        details=(
            "Test accuracy (above) and epochs until the hold-out accuracy is within one point of the best (below) "
            "against batch size, at each batch size's own best learning rate, for networks with one hidden layer. "
            "The rightmost batch size is the whole training set. Light dots are repetitions (hollow: target not "
            "reached), lines go through means (of epochs: geometric), bars are 95% bootstrap intervals."
        ),
    ),
    FigureEntry(
        "source-rates",
        "The largest stable learning rate, for means and for sums of gradients",
        "Largest stable learning rate against batch size, where a step follows the mean of the gradients (as "
        "today) or their sum (as in 2003). Light dots are repetitions, lines geometric means with 95% "
        "intervals; grey: slopes.",
        _rates,
        stable_rates,
        _rates_alt,
        details=(
            "The largest learning rate up to which training ends with a lower loss than it began with, against "
            "batch size, where a step follows the mean of its examples' gradients (as today) or their sum (as in "
            "2003). Light dots are repetitions (hollow: the highest rate tried was stable), lines geometric means "
            "with 95% bootstrap intervals. Grey lines are slopes to compare with."
        ),
    ),
]
