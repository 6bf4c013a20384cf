"""Figures of the page "Which noise regularizes?"."""

import contextlib

import numpy as np
import pandas as pd

from smallbatch.claims.catalogue.noise import INTERACTION, INTERACTION_SIZES, interaction_cells
from smallbatch.claims.conditions import LARGEST
from smallbatch.claims.tables import errors_of
from smallbatch.figures import channels, describe, noise
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence, NotMeasured
from smallbatch.figures.measured import measured
from smallbatch.statistics import error_points, mean_over_seeds

# Of each arm: the experiment, and the column with the number of images that the arm makes small.
SIZES = {
    "standard": ("batch_size", "batch_size"),
    "ghost": ("ghost", "used_normalization_batch_size"),
    "masked": ("masked_loss", "used_sgd_batch_size"),
    "group": ("group_norm", "batch_size"),
}
# Layers drawn one by one: the first, the middle and the last.
SHARES = (0, 0.5, 1)


def _arms(evidence: Evidence) -> Data:
    parts, large = [], pd.DataFrame()
    for arm, (experiment, column) in SIZES.items():
        try:
            runs = evidence.runs(experiment)
        except NotMeasured:
            continue
        # Group norm has no statistics of batches: there is nothing to recalibrate.
        evaluation = "moving" if arm == "group" else "recalibrated"
        error = error_points(runs[f"{evaluation}_test_accuracy"], evidence.tables.n_classes)
        runs = runs.assign(
            arm=arm, size=runs[column].astype(int), evaluation=evaluation, test_error=error, shared=False
        )
        if arm == "standard":
            large = runs[runs["size"] == LARGEST]
        elif arm in ("ghost", "masked"):
            # At 32 both are the standard arm: its runs are the end of their lines.
            runs = pd.concat([runs, large.assign(arm=arm, shared=True)])
        parts.append(runs)
    if not parts:
        raise NotMeasured("there are no runs of any arm")
    runs = pd.concat(parts, ignore_index=True)
    columns = ["arm", "size", "run", "seed", "evaluation", "outcome", "test_error", "shared"]
    return Data(runs[columns], evidence.study, runs)


def _arms_alt(table: pd.DataFrame) -> str:
    found = describe.lines(table, "arm", "size", "test_error", 1, 1, " %")
    return f"Dots and lines of means against the number of images, one per arm. Mean test error: {found}."


def _interaction(evidence: Evidence) -> Data:
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
    return Data(table.astype({"seed": "Int64"}), evidence.study, runs[runs["run"].isin(names)])


def _interaction_alt(table: pd.DataFrame) -> str:
    means = table[table["kind"] == "mean"]
    found = "; ".join(
        f"batch size {row.batch_size}: {row.interaction:z.1f} ({row.low:z.1f} to {row.high:z.1f})"
        if np.isfinite(row.low)
        else f"batch size {row.batch_size}: {row.interaction:z.1f}"
        for row in means.itertuples()
    )
    return f"Dots for seeds and a mean with its interval at each batch size, with a line at zero. In points: {found}."


def _noise_scale(evidence: Evidence) -> Data:
    data = measured(evidence, "gradient_noise")
    columns = ["run", "seed", "epoch", "batch_norm", "batch_size", "noise_scale", "low", "high"]
    return Data(data.table[columns], data.study, data.runs)


def _noise_scale_alt(table: pd.DataFrame) -> str:
    fixed = table[table["batch_norm"] == "recalibrated"]
    medians = fixed.groupby("epoch")["noise_scale"].median()
    batch = table[(table["batch_norm"] == "batch") & (table["batch_size"] == table["batch_size"].max())]
    of_batches = batch.groupby("epoch")["noise_scale"].median()
    largest = f"{batch['batch_size'].iloc[0]}" if len(batch) else "none"
    return (
        "Dots and lines by epoch on a logarithmic vertical axis, with the batch sizes studied as a band. Median noise "
        f"scale in images, recalibrated statistics: {_listed(medians, 'epoch ')}; statistics of batches of {largest}: "
        f"{_listed(of_batches, 'epoch ')}."
    )


def _listed(values: pd.Series, name: str) -> str:
    return ", ".join(
        f"{name}{at}: {value:.3g}" if np.isfinite(value) else f"{name}{at}: no upper bound"
        for at, value in values.items()
    )


def _directions(evidence: Evidence) -> Data:
    data = measured(evidence, "gradient_noise")
    columns = ["run", "seed", "epoch", "batch_size", "cosine", "cosine_low", "cosine_high"]
    with contextlib.suppress(KeyError):
        table = data.table[columns].dropna()
        if len(table):
            return Data(table, data.study, data.runs)
    raise NotMeasured("no angle between mean gradients is decided")


def _directions_alt(table: pd.DataFrame) -> str:
    found = describe.lines(table.sort_values("epoch"), "epoch", "batch_size", "cosine", 2)
    return f"Dots and lines of mean cosines against batch size, a line per epoch. By epoch and batch size: {found}."


