"""The repair of moving averages: measured on images, checked, put in place, and taken back where it is asked for."""

from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from smallbatch.batchnorm.chunks import CHUNK
from smallbatch.batchnorm.recalibration import GROUP, assign
from smallbatch.batchnorm.usage import BATCHES
from smallbatch.diagnosis.data import Source
from smallbatch.diagnosis.diagnosing import require_whole
from smallbatch.diagnosis.preparing import Prepared, image_shape, prepare
from smallbatch.diagnosis.scoring import decide, require_agreement
from smallbatch.diagnosis.sweeping import SORTED, Measured, measure, sortedness
from smallbatch.errors import DataError, ParameterError

# Accuracy on the images given may fall by so many points before recalibrating is refused; so many are looked at.
HARM, JUDGED = 2.0, 1024
# Statistics of fewer images than are normalized together while they are measured are no statistics.
FEWEST = GROUP
# Where a class of somebody's own puts something else in their place, images may be prepared there.
OWN_METHODS = ("fit", "evaluate", "test_step")


@dataclass(frozen=True)
class Recalibration:
    """What `recalibrate` changed.

    It counts as the number of changed layers: `len(done)`, `int(done)` and `done == 2` work. `undo()` puts the moving
    averages back.

    Attributes
    ----------
    changed : tuple of str
        The names of the layers that got new statistics, in the order of running.
    left_alone : dict
        For every other batch norm layer its name and why.
    """

    changed: tuple[str, ...]
    left_alone: dict[str, str]
    _before: list = field(repr=False, default_factory=list)

    def undo(self) -> None:
        """Give the layers the statistics back that they had before."""
        for variable, value in self._before:
            variable.assign(value)

    def __len__(self) -> int:
        return len(self.changed)

    __int__ = __index__ = __len__

    def __eq__(self, other) -> bool:
        return len(self) == int(other) if isinstance(other, int | Recalibration) else NotImplemented

    __hash__ = None

    def __str__(self) -> str:
        text = f"Recalibrated {len(self)} batch norm {'layer' if len(self) == 1 else 'layers'}."
        roles = {}
        for name, why in self.left_alone.items():
            roles.setdefault(why, []).append(name)
        for why, names in roles.items():
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            text += f" Left alone: {shown}, which {why}."
        return text


def recalibrate(
    model: keras.Model, data, batch_size: int = CHUNK, passes: int = 1, steps: int | None = None
) -> Recalibration:
    """Give batch norm the statistics of `data` in place of its moving averages.

    For each layer that uses the statistics of batches in training: mean and variance over all images and positions that
    no mask leaves out, from pooled first and second moments ("precise batch norm", Wu & Johnson 2021, section 3).
    Weights stay as they are, and so do layers that are frozen or use batch norm in another way. Nothing is assigned
    before everything has been measured and checked.

    In one pass a layer's inputs are normalized upstream over groups of 32 images, as in training: a layer with no other
    batch norm in front of it gets the exact statistics, the others come very close. Each further pass makes one more
    layer exact, in the order in which the model runs them.

    Parameters
    ----------
    model : keras.Model
        Any model with batch norm and one input.
    data
        Training images without augmentation, in a form that `diagnose` takes. Labels are of use where there are any: it
        is refused to recalibrate where that would cost accuracy on them.
    batch_size : int
        The images run at a time: a matter of memory and not of the result.
    passes : int
        At most as many as there are layers.
    steps : int, optional
        How many batches to take from data that do not end.

    Returns
    -------
    Recalibration
        What was changed, what was left alone, and a way to undo it.

    Raises
    ------
    ParameterError, DataError
        Where no layer is left to change, where images or statistics are not finite, where `predict` does something else
        with the images than the model, or where recalibrating would do harm. The model then is as it was.

    Examples
    --------
    >>> import keras, numpy as np, smallbatch
    >>> images = np.random.default_rng(0).normal(3, 2, size=(500, 4)).astype("float32")
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="norm")])
    >>> done = smallbatch.recalibrate(model, images)
    >>> print(done)
    Recalibrated 1 batch norm layer.
    >>> bool(np.allclose(model.layers[0].moving_mean, images.mean(axis=0), rtol=1e-4))
    True
    >>> done.undo()
    >>> np.asarray(model.layers[0].moving_mean).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    shape = image_shape(model)
    require_whole("batch_size", batch_size)
    require_whole("passes", passes)
    source = Source(data, "data", steps, shape)
    prepared = prepare(model, source)
    evaluator = prepared.evaluator
    if not evaluator.layers:
        raise ParameterError(_nothing_to_change(model, prepared))
    _require_agreement(prepared, source)
    before = [(v, ops.convert_to_numpy(v)) for layer in evaluator.layers for v in _statistics_of(layer)]
    try:
        for n_fixed in range(min(passes, len(evaluator.layers))):
            statistics = _measured(prepared, source, batch_size, n_fixed)
            if n_fixed == 0:
                _require_no_harm(prepared, source, statistics)
            assign(evaluator.layers, statistics)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise
    left_alone = {use.name: use.role for use in prepared.usage.uses if use.role != BATCHES}
    return Recalibration(tuple(layer.name for layer in evaluator.layers), left_alone, before)


def _measured(prepared: Prepared, source: Source, batch_size: int, n_fixed: int):
    """Return the statistics of the images, which are mixed where their batches are sorted by class, or may be."""
    evaluator = prepared.evaluator
    mixed = not source.is_arrays and not source.has_labels
    measured, labels = measure(evaluator, source, batch_size, mixed, n_fixed)
    if labels and not source.is_arrays and sortedness(labels, 32) > SORTED:
        measured, labels = measure(evaluator, source, batch_size, True, n_fixed)
        if sortedness(labels, 32) > SORTED:
            raise DataError(
                "data: the batches hold images of few classes each, too many to mix them here. Allowed: shuffled data"
            )
    statistics = measured.statistics(evaluator.layers)
    _require_images_that_differ(evaluator.layers, measured)
    return statistics


def _require_images_that_differ(layers: list, measured: Measured) -> None:
    """Raise `DataError` for images too few or too much alike to have statistics."""
    if measured.n_images < FEWEST:
        raise DataError(f"data holds {measured.n_images} images. Allowed: {FEWEST} or more, for statistics to rest on")
    if not any(measured.varies(layer) for layer in layers):
        raise DataError("data: to all batch norm layers these images are alike. Allowed: images that differ")


def _require_agreement(prepared: Prepared, source: Source) -> None:
    """Raise `ParameterError` where the model's own `evaluate` or `fit` may do something else with the images."""
    model = prepared.evaluator.model
    own = [name for name in OWN_METHODS if getattr(type(model), name) is not getattr(keras.Model, name)]
    if not own or prepared.evaluator.depends_on_batch:
        return
    if not source.has_labels:
        raise ParameterError(
            f"model = {model.name!r} has a {own[0]} of its own, which may prepare the images. Allowed: a pair (images, "
            "labels), so that what evaluate reports can be compared"
        )
    images, labels = (part[:CHUNK] for part in source.first)
    outputs = prepared.evaluator.predict(images)
    scoring = decide(model, images, outputs.values, labels, source.name)
    scores = scoring(outputs.values, labels, outputs.mask, source.name)
    require_agreement(scoring, images, outputs.values, labels, scores, source.name)


