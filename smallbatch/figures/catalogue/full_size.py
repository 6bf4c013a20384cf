"""Figures of the page "At full size": the published network on a GPU, whatever the study."""

import pandas as pd

from smallbatch import figures
from smallbatch.figures import describe, remedies
from smallbatch.figures import full_size as drawn
from smallbatch.figures.catalogue.remedies import by_evaluation, momentum, momentum_alt
from smallbatch.figures.catalogue.sweep import EXPERIMENT, curves, curves_alt
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import GPU, PUBLISHED, Data, Evidence

NETWORKS = {"Miniature": PUBLISHED, "Published network": GPU}


def errors(evidence: Evidence) -> Data:
    """Return the test error of each run of both networks at one learning rate, a row per run and evaluation."""
    parts, runs = [], []
    for network, study in NETWORKS.items():
        of_study = evidence.beside(study)
        runs.append(of_study.runs(EXPERIMENT).assign(network=network))
        parts.append(by_evaluation(of_study, runs[-1], ["network", "batch_size"], figures.EVALUATIONS))
    return Data(pd.concat(parts, ignore_index=True), ", ".join(NETWORKS.values()), pd.concat(runs, ignore_index=True))


def _errors_alt(table: pd.DataFrame) -> str:
    lines = table.assign(line=table["network"] + ", " + table["evaluation"])
    found = describe.lines(lines, "line", "batch_size", "test_error", 1, 1, " %")
    return f"Two line charts against batch size, one per network, a line per evaluation. Mean test error: {found}."


FIGURES = [
    Citable(
        "full-size-error",
        "Test error against batch size, miniature and published network",
        "Test error after training against batch size, at one learning rate and a fixed number of epochs, of a "
        "miniature of Inception-ResNet-v2 and of the network as published, on the same photographs. Batch norm uses "
        "its moving averages, the statistics of batches as small as in training, or statistics recalibrated on all "
        "training images. Each dot is one run (a seed), lines join the means of the runs that there are; the lower "
        "panels show the same without batch size 1.",
        errors,
        drawn.error_beside_miniature,
        _errors_alt,
    ),
    Citable(
        "full-size-curves",
        "Learning curves of the published network",
        "Training loss and validation accuracy of Inception-ResNet-v2 as published by epoch for each batch size, at "
        "one learning rate. Thin lines are runs (a seed each), thick lines with markers their means. The training loss "
        "is the average over the epoch as fit reports it; the validation accuracy uses batch norm's moving averages.",
        lambda evidence: curves(evidence.beside(GPU)),
        figures.learning_curves,
        curves_alt,
    ),
    Citable(
        "full-size-momentum",
        "Test error of the published network by batch norm's momentum",
        "Test error of Inception-ResNet-v2 as published after training by batch norm's momentum, at batch sizes 10 and "
        "32, with the moving averages and with statistics recalibrated on all training images. The weights are the "
        "same in both evaluations. Each dot is a run (one per seed; hollow: it diverged), bars are means. A momentum "
        "of 0.9953 gives the averages a memory of the same share of the training as 0.9997 gave those of the training "
        "that was asked about.",
        lambda evidence: momentum(evidence.beside(GPU)),
        remedies.momentum_lag,
        momentum_alt,
    ),
]
