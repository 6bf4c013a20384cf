"""The three evaluations of a trained model, on train, validation and test alike.

They differ in what batch norm normalizes with: *moving*, its moving averages, as `evaluate` and `predict` do;
*batch*, the statistics of batches as small as in training; *recalibrated*, the statistics of all training images.
Moving minus recalibrated is an artefact of evaluation. A generalization gap is train minus test in the same one.
"""

import time
from typing import NamedTuple

import numpy as np

from smallbatch.batchnorm.inference import scores
from smallbatch.batchnorm.recalibration import Observed, recalibrated
from smallbatch.statistics import interval
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data

EVALUATIONS = ("moving", "batch", "recalibrated")
Metrics = dict[str, dict[str, float]]


class Evaluated(NamedTuple):
    """What the evaluations came to, by their names.

    `metrics` is {evaluation: {split: {loss, accuracy, accuracy_low, accuracy_high}}}: mean cross-entropy in nats, and a
    share with its 95 % interval from the number of images. `test_correct` says of each test image, in their order,
    whether it is classified correctly, (n,). `seconds` is how long each evaluation took.
    """

    metrics: dict[str, Metrics]
    test_correct: dict[str, np.ndarray]
    seconds: dict[str, float]


def evaluate(data: Data, config: RunConfig, observed: Observed) -> Evaluated:
    """Evaluate the observed model in three ways; it stays as it is.

    Where no statistics of batches are used in training (group norm, frozen) the three are one and the same.
    """

    def moving():
        return _scores(data, observed.inference)

    def batch():
        size = config.normalization_batch_size
        return _scores(data, lambda images: observed(images, size)[0], size)

    def with_all_images():
        with recalibrated(observed, data.train.images):
            return moving()

    found, seconds = {}, {}
    for name, measure in zip(EVALUATIONS, (moving, batch, with_all_images), strict=True):
        start = time.perf_counter()
        found[name] = measure() if observed.layers or name == "moving" else found["moving"]
        seconds[name] = time.perf_counter() - start
    metrics = {name: {split: _metrics(*each) for split, each in by_split.items()} for name, by_split in found.items()}
    return Evaluated(metrics, {name: by_split["test"][1] for name, by_split in found.items()}, seconds)


def _scores(data: Data, logits_of, group_size: int = 1) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {name: scores(logits_of, split.images, split.labels, group_size) for name, split in data.splits().items()}


def _metrics(losses: np.ndarray, correct: np.ndarray) -> dict[str, float]:
    low, high = interval(int(correct.sum()), len(correct))
    accuracy = {"accuracy": float(correct.mean()), "accuracy_low": low, "accuracy_high": high}
    return {"loss": float(losses.mean())} | accuracy
