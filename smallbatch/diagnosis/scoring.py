"""Which predictions are correct, and what they cost: as Keras's own metric and loss have it, or not at all."""

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from smallbatch.batchnorm.stepping import reason
from smallbatch.diagnosis.preparing import unchanged
from smallbatch.errors import DataError, ParameterError

# How a prediction is compared with its label: a class number, a row with a 1, or yes and no for every output.
CLASSES, ONE_HOT, YES_OR_NO = "class numbers", "one-hot rows", "0 and 1"
METRICS = {
    "SparseCategoricalAccuracy": CLASSES, "sparse_categorical_accuracy": CLASSES,
    "CategoricalAccuracy": ONE_HOT, "categorical_accuracy": ONE_HOT,
    "BinaryAccuracy": YES_OR_NO, "binary_accuracy": YES_OR_NO,
}  # fmt: skip
PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid")


class Scores(NamedTuple):
    """Of each image: correct positions, their loss (nats where it is cross-entropy), and how many there are; (n,).

    `truth` and `predicted` (n, ...) are class numbers, -1 where a mask leaves a position out; None for yes and no of
    several outputs.
    """

    correct: np.ndarray
    loss: np.ndarray
    count: np.ndarray
    truth: np.ndarray | None
    predicted: np.ndarray | None


@dataclass(frozen=True)
class Scoring:
    """How the outputs of one model are compared with labels; calling it scores them.

    `kind` is one of the constants, `threshold` where yes begins, `from_logits` whether outputs are logits, `metric` the
    name of Keras's metric that says the same, None where the model has none.
    """

    model: keras.Model
    kind: str
    n_classes: int
    threshold: float
    from_logits: bool
    metric: str | None

    def __call__(self, outputs: np.ndarray, labels: np.ndarray, mask: np.ndarray | None, name: str) -> Scores:
        """Return the scores of outputs (n, ..., classes) against labels; raise `DataError` where they do not fit."""
        outputs = _with_classes(np.asarray(outputs, np.float32))
        if not np.isfinite(outputs).all():
            raise ParameterError("model: outputs that are not finite (NaN or infinite). Allowed: finite outputs")
        labels = checked_labels(labels, outputs, self.kind, name)
        if self.kind == YES_OR_NO:
            predicted = (outputs > self.threshold).astype(int)
            truth, correct = labels.astype(int), (predicted == labels).mean(axis=-1)
            single = outputs.shape[-1] == 1
            classes = (truth[..., 0], predicted[..., 0]) if single else (None, None)
        else:
            truth = labels.argmax(axis=-1) if self.kind == ONE_HOT else labels
            predicted = outputs.argmax(axis=-1)
            correct, classes = (predicted == truth).astype(float), (truth, predicted)
        loss = self._losses(outputs, labels)
        return _by_image(correct, loss, mask, *classes)

    def _losses(self, outputs, labels) -> np.ndarray:
        loss = single_loss(self.model)
        if loss is not None:
            try:
                function = loss.call if isinstance(loss, keras.losses.Loss) else loss
                found = ops.convert_to_numpy(function(ops.convert_to_tensor(labels), ops.convert_to_tensor(outputs)))
                if found.shape == outputs.shape[:-1] and np.isfinite(found).all():
                    return found.astype(np.float64)
            except Exception:  # a loss that wants something else is replaced by the cross-entropy
                pass
        return _cross_entropy(outputs.astype(np.float64), labels, self.kind, self.from_logits)