def _trained_layers(evidence: Evidence) -> Data:
    data = measured(evidence, "batch_norm_noise")
    table = data.table[data.table["state"] == "after training"]
    columns = ["run", "seed", "upstream", "place", "layer", "positions", "batch_size", "mean_noise", "predicted"]
    return Data(table[[*columns, "ratio", "between_images", "state"]], data.study, data.runs)


def _some_layers(evidence: Evidence) -> Data:
    data = _trained_layers(evidence)
    last = data.table["place"].max()
    places = sorted({round(share * last) for share in SHARES})
    table = data.table[data.table["place"].isin(places)].drop(columns=["ratio", "between_images", "state"])
    return Data(table, data.study, data.runs)


def _some_layers_alt(table: pd.DataFrame) -> str:
    training = table[table["upstream"] == "batch"].assign(layer=table["place"].map(lambda place: f"layer {place + 1}"))
    found = describe.lines(training.sort_values("place"), "layer", "batch_size", "mean_noise", 3)
    return f"A panel per layer with both axes logarithmic. Noise as in training, by batch size: {found}."


def _one_batch_size(evidence: Evidence) -> Data:
    data = _trained_layers(evidence)
    sizes = sorted(data.table["batch_size"].unique())
    return Data(data.table[data.table["batch_size"] == sizes[len(sizes) // 2]], data.study, data.runs)


def _one_batch_size_alt(table: pd.DataFrame) -> str:
    ratios = table.groupby("upstream")["ratio"].median()
    return (
        f"Measured over predicted noise by depth at batch size {table['batch_size'].iloc[0]}, and below it the share "
        f"of variance between images. Median ratio over layers: as in training {ratios['batch']:.2f}, with statistics "
        f"upstream fixed {ratios['fixed']:.2f}. Median share between images: {table['between_images'].median():.2f}."
    )


FIGURES = [
    Citable(
        "channels",
        "The noise of the gradient and the noise of batch norm, each alone",
        "Test error after training against the size that each arm makes small: batch size (standard batch norm, which "
        "has both noises, and group norm, which has no batch statistics), images normalized together in batches of 32 "
        "(ghost batch norm), or images with a loss in batches of 32 (masked loss). Each dot is one run (a seed; "
        "hollow if it diverged), lines join the means over seeds. At 32, ghost batch norm and masked loss are the "
        "standard arm. Statistics are recalibrated on all training images; group norm has none. Arms without runs are "
        "absent. Where size 1 lies far from the others, a lower panel shows those alone.",
        _arms,
        channels.channels,
        _arms_alt,
    ),
    Citable(
        "interaction",
        "Whether the noise of the gradient and the noise of batch norm add up",
        "Interaction of the two noises: test error of standard batch norm at a small batch size, minus that of ghost "
        "batch norm over so many images, minus that of the masked loss of so many images, plus that of standard batch "
        "norm at batch size 32, all with recalibrated statistics. Zero means that the effects add up. Grey dots are "
        "seeds, diamonds their means, bars 95 % bootstrap intervals over seeds (BCa, from three seeds on).",
        _interaction,
        channels.interaction,
        _interaction_alt,
    ),
    Citable(
        "batch-norm-noise-by-batch-size",
        "Noise of batch means against batch size, in three layers",
        "Standard deviation of the mean of a batch, in standard deviations of the channel (root mean square over "
        "channels), against batch size, in the first, the middle and the last batch norm layer of trained networks. "
        "Squares: as in training, all layers use the batch. Diamonds: layers upstream use fixed statistics, so that "
        "images stay independent. Solid lines: the formula for independent images; dotted: all positions independent. "
        "Each marker is one network (a seed).",
        _some_layers,
        noise.batch_norm_noise_by_batch_size,
        _some_layers_alt,
    ),
    Citable(
        "batch-norm-noise-over-formula",
        "Noise of batch means over what a formula predicts, by depth",
        "Above, measured noise of the batch mean over the prediction for independent images, by layer, at one batch "
        "size in trained networks, with fixed statistics upstream (diamonds) and as in training (squares). Below, the "
        "share of a channel's variance that lies between images. Markers are networks (a seed each), lines join the "
        "means.",
        _one_batch_size,
        noise.batch_norm_noise_over_formula,
        _one_batch_size_alt,
    ),
    Citable(
        "gradient-noise-scale",
        "Gradient noise scale along training",
        "Gradient noise scale, the batch size at which noise and signal of a batch's gradient are equal, against the "
        "epoch at which it was measured. Each dot is one network (a seed), lines go through the medians; an arrow "
        "starts at the lower end of the 95 % interval of an estimate that has no upper bound, since its signal cannot "
        "be told from zero. The band marks the batch sizes of this book.",
        _noise_scale,
        noise.gradient_noise_scale,
        _noise_scale_alt,
    ),
    Citable(
        "mean-gradient-direction",
        "Direction of the mean gradient by batch size",
        "Cosine of the angle between the mean gradient of batches of a size and that of the largest batches, with the "
        "statistics of each batch, by epoch of training; corrected for noise. 1 is the same direction, 0 a right "
        "angle. Each dot is one network (a seed), lines join the means. Angles that the noise leaves undecided are "
        "left out.",
        _directions,
        noise.mean_gradient_direction,
        _directions_alt,
    ),
]
