"""Error and generalization gap against batch size at one learning rate, of the miniature and the published network."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import GPU, PUBLISHED, Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

EXPERIMENT = "batch_size"
NETWORKS = {"Miniature": PUBLISHED, "Published network": GPU}


def _accuracies(evidence: Evidence) -> FigureData:
    columns = [f"{name}_{split}_accuracy" for name in style.EVALUATIONS for split in ("train", "test")]
    return evidence.experiment(EXPERIMENT, ["batch_size", "outcome", *columns])


def _finished(runs: pd.DataFrame) -> pd.DataFrame:
    return runs[runs["outcome"] == "finished"]


def error_by_batch_size(runs: pd.DataFrame) -> plt.Figure:
    """Return test and training error against batch size: each finished run a dot, the mean over seeds a line."""
    finished = _finished(runs)
    figure, axis = plt.subplots(figsize=(style.WIDTH, 3.4))
    highest = []
    for split, colour, marker in (("test", style.TEST, "D"), ("train", style.TRAIN, "o")):
        table = finished.assign(error=1 - finished[f"moving_{split}_accuracy"])
        _dots_and_mean(axis, table, "error", colour, marker, split)
        highest.append(table["error"].max())
    axis.set(xlabel=style.BATCH_SIZE, ylabel="Error after training")
    _label_errors(axis, runs, pd.Series(highest).max())
    style.label_ends(axis)
    figure.tight_layout()
    return figure


def error_by_evaluation(runs: pd.DataFrame) -> plt.Figure:
    """Return test error against batch size in the three evaluations: each finished run a dot, the mean a line.

    Where batch size 1 would make the others look like one line, a second panel shows these alone.
    """
    finished = _finished(runs)
    errors = {name: finished.assign(error=1 - finished[f"{name}_test_accuracy"]) for name in style.EVALUATIONS}
    apart = _is_crushed(pd.concat(errors.values()))
    figure, axes = plt.subplots(1, 1 + apart, figsize=(style.WIDE, 4.05), squeeze=False)
    for axis, smallest in zip(axes[0], (1, 2), strict=False):
        shown = {name: table[table["batch_size"] >= smallest] for name, table in errors.items()}
        for name, (colour, marker) in style.EVALUATIONS.items():
            _dots_and_mean(axis, shown[name], "error", colour, marker, style.STATISTICS[name])
        style.label_percent(axis)
        style.label_batch_sizes(axis, runs.loc[runs["batch_size"] >= smallest, "batch_size"])
        axis.set_xlabel("Batch size")
    highest = pd.concat(errors.values())["error"].max()
    axes[0, 0].set_ylim(0, 1.08 * highest if highest > 0 else 1)
    axes[0, 0].set_ylabel("Test error after training")
    if apart:
        axes[0, 1].set_title("Without batch size 1", fontsize=11)
    style.label_ends(axes[0, -1])
    figure.tight_layout()
    return figure


def _is_crushed(table: pd.DataFrame) -> bool:
    others = table[table["batch_size"] > 1]
    spread = table["error"].max() - table["error"].min()
    return others["batch_size"].nunique() > 1 and 2 * (others["error"].max() - others["error"].min()) < spread


def _evaluations_message(runs: pd.DataFrame) -> str:
    finished = _finished(runs)
    if finished.empty:
        return "No run finished"
    error = 100 * (1 - finished.groupby("batch_size")[[f"{name}_test_accuracy" for name in style.EVALUATIONS]].mean())
    size = (error.max(axis=1) - error.min(axis=1)).idxmax()
    low, high = error.loc[size].idxmin(), error.loc[size].idxmax()
    words = [f"{error.loc[size, name]:.0f}% with {style.STATISTICS[name.split('_')[0]]}" for name in (high, low)]
    return f"Same networks, batch size {size}: test error {words[0]} statistics, {words[1]} statistics"


def generalization_gap(runs: pd.DataFrame) -> plt.Figure:
    """Return test minus training error, recalibrated, in points, against batch size: a dot per run, the mean a line."""
    figure, axis = plt.subplots(figsize=(style.WIDTH, 3.2))
    _dots_and_mean(axis, _with_gap(runs), "gap", style.PALETTE[4], "P", "test error − training error")
    axis.axhline(0, color="0.4", linewidth=1)
    axis.set(xlabel=style.BATCH_SIZE, ylabel="Generalization gap\n(percentage points)")
    style.label_batch_sizes(axis, runs["batch_size"])
    figure.tight_layout()
    return figure


def _with_gap(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the finished runs with their generalization gap (points)."""
    finished = _finished(runs)
    gap = finished["recalibrated_train_accuracy"] - finished["recalibrated_test_accuracy"]
    return finished.assign(gap=100 * gap)