def decide(model: keras.Model, images: np.ndarray, outputs: np.ndarray, labels: np.ndarray, name: str) -> Scoring:
    """Return how these outputs are compared with labels: by the model's accuracy metric, its loss, or the labels.

    Raises `ParameterError` or `DataError`, naming what is allowed, where that cannot be told.
    """
    outputs = _with_classes(np.asarray(outputs))
    kind = _kind(model, outputs, labels, name)
    checked = checked_labels(labels, outputs, kind, name)
    if model.compiled and any(hasattr(m, "metrics") and not getattr(m, "built", False) for m in model.metrics):
        # Keras makes the metrics when it first needs them.
        evaluate(model, images, _for_evaluate(labels, checked, outputs), name)
    metric, is_logit, n_classes = accuracy_metric(model), _is_logit(model, outputs), outputs.shape[-1]
    if metric is not None:
        kind, threshold = METRICS[_kind_of(metric)], getattr(metric, "threshold", 0.5)
        checked_labels(labels, outputs, kind, name)
        return Scoring(model, kind, n_classes, threshold, is_logit is True, metric.name)
    if is_logit is None and kind == YES_OR_NO:
        raise ParameterError(
            f"model = {model.name!r}: whether its outputs are probabilities or logits cannot be told. Allowed: "
            "model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True or False)), or a sigmoid at the end"
        )
    if is_logit is None:
        is_logit = not _are_probabilities(outputs)
    return Scoring(model, kind, n_classes, 0.0 if is_logit else 0.5, is_logit, None)


def accuracy_metric(model: keras.Model):
    """Return the accuracy metric that a compiled model has and has used, None where there is none."""
    inner = [m for metric in model.metrics for m in getattr(metric, "metrics", [metric])] if model.compiled else []
    return next((metric for metric in inner if _kind_of(metric) in METRICS), None)


def refuse_weighted_metrics(model: keras.Model, name: str) -> None:
    """Raise `ParameterError` where `evaluate` weights the images of its accuracy, which is not done here."""
    if model.compiled and any(getattr(metric, "_user_weighted_metrics", None) for metric in model.metrics):
        raise ParameterError(
            f"{name} holds sample weights that differ, and the model was compiled with weighted_metrics, so evaluate "
            "counts images otherwise than diagnose, for which each counts once. Allowed: metrics= in place of "
            "weighted_metrics=, or pairs (images, labels)"
        )


def single_loss(model: keras.Model):
    """Return the loss that a model of one output was compiled with, as an object or a function; None without one."""
    loss = getattr(model, "loss", None)
    while isinstance(loss, dict | list | tuple) and len(loss) == 1:
        loss = next(iter(loss.values())) if isinstance(loss, dict) else loss[0]
    if isinstance(loss, str):
        try:
            return keras.losses.get(loss)
        except ValueError:
            return None
    return loss if callable(loss) else None


def checked_labels(labels: np.ndarray, outputs: np.ndarray, kind: str, name: str) -> np.ndarray:
    """Return labels in the shape in which they are compared; raise `DataError` where they are none of this kind."""
    _require_numbers(labels, name)
    if kind == CLASSES:
        return _class_numbers(labels, outputs, name)
    if kind == ONE_HOT and labels.shape in (outputs.shape[:-1], (*outputs.shape[:-1], 1)):
        return np.eye(outputs.shape[-1], dtype=np.float32)[_class_numbers(labels, outputs, name)]
    if labels.shape == outputs.shape[:-1] and outputs.shape[-1] == 1:
        labels = labels[..., np.newaxis]
    if labels.shape != outputs.shape:
        _refuse_shape(labels, outputs, name)
    if kind == ONE_HOT:
        if not _are_probabilities(labels):
            raise DataError(
                f"{name}: labels with several classes in a row, or none. Allowed: one 1 per row; or, for several "
                "labels per image, model.compile(..., metrics=['binary_accuracy'])"
            )
        return labels.astype(np.float32)
    if not np.isin(labels, (0, 1)).all():
        wrong = labels[~np.isin(labels, (0, 1))].flat[0]
        raise DataError(
            f"{name}: a label is {wrong}. Allowed with one score per answer: 0 and 1 (diagnose explains classifiers, "
            "not regressions)"
        )
    return labels.astype(np.float32)


