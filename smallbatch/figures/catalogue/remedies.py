"""Figures of the page "Remedies at batch size 32"."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from smallbatch.claims import NotMeasured
from smallbatch.claims.conditions import KERAS_MOMENTUM, TFSLIM_MOMENTUM
from smallbatch.claims.remedies import BASELINE, against_baseline, find_remedies, in_words
from smallbatch.claims.rules import REMEDY
from smallbatch.figures import describe
from smallbatch.figures import remedies as drawn
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence
from smallbatch.statistics import error_points

# The training that was asked about.
IMAGES, EPOCHS = 5000, 60
ERRORS = [f"{name}_test_accuracy" for name in drawn.SHOWN]


def initial_weights() -> pd.DataFrame:
    """Return the weight still on the start of the moving averages, by epoch, for the training that was asked about.

    Each step keeps a share of the momentum of what was there, and the last batch of an epoch is a step too, whole or
    not. Columns `momentum`, `batch_size`, `epoch`, `steps` and `weight`, a share.
    """
    epochs = np.arange(EPOCHS + 1)
    tables = [
        pd.DataFrame({"momentum": momentum, "batch_size": size, "epoch": epochs, "steps": epochs * -(-IMAGES // size)})
        for momentum in (TFSLIM_MOMENTUM, KERAS_MOMENTUM)
        for size in drawn.SIZES
    ]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(weight=table["momentum"] ** table["steps"])


def _initial(evidence: Evidence) -> Data:
    return Data(initial_weights(), "")


def _initial_weight_alt(table: pd.DataFrame) -> str:
    shown = table[table["epoch"].isin((1, 10, 30, 60))]
    lines = [f"momentum {row.momentum:g}, batch size {row.batch_size}, by epoch" for row in shown.itertuples()]
    text = describe.lines(shown.assign(line=lines), "line", "epoch", "weight", 2, 100, " %")
    return f"Line chart with a logarithmic axis, weight still on the start against epochs. {text}."


def by_evaluation(
    evidence: Evidence, runs: pd.DataFrame, columns: list[str], evaluations: Iterable[str] = drawn.SHOWN
) -> pd.DataFrame:
    """Return a row per run and evaluation, with its test error in points."""
    parts = [
        runs[["run", "seed", *columns, "outcome"]].assign(
            evaluation=name, test_error=error_points(runs[f"{name}_test_accuracy"], evidence.tables.n_classes)
        )
        for name in evaluations
    ]
    return pd.concat(parts, ignore_index=True)


def momentum(evidence: Evidence) -> Data:
    """Return the test error of the asker's pair by momentum, a row per run and evaluation."""
    runs = evidence.runs("momentum_lag")
    runs = runs.assign(momentum=runs["batch_norm_momentum"].map(drawn.as_text))
    return Data(by_evaluation(evidence, runs, ["batch_size", "momentum"]), evidence.study, runs)


def momentum_alt(table: pd.DataFrame) -> str:
    """Say in words what the table of `momentum` shows."""
    table = table.assign(momentum=table["momentum"].map(drawn.as_text))
    lines = [f"batch size {r.batch_size}, {r.evaluation}" for r in table.itertuples()]
    text = describe.lines(table.assign(line=lines), "line", "momentum", "test_error", 1, 1, " %")
    return f"Dot plots of test error by batch-norm momentum, one for each batch size. Means: {text}."


def _keeping(runs: pd.DataFrame) -> pd.Series:
    """Return of each run whether it keeps the weights of its best epoch."""
    return runs["early_stopping_patience"].notna()


def _duration(evidence: Evidence) -> Data:
    columns = ["batch_size", "early_stopping_patience", "kept_epoch", "validation_loss", "validation_accuracy"]
    data = evidence.histories("duration", columns)
    table, runs = data.table[_keeping(data.table)], data.runs[_keeping(data.runs)]
    if table.empty:
        raise NotMeasured("no run of experiment duration keeps its best epoch")
    return Data(table.drop(columns="early_stopping_patience"), data.study, runs)


def _duration_alt(table: pd.DataFrame) -> str:
    kept = table.drop_duplicates("run").groupby("batch_size")["kept_epoch"].agg(list)
    epochs = "; ".join(
        f"batch size {size}: {', '.join(f'{epoch:g}' for epoch in found)}" for size, found in kept.items()
    )
    ends = [f"batch size {size}" for size in table["batch_size"]]
    rows = table.assign(line=ends)
    first, last = (rows[rows["epoch"] == rows["epoch"].agg(end)] for end in ("min", "max"))
    loss, accuracy = (
        "; ".join(
            f"{name} from {before:.{places}f} to {after:.{places}f}"
            for (name, before), after in zip(
                first.groupby("line")[column].mean().items(), last.groupby("line")[column].mean(), strict=True
            )
        )
        for column, places in (("validation_loss", 2), ("validation_accuracy", 2))
    )
    return (
        f"Line charts by epoch, validation loss above and accuracy below, from the first epoch to the last. Mean loss: "
        f"{loss}. Mean accuracy: {accuracy}. Epochs with the lowest loss of a run: {epochs}."
    )


