"""Why is my model so much worse on validation images? The answer in points, for any Keras model with batch norm.

Training accuracy as `fit` reports it uses the statistics of each batch, validation accuracy the moving averages. The
gap between the two therefore mixes three things, which add up to it exactly:

    batch(train) - moving(validation)  =  batch(train) - recalibrated(train)             small normalization batch
                                        + recalibrated(train) - recalibrated(validation)  overfitting
                                        + recalibrated(validation) - moving(validation)   moving averages
"""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from smallbatch import figures
from smallbatch.batchnorm.chunks import chunks
from smallbatch.batchnorm.recalibration import Observed, assign, measure, moving_averages
from smallbatch.errors import ParameterError
from smallbatch.training.evaluation import EVALUATIONS, interval

SMALL_BATCH, OVERFITTING, AVERAGES = "small normalization batch", "overfitting", "moving averages"
LAG, NOISE = "moving averages lag", "moving averages are noisy"
# Moving averages that rest on fewer images than this are a noisy estimate, whatever their lag.
FEW_IMAGES = 256
RESAMPLES = 4000


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found. Print it for a paragraph; `figure()` draws it.

    `causes` names the parts of the gap that count, the largest first; it is empty where there is nothing to explain.
    `accuracy` has a row per evaluation and set: accuracy with its 95 % interval, as shares. `parts` has a row per
    part of the gap, with its 95 % interval, in points. `batch_size` is the size of the batches whose statistics were
    used, `images_averaged` about how many images the moving averages rest on, `threshold` that of `diagnose`.
    """

    causes: tuple[str, ...]
    accuracy: pd.DataFrame
    parts: pd.DataFrame
    batch_size: int
    images_averaged: float
    threshold: float

    def __str__(self) -> str:
        return _paragraph(self)

    def _repr_markdown_(self) -> str:
        return _paragraph(self)

    def figure(self):
        """Return the accuracies and the parts of the gap as a Matplotlib figure."""
        return figures.diagnosis(self.accuracy, self.parts)


def diagnose(model: keras.Model, train, validation, batch_size: int | None = None, threshold: float = 2.0) -> Diagnosis:
    """Return what the gap between training and validation accuracy of a classifier consists of.

    `train` (without augmentation) and `validation` hold images and labels in any form that `batches.chunks` takes:
    a pair of arrays, a `tf.data.Dataset`, a `keras.utils.PyDataset`. Labels are numbers of classes or one-hot rows;
    the model gives one score per class, or a single one for two classes. `batch_size` is that of training; None
    takes it from the batches of `train`, or 32 where `train` is a pair of arrays. A part of the gap is named as a
    cause where it is `threshold` points or more and its 95 % interval, from the number of images, excludes zero.
    The model stays as it is. Raises `ParameterError` where labels or scores do not fit.
    """
    size = batch_size or _batch_size(train)
    observed = Observed(model)
    statistics = measure(observed, train) if observed.layers else []
    correct = {
        name: _correct_images(model, data, observed, statistics, size, name)
        for name, data in (("train", train), ("validation", validation))
    }
    parts = _parts(correct)
    momenta = [layer.momentum for layer in observed.layers]
    images_averaged = size * (1 + np.median(momenta)) / (1 - np.median(momenta)) if momenta else np.inf
    found = parts[(parts["points"] >= threshold) & (parts["low"] > 0)].sort_values("points", ascending=False)
    averages = LAG if images_averaged >= FEW_IMAGES else NOISE
    causes = tuple(averages if name == AVERAGES else name for name in found.index)
    return Diagnosis(causes, _accuracy(correct), parts, size, float(images_averaged), threshold)


def _batch_size(train) -> int:
    if isinstance(train, tuple | list):
        return 32
    first = train[0] if hasattr(train, "__getitem__") else next(iter(train))
    return len(first[0])


def _correct_images(model, data, observed, statistics, size, name) -> pd.DataFrame:
    """Return whether each image is classified correctly, a column per evaluation."""
    rows = []
    kept = moving_averages(observed.layers)
    for images, labels, counted in chunks(data, size):
        if labels is None:
            raise ParameterError(f"{name} holds no labels. Allowed: pairs of images and labels")
        outputs = {"moving": observed(images, size, len(observed.layers))[0], "batch": observed(images, size)[0]}
        try:
            assign(observed.layers, statistics)
            outputs["recalibrated"] = observed(images, size, len(observed.layers))[0]
        finally:
            assign(observed.layers, kept)
        rows.append(pd.DataFrame({mode: _is_correct(model, o, labels)[:counted] for mode, o in outputs.items()}))
    return pd.concat(rows, ignore_index=True)[list(EVALUATIONS)]


def _is_correct(model: keras.Model, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if outputs.ndim != 2:
        raise ParameterError(f"model: outputs of shape {outputs.shape}. Allowed: scores of classes, (images, classes)")
    n_classes = outputs.shape[1]
    if labels.ndim == 2 and labels.shape[1] == n_classes > 1:
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    if len(labels) != len(outputs):
        raise ParameterError(
            f"labels: {len(labels)} for {len(outputs)} images. Allowed: (images,), or (images, {n_classes}) one-hot"
        )
    if n_classes > 1:
        return outputs.argmax(axis=1) == labels
    is_logit = getattr(getattr(model, "loss", None), "from_logits", False)
    return (outputs[:, 0] > (0.0 if is_logit else 0.5)) == (labels > 0.5)


def _accuracy(correct: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for name, table in correct.items():
        for mode in EVALUATIONS:
            low, high = interval(int(table[mode].sum()), len(table))
            rows.append({"evaluation": mode, "set": name, "accuracy": table[mode].mean(), "low": low, "high": high})
    return pd.DataFrame(rows)


def _parts(correct: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the parts of the gap in points, with percentile bootstrap intervals over images."""
    train, validation = (correct[name].astype(int) for name in ("train", "validation"))
    none = pd.Series([0])
    differences = {
        # A part is the mean of the first minus the mean of the second; paired where both are of the same images.
        SMALL_BATCH: (train["batch"] - train["recalibrated"], none),
        OVERFITTING: (train["recalibrated"], validation["recalibrated"]),
        AVERAGES: (validation["recalibrated"] - validation["moving"], none),
    }
    generator = np.random.default_rng(0)
    rows = []
    for first, second in differences.values():
        resampled = _resampled_means(first, generator) - _resampled_means(second, generator)
        low, high = np.quantile(resampled, [0.025, 0.975])
        rows.append({"points": 100 * (first.mean() - second.mean()), "low": 100 * low, "high": 100 * high})
    return pd.DataFrame(rows, index=pd.Index(list(differences), name="part"))