def _dots_and_mean(axis: Axes, table: pd.DataFrame, column: str, colour, marker: str, label: str) -> None:
    axis.scatter(table["batch_size"], table[column], color=colour, marker=marker, s=28, alpha=0.6, zorder=3)
    mean = table.groupby("batch_size")[column].mean()
    axis.plot(mean.index, mean, color=colour, marker=marker, markersize=3, label=label)


def _label_errors(axis: Axes, runs: pd.DataFrame, highest: float) -> None:
    style.label_percent(axis)
    # Of no run at all it is not a number, and of faultless ones zero.
    axis.set_ylim(0, 1.08 * highest if highest > 0 else 1)
    style.label_batch_sizes(axis, runs["batch_size"])


def _errors_alt(table: pd.DataFrame) -> str:
    test, train = (_mean_errors(table, f"moving_{split}_accuracy") for split in ("test", "train"))
    return f"Line chart against batch size. Mean test error by batch size: {test}. Mean training error: {train}."


def _evaluations_alt(table: pd.DataFrame) -> str:
    lines = [f"{name}: {_mean_errors(table, f'{name}_test_accuracy')}" for name in style.EVALUATIONS]
    return f"Line chart of mean test error by batch size, a line per evaluation. {'; '.join(lines)}."


def _mean_errors(table: pd.DataFrame, accuracy: str) -> str:
    finished = _finished(table)
    return alt_text.means(finished.assign(error=1 - finished[accuracy]), "batch_size", "error", 1, 100, " %")


def _gap_alt(table: pd.DataFrame) -> str:
    found = alt_text.means(_with_gap(table), "batch_size", "gap")
    return f"Dots and a line of means against batch size, with a line at zero. Mean gap in points: {found}."


def errors_of_both_networks(evidence: Evidence) -> FigureData:
    """Return the test error of each run of both networks at one learning rate, a row per run and evaluation."""
    parts, runs = [], []
    for network, study in NETWORKS.items():
        of_study = evidence.beside(study)
        runs.append(of_study.runs(EXPERIMENT).assign(network=network))
        parts.append(of_study.errors_by_evaluation(runs[-1], ["network", "batch_size"], style.EVALUATIONS))
    table = pd.concat(parts, ignore_index=True)
    return FigureData(table, ", ".join(NETWORKS.values()), pd.concat(runs, ignore_index=True))


def error_beside_miniature(table: pd.DataFrame) -> plt.Figure:
    """Return test error against batch size in three evaluations, a column per network; below, without batch size 1.

    `table` has `network`, `batch_size`, `evaluation`, `test_error` (points) and `outcome`. A dot is a run, hollow where
    it diverged; lines join the means.
    """
    networks = list(table["network"].unique())
    figure, grid = plt.subplots(2, len(networks), figsize=(style.WIDE, 6.4), sharey="row", squeeze=False)
    for row, rows in zip(grid, (table, table[table["batch_size"] > 1]), strict=True):
        for axis, network in zip(row, networks, strict=True):
            _three_evaluations(axis, rows[rows["network"] == network])
        row[0].set(ylabel="Test error (%)")
    for axis, below, network in zip(*grid, networks, strict=True):
        axis.set_title(network)
        below.set_title("Without batch size 1", fontsize=11)
        below.set_xlabel("Batch size")
    style.legend_below(grid[0, 0], title=style.STATISTICS_TITLE, ncols=len(style.EVALUATIONS))
    return figure


