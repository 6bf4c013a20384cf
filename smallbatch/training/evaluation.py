"""The three evaluations of a trained model, on train, validation and test alike.

They differ in what batch norm normalizes with: *moving*, its moving averages, as `evaluate` and `predict` do;
*batch*, the statistics of batches as small as in training; *recalibrated*, the statistics of all training images.
Moving minus recalibrated is an artefact of evaluation. A generalization gap is train minus test in the same one.
Further moving averages that the training followed are evaluations of their own, `moving_0.9` and the like.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from smallbatch.batchnorm.inference import scores
from smallbatch.batchnorm.recalibration import Observed, recalibrated, using
from smallbatch.statistics import interval
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data

EVALUATIONS = ("moving", "batch", "recalibrated")
SPLITS = ("train", "validation", "test")
Metrics = dict[str, dict[str, float]]
Scores = dict[str, tuple[np.ndarray, np.ndarray]]


class EvaluationResult(NamedTuple):
    """What the evaluations came to, by their names.

    `metrics` is {evaluation: {split: {loss, accuracy, accuracy_low, accuracy_high}}}: mean cross-entropy in nats, and a
    share with its 95 % interval from the number of images. `test_correct` says of each test image, in their order,
    whether it is classified correctly, (n,). `seconds` is how long each evaluation took.
    """

    metrics: dict[str, Metrics]
    test_correct: dict[str, np.ndarray]
    seconds: dict[str, float]


def evaluate(data: Data, config: RunConfig, observed: Observed) -> EvaluationResult:
    """Evaluate the observed model in three ways, and with each followed moving average; it stays as it is.

    Where no statistics of batches are used in training (group norm, frozen) the three are one and the same.
    """
    found, seconds = _take(data, config, observed, SPLITS)
    metrics = {name: {split: _metrics(*each) for split, each in by_split.items()} for name, by_split in found.items()}
    return EvaluationResult(metrics, {name: by_split["test"][1] for name, by_split in found.items()}, seconds)


def snapshot(data: Data, config: RunConfig, observed: Observed) -> list[dict]:
    """Evaluate validation and test images in all the ways of `evaluate`, in the middle of a training.

    Returns rows of `evaluation`, `split`, `loss` (nats) and `accuracy`.
    """
    found, _ = _take(data, config, observed, ("validation", "test"))
    return [
        {"evaluation": name, "split": split, "loss": losses.mean(), "accuracy": correct.mean()}
        for name, by_split in found.items()
        for split, (losses, correct) in by_split.items()
    ]


def _take(
    data: Data, config: RunConfig, observed: Observed, splits: tuple[str, ...]
) -> tuple[dict[str, Scores], dict[str, float]]:
    """Return the scores of each evaluation of these splits, and the seconds that it took."""
    found, seconds = {}, {}
    for name, measure in _evaluations(data, config, observed, splits).items():
        start = time.perf_counter()
        found[name] = measure() if observed.layers or name == "moving" else found["moving"]
        seconds[name] = time.perf_counter() - start
    return found, seconds


def _evaluations(
    data: Data, config: RunConfig, observed: Observed, splits: tuple[str, ...]
) -> dict[str, Callable[[], Scores]]:
    """Return by name what takes each evaluation of these splits."""

    def moving():
        return _scores(data, splits, observed.inference)

    def batch():
        size = config.normalization_batch_size
        return _scores(data, splits, lambda images: observed(images, size)[0], size)

    def with_all_images():
        with recalibrated(observed, data.train.images):
            return moving()

    def followed(place):
        with using(observed.layers, [layer.followed_averages(place) for layer in observed.layers]):
            return moving()

    names = config.followed_momenta(len(data.train))
    return dict(zip(EVALUATIONS, (moving, batch, with_all_images), strict=True)) | {
        name: partial(followed, place) for place, name in enumerate(names)
    }


def _scores(data: Data, splits: tuple[str, ...], logits_of, group_size: int = 1) -> Scores:
    parts = {name: data.splits()[name] for name in splits}
    return {name: scores(logits_of, part.images, part.labels, group_size) for name, part in parts.items()}


def _metrics(losses: np.ndarray, correct: np.ndarray) -> dict[str, float]:
    low, high = interval(int(correct.sum()), len(correct))
    accuracy = {"accuracy": float(correct.mean()), "accuracy_low": low, "accuracy_high": high}
    return {"loss": float(losses.mean())} | accuracy