def _require_no_harm(prepared: Prepared, source: Source, statistics) -> None:
    """Raise `ParameterError` where the images' own labels say that recalibrated statistics are worse."""
    evaluator = prepared.evaluator
    if not source.has_labels:
        return
    correct, scoring, seen, labels_seen = {"before": [], "after": []}, None, 0, []
    try:
        for images, labels, counted in source.chunks(CHUNK):
            moving = evaluator.predict(images)
            if scoring is None:
                scoring = decide(evaluator.model, images, moving.values, labels, source.name)
            for name, outputs in (("before", moving), ("after", evaluator.predict(images, statistics))):
                scores = scoring(outputs.values, labels, outputs.mask, source.name)
                correct[name].append((scores.correct / np.maximum(scores.count, 1))[:counted])
            labels_seen.append(scores.truth[:counted] if scores.truth is not None else np.zeros(0, int))
            seen += counted
            if seen >= JUDGED:
                break
    except (ParameterError, DataError):
        return  # labels that cannot be scored are none of this function's business
    before, after = (np.concatenate(correct[name]) for name in ("before", "after"))
    loss = 100 * (before - after)
    error = loss.std() / np.sqrt(len(loss))
    # A model that does no better than naming the most frequent class has nothing to lose.
    if loss.mean() > HARM and loss.mean() > 2 * error and before.mean() > _most_frequent(labels_seen):
        raise ParameterError(
            f"model = {evaluator.model.name!r}: with the statistics of these images its accuracy on them would fall "
            f"from {before.mean():.1%} to {after.mean():.1%}, so nothing was changed. Allowed: images prepared as in "
            "training, and a model whose moving averages are worse than their statistics"
        )


def _most_frequent(labels: list[np.ndarray]) -> float:
    numbers = np.concatenate([part.ravel() for part in labels])
    numbers = numbers[numbers >= 0]
    return float(np.bincount(numbers).max() / len(numbers)) if len(numbers) else 0.0


def _statistics_of(layer) -> list:
    return [
        layer.moving_mean,
        layer.moving_variance,
        *([layer.moving_stddev] if getattr(layer, "renorm", False) else []),
    ]


def _nothing_to_change(model, prepared: Prepared) -> str:
    roles = list(dict.fromkeys(f"{use.name} {use.role}" for use in prepared.usage.uses))
    shown = ("; ".join(roles[:3]) + (f"; and {len(roles) - 3} more" if len(roles) > 3 else "")) or "it has none"
    return (
        f"model = {model.name!r}: no batch norm layer uses the statistics of batches in training and its moving "
        f"averages afterwards, so nothing was changed ({shown}). Allowed: a model with a BatchNormalization "
        "whose trainable is True, called with training=True in training"
    )
