"""Figures of the page "Small batches at work"."""

import pandas as pd

from smallbatch import figures
from smallbatch.figures import describe
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence, NotMeasured
from smallbatch.figures.policies import POLICIES, learning_rate_policies
from smallbatch.statistics import error_points

EXPERIMENT = "batch_size"


def _accuracies(evidence: Evidence) -> Data:
    columns = [f"{name}_{split}_accuracy" for name in figures.EVALUATIONS for split in ("train", "test")]
    return evidence.experiment(EXPERIMENT, ["batch_size", "outcome", *columns])


def _errors_alt(table: pd.DataFrame) -> str:
    finished = table[table["outcome"] == "finished"]
    tests = describe.means(
        finished.assign(error=1 - finished["moving_test_accuracy"]), "batch_size", "error", 1, 100, " %"
    )
    trains = describe.means(
        finished.assign(error=1 - finished["moving_train_accuracy"]), "batch_size", "error", 1, 100, " %"
    )
    return f"Line chart against batch size. Mean test error by batch size: {tests}. Mean training error: {trains}."


def _evaluations_alt(table: pd.DataFrame) -> str:
    finished = table[table["outcome"] == "finished"]
    lines = [
        f"{name}: "
        + describe.means(finished.assign(e=1 - finished[f"{name}_test_accuracy"]), "batch_size", "e", 1, 100, " %")
        for name in figures.EVALUATIONS
    ]
    return f"Line chart of mean test error by batch size, a line per evaluation. {'; '.join(lines)}."


def _lags(evidence: Evidence) -> Data:
    data = evidence.histories(EXPERIMENT, ["batch_size", *figures.LAGS])
    return Data(data.table.dropna(subset=list(figures.LAGS)), data.study, data.runs)


def _lags_alt(table: pd.DataFrame) -> str:
    last = table.sort_values("epoch").groupby("run").tail(1)
    return (
        "Two line charts by epoch, a colour and marker per batch size: distance of the means above, of the standard "
        f"deviations below. Distance of the means after the last epoch, mean over runs: "
        f"{describe.means(last, 'batch_size', 'lag_mean', 2)}."
    )


def _gap_alt(table: pd.DataFrame) -> str:
    finished = table[table["outcome"] == "finished"]
    gap = finished["recalibrated_train_accuracy"] - finished["recalibrated_test_accuracy"]
    found = describe.means(finished.assign(gap=gap), "batch_size", "gap", 1, 100)
    return f"Dots and a line of means against batch size, with a line at zero. Mean gap in points: {found}."


def curves(evidence: Evidence) -> Data:
    """Return loss and accuracy of the main experiment's runs by epoch."""
    columns = [f"{split}_{metric}" for split in ("train", "validation") for metric in ("loss", "accuracy")]
    return evidence.histories(EXPERIMENT, ["batch_size", *columns])


def curves_alt(table: pd.DataFrame) -> str:
    """Say in words what the table of `curves` shows."""
    last = table.sort_values("epoch").groupby("run").tail(1)
    return (
        "Two line charts by epoch, a colour and marker per batch size: training loss above, validation accuracy below. "
        f"Mean training loss in the last epoch: {describe.means(last, 'batch_size', 'train_loss', 3)}. "
        f"Mean validation accuracy: {describe.means(last, 'batch_size', 'validation_accuracy', 1, 100, ' %')}."
    )


def _policies(evidence: Evidence) -> Data:
    parts = []
    for policy in POLICIES:
        try:
            runs = evidence.runs(policy)
        except NotMeasured:
            continue
        error = error_points(runs["recalibrated_test_accuracy"], evidence.tables.n_classes)
        parts.append(runs.assign(policy=policy, test_error=error, learning_rate=runs["used_learning_rate"]))
    if not parts:
        raise NotMeasured(f"there are no runs of experiments {', '.join(POLICIES)}")
    runs = pd.concat(parts, ignore_index=True)
    columns = ["policy", "run", "seed", "batch_size", "learning_rate", "steps_done", "outcome", "test_error"]
    return Data(runs[columns], evidence.study, runs)


def _policies_alt(table: pd.DataFrame) -> str:
    named = table.assign(policy=table["policy"].map({name: label for name, (_, _, label) in POLICIES.items()}))
    found = describe.lines(named, "policy", "batch_size", "test_error", 1, 1, " %")
    return f"Dots and lines of means against batch size, one per learning-rate policy. Mean test error: {found}."


FIGURES = [
    Citable(
        "error-by-batch-size",
        "Test and training error against batch size",
        "Test and training error after training against batch size, at one learning rate and a fixed number of epochs. "
        "Each dot is one run (a seed), lines join the means over seeds. Batch norm uses its moving averages in both.",
        _accuracies,
        figures.error_by_batch_size,
        _errors_alt,
    ),
    Citable(
        "error-by-evaluation",
        "Test error of the same networks in three evaluations",
        "Test error of the same trained networks in three evaluations, against batch size. Batch norm uses its moving "
        "averages (as evaluate and predict do), the statistics of batches as small as in training, or statistics "
        "recalibrated on all training images. Each dot is one run (a seed), lines join the means over seeds.",
        _accuracies,
        figures.error_by_evaluation,
        _evaluations_alt,
    ),
    Citable(
        "lag-by-batch-size",
        "How far moving averages are from the statistics they stand for",
        "Distance between batch norm's moving averages and the statistics of a sample of training images after each "
        "epoch, in the median layer, by batch size. Above, distance of the means in standard deviations; below, "
        "absolute logarithm of the ratio of the standard deviations (0.69 is a factor of two). Thin lines are runs (a "
        "seed each), thick lines with markers their means.",
        _lags,
        figures.lag_curves,
        _lags_alt,
    ),
    Citable(
        "generalization-gap",
        "Generalization gap against batch size",
        "Generalization gap, the test error minus the training error, against batch size. Each dot is one run (a "
        "seed), the line joins the means over seeds. Both errors are measured after training with statistics "
        "recalibrated on all training images.",
        _accuracies,
        figures.generalization_gap,
        _gap_alt,
    ),
    Citable(
        "learning-curves",
        "Learning curves by batch size",
        "Training loss and validation accuracy by epoch for each batch size, at one learning rate. Thin lines are runs "
        "(a seed each), thick lines with markers their means. The training loss is the average over the epoch as fit "
        "reports it; the validation accuracy uses batch norm's moving averages.",
        curves,
        figures.learning_curves,
        curves_alt,
    ),
    Citable(
        "learning-rate-policies",
        "Test error against batch size under several policies for the learning rate",
        "Test error after training, with recalibrated statistics, against batch size, under each policy for learning "
        "rate and budget that the study has run (see the legend). Each dot is one run (a seed; hollow if it diverged, "
        "which counts with the error it ended with), lines join the means over seeds. Dots of the policies stand side "
        "by side at the same batch size. Where batch size 1 lies far from the others, a lower panel shows those alone.",
        _policies,
        learning_rate_policies,
        _policies_alt,
    ),
]
