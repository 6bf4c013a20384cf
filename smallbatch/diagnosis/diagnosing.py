"""Why is my model so much worse on validation images? The answer in points, for any Keras classifier."""

from dataclasses import dataclass, field

import keras
import numpy as np
import pandas as pd

from smallbatch.batchnorm.usage import refuse_what_cannot_be_seen
from smallbatch.diagnosis import causes, layerwise, parts, wording
from smallbatch.diagnosis.data import Source
from smallbatch.diagnosis.notes import has_rare_class, notes_on_data
from smallbatch.diagnosis.preparing import CHECKED, Prepared, compiled_as, image_shape, prepare
from smallbatch.diagnosis.scoring import Scoring, decide, refuse_weighted_metrics, require_agreement
from smallbatch.diagnosis.sweeping import GROUP, MOVING, Sweep, measure
from smallbatch.errors import ParameterError, require


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` found. Print it for a paragraph; `figure()` draws it.

    Attributes
    ----------
    causes : tuple of str
        The parts of the gap in accuracy that count, the largest first; empty where there is nothing to explain.
    accuracy : pandas.DataFrame
        A row per evaluation and set: accuracy with its 95 % interval, as shares, and mean loss.
    parts : pandas.DataFrame
        A row per part of the gap in accuracy, with its 95 % interval, in points. They add up to the gap.
    loss_causes, loss_parts
        The same for the loss, in nats where it is cross-entropy.
    recall : pandas.DataFrame
        For each class, its images and the share found, in every evaluation; empty without single classes.
    recall_parts : pandas.DataFrame
        The parts of the gap in mean recall, in points, where a class is rare; empty elsewhere.
    layers : pandas.DataFrame
        A row per batch norm layer: what it does, how far its averages are off, and how many steps they would need.
    momentum : float or None
        A batch-norm momentum that fits these images and batches, by the rule of `layerwise.fitting_momentum`.
    notes : tuple of str
        What else is worth knowing, in sentences.
    recalibrate : bool
        Whether recalibrating is advised. False says: do not.
    batch_size : int
        The size of the batches whose statistics were used.
    images_averaged : float
        About how many images the moving averages rest on.
    threshold, loss_threshold : float
        Those of `diagnose`.
    """

    causes: tuple[str, ...]
    accuracy: pd.DataFrame
    parts: pd.DataFrame
    batch_size: int
    images_averaged: float
    threshold: float
    loss_causes: tuple[str, ...] = ()
    loss_parts: pd.DataFrame = field(default_factory=pd.DataFrame)
    loss_threshold: float = 0.1
    recall: pd.DataFrame = field(default_factory=pd.DataFrame)
    recall_parts: pd.DataFrame = field(default_factory=pd.DataFrame)
    layers: pd.DataFrame = field(default_factory=pd.DataFrame)
    momentum: float | None = None
    notes: tuple[str, ...] = ()
    recalibrate: bool = False

    def __str__(self) -> str:
        return wording.paragraph(self)

    def _repr_markdown_(self) -> str:
        return wording.paragraph(self)

    def figure(self):
        """Return the accuracies and the parts of the gap as a Matplotlib figure."""
        from smallbatch.diagnosis.figure import draw

        table = self.accuracy.set_index(["evaluation", "set"])["accuracy"]
        gap = 100 * (table["batch", "train"] - table["moving", "validation"])
        return draw(self.accuracy, self.parts, wording.headline(self.causes, gap, self.threshold).capitalize())


def diagnose(
    model: keras.Model,
    train,
    validation,
    batch_size: int | None = None,
    threshold: float = 2.0,
    loss_threshold: float = 0.1,
    steps: int | None = None,
    validation_steps: int | None = None,
) -> Diagnosis:
    """Return what the gap between training and validation of a classifier consists of.

    The model is called as `fit` and as `predict` call it, so what its batch norm really does is found out and not
    assumed. It stays as it is.

    Parameters
    ----------
    model : keras.Model
        A trained classifier with one input and one output: a score per class, one for two classes, or one per label;
        also for every position, as in segmentation.
    train, validation
        Images and labels: a pair of arrays, a `tf.data.Dataset`, a `keras.utils.PyDataset`, a list of batches, or
        anything that yields batches. The training images without augmentation. Labels are numbers of classes from 0,
        one-hot rows, or 0 and 1.
    batch_size : int, optional
        That of training. By default, that of the batches of `train`, or 32 where they are arrays.
    threshold : float
        A part of the gap in accuracy is named as a cause from so many points on, if its 95 % interval excludes zero.
    loss_threshold : float
        The same for the loss.
    steps, validation_steps : int, optional
        How many batches to take from data that do not end. Those of a generator are kept in memory.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ParameterError, DataError
        Where the model's batch norm cannot be looked at, where `predict` or `evaluate` do something else with the
        images than the model, or where images, labels and outputs do not fit; says what is allowed.

    Examples
    --------
    >>> import keras, numpy as np, smallbatch
    >>> keras.utils.set_random_seed(0)
    >>> images = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    >>> labels = (images[:, 0] > 0).astype(int)
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16), keras.layers.BatchNormalization(),
    ...                           keras.layers.ReLU(), keras.layers.Dense(2, activation="softmax")])
    >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> _ = model.fit(images[:192], labels[:192], epochs=2, verbose=0)
    >>> found = smallbatch.diagnose(model, (images[:192], labels[:192]), (images[192:], labels[192:]))
    >>> list(found.parts.index)
    ['small normalization batch', 'overfitting', 'moving averages']
    >>> found.layers["role"][0]
    'uses the statistics of batches in training and its moving averages afterwards'
    """
    shape = image_shape(model)
    require_whole("batch_size", batch_size, optional=True)
    require("threshold", threshold, threshold > 0, "a number of points above 0")
    require("loss_threshold", loss_threshold, loss_threshold > 0, "a loss above 0")
    sources = Source(train, "train", steps, shape), Source(validation, "validation", validation_steps, shape)
    for source in sources:
        if not source.has_labels:
            raise ParameterError(f"{source.name} holds no labels. Allowed: pairs of images and labels")
    size = batch_size or sources[0].batch_size
    prepared = prepare(model, sources[0])
    refuse_what_cannot_be_seen(prepared.usage)
    train, validation = (Sweep(prepared.evaluator, source, size) for source in sources)
    scoring = _scoring(prepared, train, validation)
    return _diagnosis(prepared, scoring, train, validation, threshold, loss_threshold)


def require_whole(name: str, value, optional: bool = False) -> None:
    """Raise `ParameterError` unless a value is a whole number, 1 or more."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1
    require(name, value, whole or (optional and value is None), "a whole number, 1 or more")


def _scoring(prepared: Prepared, *sweeps: Sweep) -> Scoring:
    """Return how predictions are scored, checked against `evaluate` on the first images of both sets."""
    scoring, model = None, prepared.evaluator.model
    for sweep in sweeps:
        images, labels, outputs = sweep.start()
        if sweep.source.weighted:
            refuse_weighted_metrics(model, sweep.name)
        few, of_few, mask = images[:CHECKED], labels[:CHECKED], outputs.mask
        values, mask = outputs.values[:CHECKED], None if mask is None else mask[:CHECKED]
        scoring = scoring or decide(model, few, values, of_few, sweep.name)
        scores = scoring(values, of_few, mask, sweep.name)
        alike = scoring.metric, scoring.kind, labels.dtype, labels.shape[1:]
        if prepared.evaluator.depends_on_batch or (compiled_as(model, "evaluate"), alike) in prepared.compared:
            continue
        require_agreement(scoring, few, values, of_few, scores, sweep.name)
        prepared.compared.add((compiled_as(model, "evaluate"), alike))
    return scoring


def _diagnosis(prepared, scoring, train, validation, threshold, loss_threshold) -> Diagnosis:
    evaluator, model, size = prepared.evaluator, prepared.evaluator.model, train.size
    train.moving_and_batch(scoring)
    if evaluator.layers:
        measured = train.measured
        if size != GROUP:
            measured, _ = measure(evaluator, train.source, mixed=train.mixed)
        statistics = measured.statistics(evaluator.layers)
    else:
        measured, statistics = train.measured, []
    train.recalibrated(statistics)
    validation.moving_and_batch(scoring, mixed=train.mixed, statistics=statistics)

    momenta = [layer.momentum for layer in evaluator.layers]
    momentum = float(np.median(momenta)) if momenta else np.nan
    images_averaged = _images_averaged(size, momentum)
    n_train = len(train.tallies[MOVING].count)
    accuracy, loss = (_measured_parts(m, train, validation, t) for m, t in (
        (parts.ACCURACY, threshold), (parts.LOSS, loss_threshold)
    ))  # fmt: skip
    recall = parts.recall_table(train, validation)
    recall_parts = pd.DataFrame()
    if has_rare_class(recall) and train.tallies[MOVING].has_classes:
        recall_parts = parts.parts_table(parts.mean_recall(len(recall)), train, validation)
    counting = causes.those_that_count(accuracy, threshold), causes.those_that_count(loss, loss_threshold)
    if len(recall_parts):
        counting[0].extend(
            k for k in causes.those_that_count(recall_parts, threshold) if k not in counting[0] and k in accuracy.index
        )
    averages = ""
    if any(parts.AVERAGES in names for names in counting):
        averages = causes.cause_of_averages(evaluator, train.source, train, size, images_averaged)
    names = [causes.named(found, averages, train, validation) for found in counting]
    layers = layerwise.layer_table(evaluator, measured)
    fitting = layerwise.fitting_momentum(n_train, size) if evaluator.layers else None
    table = parts.accuracy_table(train, validation)
    harms = _harms(accuracy, loss, threshold, loss_threshold)
    repairs = any(cause in causes.REPAIRED for cause in (*names[0], *names[1])) and not harms
    notes = [
        *wording.notes_on_layers(layers),
        *(wording.note_on_lag(layers, layerwise.steps_taken(model), fitting) if repairs else []),
        *notes_on_data(train, validation, harms, recall, scoring),
    ]
    return Diagnosis(
        causes=names[0], accuracy=table, parts=accuracy, batch_size=size, images_averaged=images_averaged,
        threshold=threshold, loss_causes=names[1], loss_parts=loss, loss_threshold=loss_threshold, recall=recall,
        recall_parts=recall_parts, layers=layers, momentum=fitting, notes=tuple(notes), recalibrate=repairs,
    )  # fmt: skip


def _measured_parts(measure, train: Sweep, validation: Sweep, threshold: float) -> pd.DataFrame:
    table = parts.parts_table(measure, train, validation)
    candidates = {parts.DIFFER: parts.with_differing_images(table, measure, train, validation)}
    if measure is parts.ACCURACY:
        candidates[parts.ORDER] = parts.with_class_order(table, train, validation)
    return causes.cut_middle(table, candidates, causes.values_differ(train, validation), threshold)


def _images_averaged(size: int, momentum: float) -> float:
    if np.isnan(momentum):
        return np.inf
    return float(size * (1 + momentum) / (1 - momentum)) if momentum < 1 else np.inf


def _harms(accuracy, loss, threshold, loss_threshold) -> bool:
    """Return whether recalibrated statistics are worse than the moving averages: in accuracy, or in loss alone."""
    points, nats = accuracy.loc[parts.AVERAGES], loss.loc[parts.AVERAGES]
    worse = points.iloc[0] <= -threshold and points["high"] < 0
    no_better = points["low"] <= 0
    return bool(worse or (no_better and nats.iloc[0] <= -loss_threshold and nats["high"] < 0))
