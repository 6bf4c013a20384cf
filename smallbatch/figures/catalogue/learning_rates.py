"""Figures of the page "Small batches and small learning rates"."""

import numpy as np
import pandas as pd

from smallbatch.claims import chosen_learning_rates
from smallbatch.figures import describe, learning_rates
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence, NotMeasured
from smallbatch.figures.measured import first_network, measured
from smallbatch.figures.policies import search_validation_error
from smallbatch.measurements.stable_learning_rate import pooled
from smallbatch.measurements.stable_learning_rate.estimator import loss_limit
from smallbatch.measurements.stable_learning_rate.scaling_laws import predict
from smallbatch.statistics import error_points

NOTEBOOK = "stable_learning_rate"
# Points of a drawn law, from the smallest to the largest batch size.
CURVE = 40


def _rates(evidence: Evidence) -> Data:
    data = measured(evidence, NOTEBOOK)
    found, parts = pooled.rates(data.table), []
    for (measurement, batch_norm), panel in found.groupby(["measurement", "batch_norm"], sort=False):
        if panel["batch_size"].nunique() < 2:
            continue
        laws = _laws(panel).assign(measurement=measurement, batch_norm=batch_norm)
        parts += [panel.assign(kind=learning_rates.POINT), laws]
    if not parts:
        raise NotMeasured("no learning rate was found")
    table = pd.concat(parts, ignore_index=True)
    columns = [
        "measurement",
        "batch_norm",
        "kind",
        "run",
        "unit",
        "law",
        "predicts_best",
        "batch_size",
        "learning_rate",
    ]
    return Data(table.reindex(columns=[*columns, "at_edge"]), data.study, data.runs)


def _laws(panel: pd.DataFrame) -> pd.DataFrame:
    """Return the curves of the laws fitted to the rates of one measurement; none with too few batch sizes."""
    fits = pooled.laws(panel)
    if fits is None:
        return pd.DataFrame()
    sizes = np.geomspace(panel["batch_size"].min(), panel["batch_size"].max(), CURVE)
    best = fits.comparison.set_index("law")["is_best"]
    parts = []
    for law, rows in fits.parameters.groupby("law", sort=False):
        curve = predict(law, rows.set_index("parameter")["value"].to_dict(), sizes)
        parts.append(
            pd.DataFrame({"law": law, "predicts_best": best[law], "batch_size": sizes, "learning_rate": curve})
        )
    return pd.concat(parts).assign(kind=learning_rates.LAW)


def _rates_alt(table: pd.DataFrame) -> str:
    points = table[table["kind"] == learning_rates.POINT]
    means = np.exp(np.log(points["learning_rate"]).groupby([points["measurement"], points["batch_norm"],
                                                            points["batch_size"]], sort=False).mean())  # fmt: skip
    found = "; ".join(
        f"{measurement}, {batch_norm} statistics: "
        + ", ".join(f"{size:g}: {rate:.2g}" for (_, _, size), rate in part.items())
        for (measurement, batch_norm), part in means.groupby(level=[0, 1], sort=False)
    )
    return (
        "Dots and lines of laws with both axes logarithmic, a panel per measurement. Geometric mean rates by batch "
        f"size: {found}."
    )


def _one_step(evidence: Evidence) -> Data:
    data = first_network(measured(evidence, NOTEBOOK))
    table = data.table[data.table["measurement"] == pooled.ONE_STEP]
    if table["batch_size"].nunique() < 2:
        raise NotMeasured("no single steps at two or more batch sizes")
    return Data(table[["run", "seed", "batch_size", "repetition", "learning_rate", "loss"]], data.study, data.runs)


def _one_step_alt(table: pd.DataFrame) -> str:
    means = table.groupby(["batch_size", "learning_rate"])["loss"].mean()
    found = ", ".join(f"{size}: {part.idxmin()[1]:.2g}" for size, part in means.groupby("batch_size"))
    return f"A line per batch size against the learning rate. Rate with the lowest mean loss, by batch size: {found}."