def _three_evaluations(axis: Axes, table: pd.DataFrame) -> None:
    for place, (name, (colour, marker)) in enumerate(style.EVALUATIONS.items()):
        rows = table[table["evaluation"] == name]
        x = style.shifted(rows["batch_size"], place, len(style.EVALUATIONS))
        style.dots(axis, x, rows["test_error"], rows["outcome"] == "diverged", colour, marker, size=20)
        style.join_means(axis, x, rows["test_error"], colour, marker, style.STATISTICS[name])
    style.label_batch_sizes(axis, table["batch_size"])


def _both_networks_alt(table: pd.DataFrame) -> str:
    lines = table.assign(line=table["network"] + ", " + table["evaluation"])
    found = alt_text.lines(lines, "line", "batch_size", "test_error", 1, 1, " %")
    return f"Two line charts against batch size, one per network, a line per evaluation. Mean test error: {found}."


FIGURES = [
    FigureEntry(
        "error-by-batch-size",
        "Test and training error against batch size",
        "Test and training error against batch size, at one learning rate and a fixed number of epochs, with "
        "moving-average statistics. Dots are runs (one per seed), lines join their means.",
        _accuracies,
        error_by_batch_size,
        _errors_alt,
        details=(
            "Test and training error after training against batch size, at one learning rate and a fixed number "
            "of epochs. Each dot is one run (a seed), lines join the means over seeds. Batch norm uses its moving "
            "averages in both."
        ),
    ),
    FigureEntry(
        "error-by-evaluation",
        "Test error of the same networks in three evaluations",
        "Test error of the same trained networks against batch size, with moving-average statistics (as "
        "evaluate and predict use), with those of batches as small as in training, and recalibrated. Dots are "
        "runs (one per seed), lines join their means.",
        _accuracies,
        error_by_evaluation,
        _evaluations_alt,
        message=_evaluations_message,
        details=(
            "Test error of the same trained networks in three evaluations, against batch size. Batch norm uses "
            "its moving averages (as evaluate and predict do), the statistics of batches as small as in training, "
            "or statistics recalibrated on all training images. Each dot is one run (a seed), lines join the "
            "means over seeds."
        ),
    ),
    FigureEntry(
        "generalization-gap",
        "Generalization gap against batch size",
        "Test error minus training error against batch size, both with recalibrated statistics. Dots are runs "
        "(one per seed), the line joins their means.",
        _accuracies,
        generalization_gap,
        _gap_alt,
        details=(
            "Generalization gap, the test error minus the training error, against batch size. Each dot is one run "
            "(a seed), the line joins the means over seeds. Both errors are measured after training with "
            "statistics recalibrated on all training images."
        ),
    ),
    FigureEntry(
        "full-size-error",
        "Test error against batch size, miniature and published network",
        "Test error against batch size of the miniature and of the network as published, on the same "
        "photographs, in three evaluations. Dots are runs (one per seed), lines join their means; below, "
        "without batch size 1.",
        errors_of_both_networks,
        error_beside_miniature,
        _both_networks_alt,
        details=(
            "Test error after training against batch size, at one learning rate and a fixed number of epochs, of "
            "a miniature of Inception-ResNet-v2 and of the network as published, on the same photographs. Batch "
            "norm uses its moving averages, the statistics of batches as small as in training, or statistics "
            "recalibrated on all training images. Each dot is one run (a seed), lines join the means of the runs "
            "that there are; the lower panels show the same without batch size 1."
        ),
    ),
]