def _resampled_means(values: pd.Series, generator: np.random.Generator) -> np.ndarray:
    # Values are -1, 0 or 1, so drawing images with replacement is drawing how often each value comes.
    shares = [(values == v).mean() for v in (-1, 0, 1)]
    return generator.multinomial(len(values), shares, size=RESAMPLES) @ np.array([-1, 0, 1]) / len(values)


ADVICE = {
    LAG: "The moving averages have not caught up with the weights: repair them with `smallbatch.recalibrate(model, "
    "train)`, or train with a lower batch-norm momentum. Regularization is no answer to this part.",
    NOISE: "The moving averages rest on too few images: repair them with `smallbatch.recalibrate(model, train)`, or "
    "train with a higher batch-norm momentum.",
    SMALL_BATCH: "The network works with the statistics of small batches and worse with any fixed ones: normalize "
    "over more images, or without batch statistics (group norm).",
    OVERFITTING: "The network has learned its training images better than what they have in common: more or "
    "augmented images, weight decay, dropout after the last batch norm or early stopping address this.",
}


def _without_cause(found: Diagnosis, gap: float) -> str:
    if 100 * gap < found.threshold:
        return "no gap to explain"
    return "not decided, these images do not show which part of the gap is there"


def _paragraph(found: Diagnosis) -> str:
    accuracy = found.accuracy.set_index(["evaluation", "set"])["accuracy"]
    fit, shown = accuracy["batch", "train"], accuracy["moving", "validation"]
    head = f"Diagnosis: {' and '.join(found.causes) or _without_cause(found, fit - shown)}."
    parts = [f"{row.points:+.1f} ({row.low:+.1f} to {row.high:+.1f}) {name}" for name, row in found.parts.iterrows()]
    return " ".join(
        [
            head,
            f"The training images score {fit:.1%} with the statistics of batches of {found.batch_size}, as in "
            f"training, and the validation images {shown:.1%} with the moving averages, as in `evaluate`: a gap of "
            f"{100 * (fit - shown):.1f} points. It is made of, in points with 95 % intervals: {'; '.join(parts)}.",
            f"With statistics recalibrated on the training images, training scores "
            f"{accuracy['recalibrated', 'train']:.1%} and validation {accuracy['recalibrated', 'validation']:.1%}.",
            *(ADVICE[cause] for cause in found.causes),
        ]
    )