def _short_training(evidence: Evidence) -> Data:
    data = first_network(measured(evidence, NOTEBOOK))
    table = data.table[data.table["measurement"] == pooled.SHORT]
    if table.empty:
        raise NotMeasured("there are no short trainings")
    above = float(data.runs["diverged_above"].iloc[0])
    limit = loss_limit(evidence.tables.n_classes, above)
    columns = ["run", "seed", "batch_norm", "batch_size", "repetition", "learning_rate", "loss", "stable"]
    return Data(table[columns].assign(limit=limit), data.study, data.runs)


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


def _search(evidence: Evidence) -> Data:
    runs = evidence.runs("search")
    error = error_points(runs["recalibrated_validation_accuracy"], evidence.tables.n_classes)
    chosen = chosen_learning_rates(evidence.tables).set_index("batch_size")["learning_rate"]
    table = runs.assign(
        batch_size=runs["used_sgd_batch_size"], learning_rate=runs["used_learning_rate"], validation_error=error
    )
    table["chosen"] = np.isclose(table["learning_rate"], table["batch_size"].map(chosen))
    columns = ["run", "seed", "batch_size", "learning_rate", "outcome", "validation_error", "chosen"]
    return Data(table[columns], evidence.study, runs)


def _search_alt(table: pd.DataFrame) -> str:
    chosen = table[table["chosen"]].groupby("batch_size")["learning_rate"].first()
    rates_chosen = ", ".join(f"{size}: {rate:g}" for size, rate in chosen.items())
    found = describe.lines(table, "batch_size", "learning_rate", "validation_error", 1, 1, " %")
    return (
        "Dots and lines of means against the learning rate, one per batch size; the rates chosen are ringed. Chosen by "
        f"batch size: {rates_chosen}. Mean validation error by batch size and rate: {found}."
    )


FIGURES = [
    Citable(
        "stable-learning-rates",
        "Learning rates that a batch size can bear",
        "Learning rates against batch size, measured from trained networks (checkpoints): the best rate of one step "
        "of plain gradient descent, and the largest rate that a short training survives, with batch norm's statistics "
        "recalibrated and kept fixed and with those of each batch. A dot is a checkpoint (a seed), or an order of "
        "images where there are fewer than three; hollow if the limit lies above all rates tried. Lines are laws "
        "fitted to the logarithms of all dots, the widest is the one that best predicts a batch size that was left "
        "out.",
        _rates,
        learning_rates.stable_learning_rates,
        _rates_alt,
    ),
    Citable(
        "loss-after-one-step",
        "Loss after a single step, against its learning rate",
        "Loss over a fixed set of training images after one step of plain gradient descent from the same network, "
        "against the learning rate of the step, with batch norm's statistics recalibrated and kept fixed. A line per "
        "batch size joins the means over many batches. One network, that of the smallest seed.",
        _one_step,
        learning_rates.loss_after_a_step,
        _one_step_alt,
    ),
    Citable(
        "loss-after-short-training",
        "Loss after a short training, against its learning rate",
        "Loss at the end of each short training from the same network against its learning rate, by batch size. "
        "Hollow markers are trainings that diverged, which is to end above the limit (dashed), a share of the loss of "
        "guessing; those at the upper edge ended there or above it. The search looks only at rates near the limit. "
        "One network, that of the smallest seed, with several orders of images.",
        _short_training,
        learning_rates.loss_after_short_training,
        _short_training_alt,
    ),
    Citable(
        "search-validation-error",
        "Validation error by learning rate, for each batch size",
        "Validation error after training, with recalibrated statistics, against the learning rate, by batch size. "
        "Each dot is one run (a seed; hollow if it diverged), lines join the means over seeds, a ring marks the rate "
        "chosen at a batch size: the lowest mean of those that all of its seeds have tried. Dots of the batch sizes "
        "stand side by side at the same rate.",
        _search,
        search_validation_error,
        _search_alt,
    ),
]
