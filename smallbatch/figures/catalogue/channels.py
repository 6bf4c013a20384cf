"""The two noises of a small batch taken apart: that of its gradient and that of its batch norm, each alone."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbatch.claims.catalogue.noise import INTERACTION, INTERACTION_SIZES, interaction_cells
from smallbatch.claims.conditions import LARGEST
from smallbatch.claims.tables import errors_of
from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.packet import FigureEntry
from smallbatch.statistics import error_points, mean_over_seeds

# Of each condition: the experiment, and the column with the number of images that the condition makes small.
SIZES = {
    "standard": ("batch_size", "batch_size"),
    "ghost": ("ghost", "used_normalization_batch_size"),
    "masked": ("masked_loss", "used_sgd_batch_size"),
    "group": ("group_norm", "batch_size"),
}
# Colour, marker and label of each condition, throughout the book.
CONDITIONS = {
    "standard": (style.PALETTE[0], "o", "standard:\nboth noises"),
    "ghost": (style.PALETTE[1], "s", "ghost: noise of\nbatch norm"),
    "masked": (style.PALETTE[2], "D", "masked: noise of\nthe gradient"),
    "group": (style.PALETTE[4], "^", "group norm: no\nbatch statistics"),
}


TITLE = "The noise of the gradient and the noise of batch norm, each alone"


def _conditions(evidence: Evidence) -> FigureData:
    parts, large = [], pd.DataFrame()
    for condition, (experiment, column) in SIZES.items():
        try:
            runs = evidence.runs(experiment)
        except NotMeasured:
            continue
        # Group norm has no statistics of batches: there is nothing to recalibrate.
        evaluation = "moving" if condition == "group" else "recalibrated"
        error = error_points(runs[f"{evaluation}_test_accuracy"], evidence.tables.n_classes)
        runs = runs.assign(
            arm=condition, size=runs[column].astype(int), evaluation=evaluation, test_error=error, shared=False
        )
        if condition == "standard":
            large = runs[runs["size"] == LARGEST]
        elif condition in ("ghost", "masked"):
            # At 32 both are the standard condition: its runs are the end of their lines.
            runs = pd.concat([runs, large.assign(arm=condition, shared=True)])
        parts.append(runs)
    if not parts:
        raise NotMeasured("there are no runs of any condition")
    runs = pd.concat(parts, ignore_index=True)
    columns = ["arm", "size", "run", "seed", "evaluation", "outcome", "test_error", "shared"]
    return FigureData(runs[columns], evidence.study, runs)


def channels(table: pd.DataFrame) -> plt.Figure:
    """Return test error (points) against the size that each condition makes small; dots are runs, lines join means.

    `table` has `arm` (the condition, a key of `CONDITIONS`), `size` (images), `test_error`, `outcome` and `shared`:
    true where a run of the standard condition stands for another one, of which it is the end; it counts in that
    condition's line, and is a dot only once. Runs that diverged are hollow.
    """
    conditions = [name for name in CONDITIONS if name in set(table["arm"])]
    for axis, shown in style.with_close_up(table, "size", "test_error", 4.05, beside=True):
        for place, name in enumerate(conditions):
            colour, marker, label = CONDITIONS[name]
            runs = shown[shown["arm"] == name]
            own = runs[~runs["shared"]]
            x = style.shifted(own["size"], place, len(conditions), 0.11)
            style.dots(axis, x, own["test_error"], own["outcome"] == "diverged", colour, marker)
            style.join_means(axis, runs["size"], runs["test_error"], colour, marker, label)
        style.label_batch_sizes(axis, shown["size"])
        axis.set(xlabel="Images made small")
    style.label_ends(axis, 10)
    axis.figure.axes[0].set_ylabel("Test error (%)")
    axis.figure.tight_layout()
    return axis.figure


def _conditions_message(table: pd.DataFrame) -> str:
    """Return what one image does to the gradient alone, and to batch norm alone, at the smallest size of both."""
    means = table.groupby(["arm", "size"])["test_error"].mean()
    both = [size for size in sorted(table["size"].unique()) if ("ghost", size) in means and ("masked", size) in means]
    if not both:
        return TITLE
    size = both[0]
    images = "1 image" if size == 1 else f"{size} images"
    return (
        f"Batch norm over {images}: test error {means['ghost', size]:.0f}%. "
        f"Gradient over {images}: {means['masked', size]:.0f}%"
    )


def _conditions_alt(table: pd.DataFrame) -> str:
    found = alt_text.lines(table, "arm", "size", "test_error", 1, 1, " %")
    return f"Dots and lines of means against the number of images, one per condition. Mean test error: {found}."


def _interaction(evidence: Evidence) -> FigureData:
    rows, names, reasons = [], [], []
    for size in INTERACTION_SIZES:
        try:
            cells = interaction_cells(evidence.tables, size)
        except NotMeasured as reason:
            reasons.append(f"batch size {size}: {reason}")
            continue
        values = errors_of(evidence.tables, cells, "recalibrated") @ np.array(INTERACTION)
        mean = mean_over_seeds(values)
        names += [*cells.names.ravel()]
        rows += [
            {"kind": "seed", "batch_size": size, "seed": seed, "interaction": value}
            for seed, value in zip(cells.runs.index, values, strict=True)
        ]
        rows.append(
            {"kind": "mean", "batch_size": size, "interaction": mean.number, "low": mean.low, "high": mean.high}
        )
    if not rows:
        raise NotMeasured("; ".join(reasons))
    table = pd.DataFrame(rows, columns=["kind", "batch_size", "seed", "interaction", "low", "high"])
    runs = evidence.tables.runs
    return FigureData(table.astype({"seed": "Int64"}), evidence.study, runs[runs["run"].isin(names)])


def interaction(table: pd.DataFrame) -> plt.Figure:
    """Return by how much both noises together differ from the sum of each (points), by batch size.

    `table` has `kind`, `batch_size`, `interaction`, `low` and `high`: a row of kind `seed` is a dot, one of kind `mean`
    a diamond with its interval.
    """
    figure, axis = plt.subplots(figsize=(style.WIDTH, 3.4))
    sizes = sorted(table["batch_size"].unique())
    place = {size: k for k, size in enumerate(sizes)}
    seeds, means = (table[table["kind"] == kind] for kind in ("seed", "mean"))
    axis.axhline(0, color="0.4", linewidth=1)
    x = seeds["batch_size"].map(place) - 0.12
    never = pd.Series(False, index=seeds.index)
    style.dots(axis, x, seeds["interaction"], never, "0.45", "o")
    bars = style.interval(means["interaction"], means["low"], means["high"])
    x = means["batch_size"].map(place) + 0.12
    look = {"color": CONDITIONS["standard"][0], "marker": "D", "linestyle": "", "capsize": 4}
    axis.errorbar(x, means["interaction"], np.nan_to_num(bars), **look)
    axis.set_xticks(range(len(sizes)), [f"{size}" for size in sizes])
    axis.set(
        xlabel="Batch size (images)",
        ylabel="Together minus the sum\nof each (percentage points)",
        xlim=(-0.5, len(sizes) - 0.5),
    )
    axis.grid(visible=False, axis="x")
    figure.tight_layout()
    return figure


def _interaction_alt(table: pd.DataFrame) -> str:
    means = table[table["kind"] == "mean"]
    found = "; ".join(
        f"batch size {row.batch_size}: {row.interaction:z.1f} ({row.low:z.1f} to {row.high:z.1f})"
        if np.isfinite(row.low)
        else f"batch size {row.batch_size}: {row.interaction:z.1f}"
        for row in means.itertuples()
    )
    return f"Dots for seeds and a mean with its interval at each batch size, with a line at zero. In points: {found}."


FIGURES = [
    FigureEntry(
        "channels",
        TITLE,
        "Test error against the number of images that a condition makes small: for batch norm alone, for the "
        "gradient alone, or for both. Recalibrated statistics. Dots are runs (one per seed; hollow: "
        "diverged), lines join their means.",
        _conditions,
        channels,
        _conditions_alt,
        message=_conditions_message,
        details=(
            "Test error after training against the size that each condition makes small: batch size (standard "
            "batch norm, which has both noises, and group norm, which has no batch statistics), images normalized "
            "together in batches of 32 (ghost batch norm), or images with a loss in batches of 32 (masked loss). "
            "Each dot is one run (a seed; hollow if it diverged), lines join the means over seeds. At 32, ghost "
            "batch norm and masked loss are the standard arm. Statistics are recalibrated on all training images; "
            "group norm has none. Arms without runs are absent. Where size 1 lies far from the others, a lower "
            "panel shows those alone."
        ),
    ),
    FigureEntry(
        "interaction",
        "Whether the noise of the gradient and the noise of batch norm add up",
        "How far the effects of both noises together differ from their sum; zero means that they add up. "
        "Recalibrated statistics. Grey dots are seeds, diamonds their means, bars 95% bootstrap intervals.",
        _interaction,
        interaction,
        _interaction_alt,
        details=(
            "Interaction of the two noises: test error of standard batch norm at a small batch size, minus that "
            "of ghost batch norm over so many images, minus that of the masked loss of so many images, plus that "
            "of standard batch norm at batch size 32, all with recalibrated statistics. Zero means that the "
            "effects add up. Grey dots are seeds, diamonds their means, bars 95% bootstrap intervals over seeds "
            "(BCa, from three seeds on)."
        ),
    ),
]
