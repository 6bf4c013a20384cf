"""Learning rates that a batch size can bear, measured from one network (the notebook) or several (the book).

All figures are drawn from the points of the notebook `stable_learning_rate`: the loss after single steps, and after
short trainings, by learning rate and batch size.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from smallbatch.figures import alt_text, style
from smallbatch.figures.evidence import Evidence, FigureData, NotMeasured
from smallbatch.figures.packet import FigureEntry
from smallbatch.measurements.stable_learning_rate import pooled
from smallbatch.measurements.stable_learning_rate.estimator import loss_limit
from smallbatch.measurements.stable_learning_rate.scaling_laws import LAWS, Fits, predict

NOTEBOOK = "stable_learning_rate"
# Points of a drawn law, from the smallest to the largest batch size.
CURVE = 40
POINT, LAW = "point", "law"
# The fitted exponent is not drawn; it is a number in the text.
NOT_DRAWN = "power"
BATCH_NORM_USES = {"batch": "statistics of each batch", "recalibrated": "recalibrated statistics, kept fixed"}
LAW_LINES = dict(
    zip(
        LAWS,
        [
            ("constant", "0.45", ":"),
            ("∝ √B", style.PALETTE[1], "--"),
            ("∝ B", style.PALETTE[0], "-."),
            (r"$\epsilon_\mathrm{max}\,/\,(1 + \mathcal{B}/B)$", style.PALETTE[2], "-"),
            ("∝ B to a fitted power", style.PALETTE[4], (0, (1, 1))),
        ],
        strict=True,
    )
)


def _rates(evidence: Evidence) -> FigureData:
    data = evidence.measured(NOTEBOOK)
    panels = pooled.rates(data.table).groupby(["measurement", "batch_norm"], sort=False)
    parts = [
        rates_and_laws(panel, pooled.laws(panel), *kind) for kind, panel in panels if panel["batch_size"].nunique() > 1
    ]
    if not parts:
        raise NotMeasured("no learning rate was found")
    table = pd.concat(parts, ignore_index=True)
    columns = ["measurement", "batch_norm", "kind", "run", "unit", "law", "predicts_best", "batch_size"]
    return FigureData(table.reindex(columns=[*columns, "learning_rate", "at_edge"]), data.study, data.runs)


def rates_and_laws(
    points: pd.DataFrame, fits: Fits | None, measurement: str, batch_norm: str = "recalibrated"
) -> pd.DataFrame:
    """Return the rates of one measurement and the curves of the laws fitted to them, as `stable_learning_rates` wants.

    `points` has `batch_size`, `learning_rate`, `at_edge` and, where a point has an interval, `low` and `high`. A limit
    below all rates tried is not a number and is left out. Single steps are always taken with recalibrated statistics.
    """
    parts = [points.dropna(subset="learning_rate").assign(kind=POINT)]
    if fits is not None:
        parts.append(_curves(points["batch_size"], fits).assign(kind=LAW))
    return pd.concat(parts, ignore_index=True).assign(measurement=measurement, batch_norm=batch_norm)


def _curves(batch_sizes: pd.Series, fits: Fits) -> pd.DataFrame:
    sizes = np.geomspace(batch_sizes.min(), batch_sizes.max(), CURVE)
    best = fits.comparison.set_index("law")["is_best"]
    parts = []
    for law, rows in fits.parameters.groupby("law", sort=False):
        curve = predict(law, rows.set_index("parameter")["value"].to_dict(), sizes)
        parts.append(
            pd.DataFrame({"law": law, "predicts_best": best[law], "batch_size": sizes, "learning_rate": curve})
        )
    return pd.concat(parts)


def stable_learning_rates(table: pd.DataFrame) -> plt.Figure:
    """Return learning rates against batch size: a panel per measurement, a dot per unit, a line per law.

    `table` has `measurement`, `batch_norm`, `kind`, `batch_size` and `learning_rate`. Rows of kind `point` also have
    `at_edge` (hollow: the limit lies above all rates tried) and perhaps an interval, `low` and `high`; rows of kind
    `law`, where the laws could be fitted, have `law` and `predicts_best` (drawn wider).
    """
    panels = table[["measurement", "batch_norm"]].drop_duplicates().to_numpy().tolist()
    figure, rows = style.panels(len(panels), 2.6, sharex=True)
    for axis, (measurement, batch_norm) in zip(rows, panels, strict=True):
        part = table[(table["measurement"] == measurement) & (table["batch_norm"] == batch_norm)]
        points, fitted = (part[part["kind"] == kind] for kind in (POINT, LAW))
        _draw_laws(axis, fitted)
        _draw_points(axis, points)
        axis.set_yscale("log")
        style.label_plainly(axis.yaxis)
        axis.set(ylabel="Learning rate", title=_title(measurement, batch_norm))
        axis.title.set_fontsize(11)
        style.label_batch_sizes(axis, table.loc[table["kind"] == POINT, "batch_size"])
        axis.set_xlabel(style.BATCH_SIZE)
        style.hide_inner(axis)
    drawn = {label: handle for axis in rows for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.tight_layout(rect=(0, 0.45 / figure.get_figheight(), 1, 1))
    look = {"ncols": max(len(drawn), 1), "columnspacing": 1, "handlelength": 1.5}
    legend = figure.legend(drawn.values(), drawn, loc="lower center", **look)
    for line in legend.get_lines():
        # Which is the widest differs from panel to panel.
        line.set_linewidth(1.6)
    return figure


def _title(measurement: str, batch_norm: str) -> str:
    uses = BATCH_NORM_USES[batch_norm]
    return f"{measurement},\n" + (uses.replace(", ", ",\n") if style.is_slide() else uses)


def _draw_laws(axis: Axes, fitted: pd.DataFrame) -> None:
    for law, (label, colour, line) in LAW_LINES.items():
        curve = fitted[fitted["law"] == law]
        if law != NOT_DRAWN and len(curve):
            width = 2.6 if _is_true(curve["predicts_best"]).all() else 1.3
            look = {"color": colour, "linestyle": line, "linewidth": width, "label": label}
            axis.plot(curve["batch_size"], curve["learning_rate"], **look)


def _draw_points(axis: Axes, points: pd.DataFrame) -> None:
    x = _side_by_side(points)
    style.dots(axis, x, points["learning_rate"], _is_true(points["at_edge"]), "0.15", "o", 20)
    if "low" in points and points["low"].notna().any():
        bars = style.interval(points["learning_rate"], points["low"], points["high"])
        axis.errorbar(x, points["learning_rate"], bars, color="0.15", linestyle="", elinewidth=1.2, capsize=2)


def _side_by_side(points: pd.DataFrame) -> pd.Series:
    """Return batch sizes with equal rates beside each other, within a third of a doubling."""
    same = points.groupby(["batch_size", "learning_rate"])["batch_size"]
    place, n = same.cumcount(), same.transform("size")
    return points["batch_size"] * 2.0 ** (0.36 * (place - (n - 1) / 2) / n.max())


def _is_true(column: pd.Series) -> pd.Series:
    # Beside rows without a value, a column of a CSV file is not one of booleans.
    return column.astype(str) == "True"


def _rates_alt(table: pd.DataFrame) -> str:
    points = table[table["kind"] == POINT]
    found = "; ".join(
        f"{measurement}, {batch_norm} statistics: "
        + ", ".join(
            f"{size:g}: {rate:.2g}"
            for size, rate in alt_text.geometric_means(part, "batch_size", "learning_rate").items()
        )
        for (measurement, batch_norm), part in points.groupby(["measurement", "batch_norm"], sort=False)
    )
    return (
        "Dots and lines of laws with both axes logarithmic, a panel per measurement. Geometric mean rates by batch "
        f"size: {found}."
    )


def _first_network(evidence: Evidence) -> FigureData:
    """Return the points of the network with the smallest seed alone."""
    data = evidence.measured(NOTEBOOK)
    points = data.table[data.table["seed"] == data.table["seed"].min()]
    return FigureData(points, data.study, data.runs[data.runs["run"].isin(points["run"])])


def _one_step(evidence: Evidence) -> FigureData:
    data = _first_network(evidence)
    table = data.table[data.table["measurement"] == pooled.ONE_STEP]
    if table["batch_size"].nunique() < 2:
        raise NotMeasured("no single steps at two or more batch sizes")
    columns = ["run", "seed", "batch_size", "repetition", "learning_rate", "loss"]
    return FigureData(table[columns], data.study, data.runs)


def loss_after_a_step(table: pd.DataFrame) -> plt.Figure:
    """Return the loss after a single step of one network against its learning rate: means of draws by batch size.

    `table` has `batch_size`, `learning_rate` and `loss` (nats). Steps that do great harm end above the upper edge.
    """
    mean = table.groupby(["batch_size", "learning_rate"])["loss"].mean()
    lowest, highest = mean.min(), mean.groupby("batch_size").first().max()
    figure, axis = plt.subplots(figsize=(style.WIDTH, 3.6))
    for size, colour, marker in style.shades(sorted(table["batch_size"].unique())):
        look = {"color": colour, "marker": marker, "markersize": 5, "label": f"{size}"}
        axis.plot(mean[size].index, mean[size], **look)
    # The smallest steps change next to nothing: they show where the loss was before.
    room = max(highest - lowest, 1e-6)
    top = highest + 1.2 * room
    axis.set_ylim(lowest - 0.1 * room, top)
    seen = mean[mean < top].index.get_level_values("learning_rate")
    axis.set_xscale("log")
    axis.set_xlim(seen.min() / 1.5, 3 * seen.max())
    style.label_plainly(axis.xaxis)
    axis.set(xlabel="Learning rate of the step", ylabel="Loss after the step (nats)")
    style.legend_beside(axis, "Batch size")
    figure.tight_layout()
    return figure


def _one_step_alt(table: pd.DataFrame) -> str:
    means = table.groupby(["batch_size", "learning_rate"])["loss"].mean()
    found = ", ".join(f"{size}: {part.idxmin()[1]:.2g}" for size, part in means.groupby("batch_size"))
    return f"A line per batch size against the learning rate. Rate with the lowest mean loss, by batch size: {found}."


def _short_training(evidence: Evidence) -> FigureData:
    data = _first_network(evidence)
    table = data.table[data.table["measurement"] == pooled.SHORT]
    if table.empty:
        raise NotMeasured("there are no short trainings")
    above = float(data.runs["diverged_above"].iloc[0])
    limit = loss_limit(evidence.tables.n_classes, above)
    columns = ["run", "seed", "batch_norm", "batch_size", "repetition", "learning_rate", "loss", "stable"]
    return FigureData(table[columns].assign(limit=limit), data.study, data.runs)


def loss_after_short_training(table: pd.DataFrame) -> plt.Figure:
    """Return the loss at the end of each short training against its learning rate, a panel per kind of batch norm.

    `table` has `batch_norm`, `batch_size`, `learning_rate`, `loss` (nats, perhaps not a number), `stable` and `limit`,
    the loss above which a run has diverged. Those that diverged are hollow; a loss that is not a number or beyond the
    axis lies at its upper edge.
    """
    kinds = list(table["batch_norm"].unique())
    limit = table["limit"].iloc[0]
    figure, axes = style.panels(len(kinds), 2.8, sharex=True, sharey=True)
    # Far above the limit nothing can be told apart that matters.
    lowest, highest = min(table["loss"].min(), limit) / 1.5, 30 * limit
    for axis, kind in zip(axes, kinds, strict=True):
        part = table[table["batch_norm"] == kind]
        for size, colour, marker in style.shades(sorted(table["batch_size"].unique())):
            runs = part[part["batch_size"] == size]
            shown = runs["loss"].fillna(np.inf).clip(upper=highest)
            for stable in (True, False):
                some = runs["stable"] == stable
                look = {"facecolor": colour, "label": f"{size}"} if stable else {"facecolor": "none"}
                look |= {"marker": marker, "edgecolor": colour, "alpha": 0.85}
                axis.scatter(runs["learning_rate"][some], shown[some], s=26, **look)
        axis.axhline(limit, color="0.4", linewidth=1, linestyle="--")
        axis.text(0.02, limit, "limit", transform=axis.get_yaxis_transform(), va="bottom", fontsize=9, color="0.3")
        axis.set(xscale="log", yscale="log", ylim=(lowest, 1.2 * highest), title=BATCH_NORM_USES[kind])
        axis.set_ylabel("Loss after a\nshort training (nats)")
        style.label_plainly(axis.xaxis)
        style.label_plainly(axis.yaxis)
        axis.set_xlabel("Learning rate")
        style.hide_inner(axis)
    axes[0].yaxis.set_tick_params(labelleft=True)
    style.legend_below(axes[0], title="Batch size", ncols=6, columnspacing=1)
    return figure


def _short_training_alt(table: pd.DataFrame) -> str:
    stable = table[table["stable"]]
    found = "; ".join(
        f"{kind} statistics: "
        + ", ".join(f"{b}: {r:.2g}" for b, r in part.groupby("batch_size")["learning_rate"].max().items())
        for kind, part in stable.groupby("batch_norm", sort=False)
    )
    return (
        "Two dot plots with both axes logarithmic, hollow markers for trainings that diverged. Largest rate that any "
        f"training survived, by batch size: {found}."
    )


FIGURES = [
    FigureEntry(
        "stable-learning-rates",
        "Learning rates that a batch size can bear",
        "Learning rates against batch size: the best one of a single step, and the largest that a short "
        "training survives. Dots are networks (hollow: beyond all rates tried), lines are laws; the widest "
        "predicts a left-out batch size best.",
        _rates,
        stable_learning_rates,
        _rates_alt,
        details=(
            "Learning rates against batch size, measured from trained networks (checkpoints): the best rate of "
            "one step of plain gradient descent, and the largest rate that a short training survives, with batch "
            "norm's statistics recalibrated and kept fixed and with those of each batch. A dot is a checkpoint (a "
            "seed), or an order of images where there are fewer than three; hollow if the limit lies above all "
            "rates tried. Lines are laws fitted to the logarithms of all dots, the widest is the one that best "
            "predicts a batch size that was left out."
        ),
    ),
    FigureEntry(
        "loss-after-one-step",
        "Loss after a single step, against its learning rate",
        "Loss over training images after one step of plain gradient descent against the learning rate of the "
        "step, recalibrated statistics. A line per batch size joins means over many batches of one network.",
        _one_step,
        loss_after_a_step,
        _one_step_alt,
        details=(
            "Loss over a fixed set of training images after one step of plain gradient descent from the same "
            "network, against the learning rate of the step, with batch norm's statistics recalibrated and kept "
            "fixed. A line per batch size joins the means over many batches. One network, that of the smallest "
            "seed."
        ),
    ),
    FigureEntry(
        "loss-after-short-training",
        "Loss after a short training, against its learning rate",
        "Loss at the end of each short training against its learning rate, by batch size, from one network. "
        "Hollow: diverged, that is above the dashed limit; at the upper edge: there or beyond.",
        _short_training,
        loss_after_short_training,
        _short_training_alt,
        details=(
            "Loss at the end of each short training from the same network against its learning rate, by batch "
            "size. Hollow markers are trainings that diverged, which is to end above the limit (dashed), a "
            "fraction of the loss at chance level; those at the upper edge ended there or above it. The search "
            "looks only at rates near the limit. One network, that of the smallest seed, with several orders of "
            "images."
        ),
    ),
]