def _kind(model, outputs, labels, name) -> str:
    """Return how labels are to be compared, from the loss where it says, or else from their shape."""
    _require_numbers(labels, name)
    loss = single_loss(model)
    trained_with = getattr(loss, "__name__", type(loss).__name__).lower().replace("_", "")
    if outputs.shape[-1] == 1 or (labels.shape == outputs.shape and "binary" in trained_with):
        return YES_OR_NO
    if labels.shape in (outputs.shape[:-1], (*outputs.shape[:-1], 1)):
        return ONE_HOT if trained_with.startswith("categorical") else CLASSES
    if labels.shape != outputs.shape:
        _refuse_shape(labels, outputs, name)
    if "sparse" in trained_with:
        return CLASSES
    return ONE_HOT if "categorical" in trained_with or _are_probabilities(labels) else YES_OR_NO


def _kind_of(metric) -> str:
    name = type(metric).__name__
    return name if name in METRICS else getattr(getattr(metric, "_fn", None), "__name__", "")


def _is_logit(model, outputs) -> bool | None:
    loss = single_loss(model)
    if hasattr(loss, "from_logits"):
        return bool(loss.from_logits)
    if getattr(loss, "__module__", "").startswith("keras.") and "crossentropy" in getattr(loss, "__name__", ""):
        return False
    activation = _last_activation(model)
    if activation in PROBABILITIES:
        return False
    return None


def _last_activation(model) -> str | None:
    """Return the name of the last activation of a functional or sequential model."""
    try:
        layer = model.outputs[0]._keras_history.operation
        while isinstance(layer, keras.Model):
            layer = layer.outputs[0]._keras_history.operation
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", None)


def _with_classes(outputs: np.ndarray) -> np.ndarray:
    if outputs.ndim == 0:
        raise ParameterError("model: a single output for all images. Allowed: scores of classes, (images, classes)")
    return outputs[:, np.newaxis] if outputs.ndim == 1 else outputs


def _are_probabilities(rows: np.ndarray) -> bool:
    rows = rows.astype(np.float64)
    return bool((rows >= 0).all() and np.allclose(rows.sum(axis=-1), 1, atol=1e-2))


def _require_numbers(labels, name) -> None:
    if labels.dtype.kind not in "biuf":
        shown = labels.ravel()[:1].tolist()[0] if labels.size else labels.dtype
        raise DataError(
            f"{name}: labels are no numbers, such as {shown!r}. Allowed: numbers of classes from 0, or one-hot rows"
        )
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise DataError(f"{name}: there are labels that are not finite (NaN or infinite). Allowed: numbers of classes")


def _class_numbers(labels, outputs, name) -> np.ndarray:
    if labels.shape == (*outputs.shape[:-1], 1):
        labels = labels[..., 0]
    if labels.shape == outputs.shape and np.isin(labels, (0, 1)).all() and (labels.sum(axis=-1) == 1).all():
        labels = labels.argmax(axis=-1)
    n_classes = outputs.shape[-1]
    if labels.shape != outputs.shape[:-1]:
        _refuse_shape(labels, outputs, name)
    numbers = labels.astype(int)
    if not (numbers == labels).all():
        wrong = labels[numbers != labels].flat[0]
        raise DataError(f"{name}: a label is {wrong}. Allowed: numbers of classes, 0 to {n_classes - 1}")
    low, high = numbers.min(), numbers.max()
    if low < 0 or high >= n_classes:
        hint = "; subtract 1" if low == 1 and high == n_classes else ""
        raise DataError(
            f"{name}: a label is {low if low < 0 else high}. Allowed: numbers of classes, 0 to {n_classes - 1}{hint}"
        )
    return numbers