def _stopping(evidence: Evidence) -> Data:
    runs = evidence.runs("duration")
    if "early_stopping_patience" not in runs or _keeping(runs).nunique() < 2:
        raise NotMeasured("experiment duration lacks the runs with the weights of the best or of the last epoch")
    runs = runs.assign(weights=np.where(_keeping(runs), drawn.KEPT, drawn.LAST))
    return Data(by_evaluation(evidence, runs, ["batch_size", "weights", "kept_epoch"]), evidence.study, runs)


def _stopping_alt(table: pd.DataFrame) -> str:
    lines = [f"batch size {r.batch_size}, {r.evaluation}" for r in table.itertuples()]
    text = describe.lines(table.assign(line=lines), "line", "weights", "test_error", 1, 1, " %")
    return f"Pairs of dots joined by lines, test error with the weights of two epochs. Means: {text}."


def _differences(evidence: Evidence) -> Data:
    """Return, by evaluation and remedy, the difference to plain training of each seed and their mean."""
    tables = evidence.tables
    found = find_remedies(tables)
    rows = []
    for evaluation in drawn.SHOWN:
        errors = found.errors(tables, evaluation)
        for remedy, number in against_baseline(tables, evaluation, REMEDY.margin).items():
            head = {"remedy": remedy, "evaluation": evaluation}
            differences = (errors[remedy] - errors[BASELINE]).dropna()
            rows += [head | {"kind": "seed", "seed": seed, "difference": value} for seed, value in differences.items()]
            mean = {"low": number.low, "high": number.high, "p_holm": number.p_holm, "n_seeds": number.n_seeds}
            word = REMEDY.decide(number).word
            rows.append(head | {"kind": "mean", "difference": number.number, "verdict": word} | mean)
    table = pd.DataFrame(rows).astype({"seed": "Int64", "n_seeds": "Int64"})
    runs = evidence.runs("remedies")
    return Data(table, evidence.study, runs[runs["run"].isin(found.runs.to_numpy().ravel())])


def _differences_alt(table: pd.DataFrame) -> str:
    means = table[table["kind"] == "mean"]
    named = means.assign(name=means["remedy"].map(in_words))
    parts = []
    for evaluation, rows in named.groupby("evaluation", sort=False):
        differences = ", ".join(
            f"{row.name} {row.difference:+z.1f}" for row in rows[["name", "difference"]].itertuples(index=False)
        )
        parts.append(f"{evaluation}: {differences}")
    return f"Dot plot of test error minus that of plain training, in points, a row per remedy. {'; '.join(parts)}."


FIGURES = [
    Citable(
        "initial-weight",
        "How long moving averages remember their start",
        f"Weight that batch norm's moving averages still give to the values they started with, against epochs, for "
        f"{IMAGES:,} training images at batch sizes 10 and 32 with two values of momentum. The weight is the momentum "
        "to the power of the number of steps; what it leaves is spread over all later steps.",
        _initial,
        drawn.initial_weight,
        _initial_weight_alt,
    ),
    Citable(
        "momentum-lag",
        "Test error by batch norm's momentum, in two evaluations",
        "Test error after training by batch norm's momentum, at batch sizes 10 and 32, with the moving averages and "
        "with statistics recalibrated on all training images. The weights are the same in both evaluations. Each dot "
        "is a run (one per seed; hollow: it diverged), bars are means. Scaled: the momentum at which the averages look "
        "back over as many images at every batch size. A momentum between 0.99 and 0.9997 gives the averages a "
        "memory of the same share of the training as 0.9997 gave those of the training that was asked about.",
        momentum,
        drawn.momentum_lag,
        momentum_alt,
    ),
    Citable(
        "remedies",
        "Remedies at batch size 32",
        "Test error with each remedy, alone or (joined by plus signs) together, minus that of plain training at batch "
        "size 32, paired by seed, with the moving averages and with recalibrated statistics. Small dots are seeds, "
        "large ones their means with 95 % bootstrap intervals (none below three seeds). The best is on top, as the "
        "moving averages evaluate it.",
        _differences,
        drawn.remedies,
        _differences_alt,
    ),
    Citable(
        "duration-curves",
        "Sixty epochs: validation loss and accuracy by epoch",
        "Validation loss and accuracy by epoch and batch size, with the moving averages. Thin lines are "
        "runs (one per seed), the thick line is their mean; a plus marks the epoch at which a run has its lowest "
        "validation loss.",
        _duration,
        drawn.duration_curves,
        _duration_alt,
    ),
    Citable(
        "stopping-early",
        "What stopping early changes",
        "Test error of trainings of 60 epochs with the weights of the epoch with the lowest validation loss and with "
        "those of the last, by batch size, in two evaluations. Each dot is a run (hollow: it diverged), "
        "lines join the two runs of a seed, bars are means.",
        _stopping,
        drawn.stopping_early,
        _stopping_alt,
    ),
]
