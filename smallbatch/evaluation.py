"""The three evaluations of a trained model, on train, validation and test alike.

They differ in what batch norm normalizes with: *moving*, its moving averages, as `evaluate` and `predict` do;
*batch*, the statistics of batches as small as in training; *recalibrated*, the statistics of all training images.
Moving minus recalibrated is an artefact of evaluation. A generalization gap is train minus test in the same one.
"""

import time

import keras
from scipy import stats

from smallbatch.batches import chunks
from smallbatch.compiled import Inference, cross_entropy
from smallbatch.config import RunConfig
from smallbatch.data import Data, Split
from smallbatch.recalibration import Observed, recalibrated

EVALUATIONS = ("moving", "batch", "recalibrated")
Metrics = dict[str, dict[str, float]]


def evaluate(
    model: keras.Model, data: Data, config: RunConfig, observed: Observed
) -> tuple[dict[str, Metrics], dict[str, float]]:
    """Return {evaluation: {split: {loss, accuracy, accuracy_low, accuracy_high}}} and the seconds of each evaluation.

    Loss is the mean cross-entropy in nats, accuracy a share with its 95 % interval from the number of images. Where
    no statistics of batches are used in training (group norm, frozen) the three are one and the same. The model
    stays as it is.
    """

    inference = Inference(model)

    def moving():
        return {name: _scores(inference, split) for name, split in data.splits().items()}

    def batch():
        return {name: _in_batches(split, config, observed) for name, split in data.splits().items()}

    def with_all_images():
        with recalibrated(observed, data.train.images):
            return moving()

    metrics, seconds = {}, {}
    for name, measure in zip(EVALUATIONS, (moving, batch, with_all_images), strict=True):
        start = time.perf_counter()
        metrics[name] = measure() if observed.layers or name == "moving" else metrics["moving"]
        seconds[name] = time.perf_counter() - start
    return metrics, seconds


def interval(n_correct: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of an accuracy measured on n images (Wilson 1927)."""
    low, high = stats.binomtest(n_correct, n).proportion_ci(method="wilson")
    return float(low), float(high)


def _scores(inference: Inference, split: Split) -> dict[str, float]:
    loss, n_correct = inference.scores(split.images, split.labels)
    return _with_interval(loss, n_correct, len(split))


def _in_batches(split: Split, config: RunConfig, observed: Observed) -> dict[str, float]:
    size = config.normalization_batch_size
    loss, n_correct = 0.0, 0
    for images, labels, counted in chunks((split.images, split.labels), size):
        losses, correct = cross_entropy(observed(images, size)[0][:counted], labels[:counted])
        loss += float(losses.sum())
        n_correct += correct
    return _with_interval(loss / len(split), n_correct, len(split))


def _with_interval(loss: float, n_correct: int, n: int) -> dict[str, float]:
    low, high = interval(n_correct, n)
    return {"loss": loss, "accuracy": n_correct / n, "accuracy_low": low, "accuracy_high": high}