def _refuse_shape(labels, outputs, name) -> None:
    count, n_classes = "x".join(map(str, labels.shape)), outputs.shape[-1]
    shape = "images" + "".join(f", {k}" for k in outputs.shape[1:-1])
    raise ParameterError(
        f"{name}: labels: {count} for {len(outputs)} images with outputs of shape {outputs.shape[1:]}. "
        f"Allowed: ({shape},), or ({shape}, {n_classes}) one-hot"
    )


def _by_image(correct, loss, mask, truth, predicted) -> Scores:
    n = len(correct)
    weight = np.ones(correct.shape) if mask is None else np.broadcast_to(mask, correct.shape).astype(float)
    if mask is not None and truth is not None:
        truth, predicted = np.where(weight > 0, truth, -1), np.where(weight > 0, predicted, -1)

    def total(values):
        return (values * weight).reshape(n, -1).sum(axis=1)

    return Scores(total(correct), total(loss), weight.reshape(n, -1).sum(axis=1), truth, predicted)


def _cross_entropy(outputs, labels, kind, from_logits) -> np.ndarray:
    if kind == YES_OR_NO:
        if from_logits:
            return (np.logaddexp(0, outputs) - outputs * labels).mean(axis=-1)
        p = np.clip(outputs, 1e-7, 1 - 1e-7)
        return -(labels * np.log(p) + (1 - labels) * np.log(1 - p)).mean(axis=-1)
    if not from_logits:
        outputs = np.log(np.clip(outputs, 1e-7, None))
    highest = outputs.max(axis=-1, keepdims=True)
    log_p = outputs - highest - np.log(np.exp(outputs - highest).sum(axis=-1, keepdims=True))
    if kind == ONE_HOT:
        return -(labels * log_p).sum(axis=-1)
    return -np.take_along_axis(log_p, labels[..., np.newaxis], axis=-1)[..., 0]


def require_agreement(scoring: Scoring, images, outputs, labels, scores: Scores, name: str) -> None:
    """Raise `ParameterError` where the model's own `evaluate` counts other predictions as correct than `scores`."""
    if scoring.metric is None:
        return
    checked = checked_labels(labels, outputs, scoring.kind, name)
    found = evaluate(scoring.model, images, _for_evaluate(labels, checked, outputs), name)
    found = found.get(scoring.metric)
    ours = scores.correct.sum() / scores.count.sum()
    # Rounding may turn one prediction of a chunk over.
    if found is None or abs(found - ours) > 1.5 / len(images):
        raise ParameterError(
            f"{name}: model.evaluate reports {scoring.metric} = {found}, and the outputs with the moving averages give "
            f"{ours:.4f}, so evaluate does something else with these images. Allowed: a model whose evaluate scores "
            "what predict gives"
        )


def _for_evaluate(labels: np.ndarray, checked: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return labels as they were given, unless they are of another kind than the model was compiled for.

    In another shape than before, Keras would compile once more, for labels of any rank, which not all metrics take.
    """
    given_otherwise = outputs.shape[-1] > 1 and (labels.shape == outputs.shape) != (checked.shape == outputs.shape)
    return checked if given_otherwise else labels


def evaluate(model: keras.Model, images: np.ndarray, labels: np.ndarray, name: str) -> dict[str, float]:
    """Return what `model.evaluate` reports of a few images; raise `DataError` where it fails on them."""
    try:
        with unchanged(model):
            return _evaluate(model, images, labels)
    except Exception as error:
        raise DataError(
            f"{name}: model.evaluate fails on these data: {reason(error)}. Allowed: images and labels "
            "that the compiled model takes"
        ) from error


def _evaluate(model, images, labels) -> dict[str, float]:
    options = {"batch_size": len(images), "verbose": 0, "return_dict": True}
    try:
        return model.evaluate(images, labels, **options)
    except ValueError as error:
        if "unknown rank" not in str(error):
            raise
    # Keras met labels of two ranks, (n,) and (n, 1), and compiled for any rank, which its metrics do not take.
    model.make_test_function(force=True)
    return model.evaluate(images, labels, **options)
