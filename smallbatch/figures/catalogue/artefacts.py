"""Figures of the page "Is it overfitting at all?", from runs that show artefacts on purpose, whatever the study."""

import math
from functools import partial

import pandas as pd

from smallbatch import figures
from smallbatch.figures import artefacts as drawn
from smallbatch.figures import describe
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import ARTEFACTS, FULL, Data, Evidence

LAGGING, SINGLE = "phantom", "one_value_per_channel"
# The digits have ten classes, all about as frequent.
GUESSING = math.log(10)
MOMENTUM = "used_batch_norm_momentum"


def _curves(evidence: Evidence, study: str = ARTEFACTS) -> Data:
    runs, history = evidence.published(study, LAGGING)
    columns = ["run", MOMENTUM, "epoch", "train_accuracy", "validation_accuracy"]
    return Data(history[columns], study, runs)


def _curves_alt(table: pd.DataFrame) -> str:
    last = table.sort_values("epoch").groupby("run").tail(1)
    return (
        "Line charts of training and validation accuracy by epoch, one for each momentum. At the end, by momentum: "
        f"training {describe.means(last, MOMENTUM, 'train_accuracy', 1, 100, ' %')}; "
        f"validation {describe.means(last, MOMENTUM, 'validation_accuracy', 1, 100, ' %')}."
    )


def _evaluations(evidence: Evidence, study: str = ARTEFACTS) -> Data:
    runs, _ = evidence.published(study, LAGGING)
    accuracies = [f"{name}_{split}_accuracy" for name in figures.EVALUATIONS for split in ("train", "test")]
    return Data(runs[["run", "seed", MOMENTUM, *accuracies]], study, runs)


def _evaluations_alt(table: pd.DataFrame) -> str:
    lines = [
        f"{name}, {split} images: {describe.means(table, MOMENTUM, f'{name}_{split}_accuracy', 1, 100, ' %')}"
        for name in figures.EVALUATIONS
        for split in ("train", "test")
    ]
    return f"Dot plots of accuracy in three evaluations, one for each momentum. By momentum: {'; '.join(lines)}."


def _lag(evidence: Evidence) -> Data:
    runs, history = evidence.artefacts(LAGGING)
    return Data(history[["run", MOMENTUM, "epoch", *figures.LAGS]], ARTEFACTS, runs)


def _lag_alt(table: pd.DataFrame) -> str:
    last = table.sort_values("epoch").groupby("run").tail(1)
    return (
        "Two line charts by epoch with a line for each momentum. After the last epoch, by momentum: distance of means "
        f"{describe.means(last, MOMENTUM, 'lag_mean', 2)}; of standard deviations "
        f"{describe.means(last, MOMENTUM, 'lag_sd', 2)}."
    )


def _loss(evidence: Evidence) -> Data:
    runs, history = evidence.artefacts(SINGLE)
    table = history[["run", "image_size", "learning_rate", "epoch", "train_loss"]].assign(guessing=GUESSING)
    return Data(table, ARTEFACTS, runs)


def _loss_alt(table: pd.DataFrame) -> str:
    last = table.sort_values("epoch").groupby("run").tail(1).sort_values(["image_size", "learning_rate"])
    named = last.assign(size=[f"{size} pixels, by learning rate" for size in last["image_size"]])
    return (
        "Line charts of training loss by epoch, one for each image size, with a dashed line at the loss of guessing, "
        f"{table['guessing'].iloc[0]:.2f} nats. At the end: "
        f"{describe.lines(named, 'size', 'learning_rate', 'train_loss', 2)}."
    )


FIGURES = [
    Citable(
        "phantom",
        "Phantom overfitting: one network, two values of batch norm's momentum",
        "Accuracy by epoch, measured as Keras's fit does, for training and validation images, with two values of batch "
        "norm's momentum and nothing else changed. Thin lines are runs (seeds), thick lines with markers their means.",
        _curves,
        figures.accuracy_by_momentum,
        _curves_alt,
    ),
    Citable(
        "phantom-evaluations",
        "The same weights in three evaluations",
        "Accuracy of the networks after training, on training and on test images, in three evaluations. Batch norm "
        "uses its moving averages, the statistics of batches as small as in training, or statistics recalibrated on "
        "all training images. Each marker is one run (a seed); weights are the same in all three evaluations.",
        _evaluations,
        figures.evaluations_by_momentum,
        _evaluations_alt,
    ),
    Citable(
        "phantom-lag",
        "How far the moving averages lag behind",
        "Distance between batch norm's moving averages and the statistics of a sample of training images after each "
        "epoch, in the median layer, for two values of batch norm's momentum. Above, distance of the means in standard "
        "deviations; below, absolute logarithm of the ratio of the standard deviations (0.69 is a factor of two). "
        "Thin lines are runs (seeds), thick lines with markers their means.",
        _lag,
        drawn.lag_by_momentum,
        _lag_alt,
    ),
    Citable(
        "full-network-curves",
        "The published network, two values of batch norm's momentum",
        "Accuracy by epoch of Inception-ResNet-v2 as published, measured as Keras's fit does, for training and "
        "validation images, with two values of batch norm's momentum and nothing else changed. One run each.",
        partial(_curves, study=FULL),
        figures.accuracy_by_momentum,
        _curves_alt,
    ),
    Citable(
        "full-network-evaluations",
        "The published network in three evaluations",
        "Accuracy of Inception-ResNet-v2 as published, after a short training, on training and on test images, in "
        "three evaluations. Batch norm uses its moving averages, the statistics of batches as small as in training, or "
        "statistics recalibrated on all training images. Weights are the same in all three evaluations.",
        partial(_evaluations, study=FULL),
        figures.evaluations_by_momentum,
        _evaluations_alt,
    ),
    Citable(
        "one-value",
        "Batch size 1 with one value per channel",
        "Training loss by epoch at batch size 1, for inputs whose last feature map has one position (left) and four "
        "(right), with a line for each learning rate. The dashed line is the loss of guessing among ten equally "
        "frequent classes.",
        _loss,
        drawn.loss_by_image_size,
        _loss_alt,
    ),
]
