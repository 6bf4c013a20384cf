"""A model made ready to be diagnosed or recalibrated: built, looked at, compiled, and checked against `predict`."""

import contextlib
import inspect
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from smallbatch.batchnorm import unseen
from smallbatch.batchnorm.evaluator import Evaluator
from smallbatch.batchnorm.stepping import reason
from smallbatch.batchnorm.usage import Usage, usage
from smallbatch.diagnosis.data import Source
from smallbatch.errors import DataError, ParameterError

CHECKED = 64
# How far outputs may be from those of `predict`, as a share of the largest: what rounding does to a deep network.
TOLERANCE = {"float32": 1e-3, "float64": 1e-6}
HALF_PRECISION = 5e-2


class Prepared(NamedTuple):
    """A model with what its batch norm does, an evaluator for it, and which of its compiled functions were compared.

    `compared` holds what was compared with the evaluator and agreed: a compiled function stays what it is, so one
    comparison is enough.
    """

    evaluator: Evaluator
    usage: Usage
    compared: set


def image_shape(model: keras.Model) -> tuple | None:
    """Return the shape of the model's input with its batch axis, None where it is not known or there are several."""
    unseen.refuse(model)
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, dict) or (isinstance(shape, list | tuple) and shape and isinstance(shape[0], list | tuple)):
        raise ParameterError(f"model = {model.name!r} has several inputs. Allowed: a model of one input")
    return tuple(shape) if shape else None


def prepare(model: keras.Model, source: Source) -> Prepared:
    """Return the model ready to run, compiled at most once however often it is asked for.

    Raises `ParameterError` where the model, called with these images, does not give what `predict` gives: then it
    changes them on the way, and statistics measured on them would be those of other images.
    """
    images, labels = source.first
    found = _kept(model, images)
    if found is not None and compiled_as(model, "predict") in found.compared:
        return found
    images = images[np.resize(np.arange(len(images)), CHECKED)]
    labels = None if labels is None else labels[np.resize(np.arange(len(labels)), CHECKED)]
    expected = _predict(model, images)
    if found is None:
        seen = usage(model, images, labels)
        found = Prepared(Evaluator(model, seen), seen, set())
        # Beside the model's own attributes, so that Keras tracks and saves nothing of it.
        object.__setattr__(model, "_smallbatch_prepared", (_key(model, images), found))
    outputs = found.evaluator.predict(images).values
    _require_the_same(model, outputs, expected, images)
    if not found.evaluator.depends_on_batch:
        _require_of_single_images(found.evaluator, images, outputs)
    found.compared.add(compiled_as(model, "predict"))
    return found


def compiled_as(model: keras.Model, method: str) -> tuple:
    """Return what a method of the model runs as, as long as that cannot change: its compiled function.

    A new object each time, which is equal to no other, where it can: in a method of somebody's own, or uncompiled.
    """
    function = getattr(model, {"predict": "predict_function", "evaluate": "test_function"}[method], None)
    own = getattr(type(model), method) is not getattr(keras.Model, method) or method in vars(model)
    settled = function is not None and not own and not getattr(model, "run_eagerly", False)
    return method, function if settled else object()


def _kept(model, images) -> Prepared | None:
    key, found = vars(model).get("_smallbatch_prepared", (None, None))
    return found if key == _key(model, images) and found.evaluator.model is model else None


def _key(model, images) -> tuple:
    """Return what decides how batch norm runs, as far as it can change after a model was made."""
    flags = tuple((id(layer), layer.trainable) for layer in model._flatten_layers())
    steps = tuple(id(getattr(type(model), name, None)) for name in ("call", "train_step", "compute_loss"))
    return flags, steps, id(getattr(model, "optimizer", None)), images.dtype, images.shape[1:], keras.config.floatx()


@contextlib.contextmanager
def unchanged(model: keras.Model) -> Iterator[None]:
    """Put back what a model's own `predict` and `evaluate` change, where batch norm uses the batch even there."""
    kept = [(v, ops.convert_to_numpy(v)) for v in model.non_trainable_variables]
    try:
        yield
    finally:
        for variable, value in kept:
            if not np.array_equal(ops.convert_to_numpy(variable), value):
                variable.assign(value)


def _predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    seeds = [v for v in model.non_trainable_variables if "seed_generator_state" in v.path]
    before = [ops.convert_to_numpy(v) for v in seeds]
    with unchanged(model):
        outputs = _outputs_of_predict(model, images)
        if any((ops.convert_to_numpy(v) != old).any() for v, old in zip(seeds, before, strict=True)):
            _refuse_random(model)
    return outputs


def _outputs_of_predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    if "batch_size" not in inspect.signature(model.predict).parameters:
        outputs = model.predict(images)
    else:
        try:
            outputs = model.predict(images, batch_size=len(images), verbose=0)
        except Exception as error:
            raise DataError(
                f"model.predict fails on images of shape {images.shape[1:]} and type {images.dtype}: "
                f"{reason(error)}. Allowed: images that model.predict takes"
            ) from error
    if isinstance(outputs, dict | list | tuple):
        raise ParameterError(
            f"model = {model.name!r} has several outputs. Allowed: one, such as "
            "keras.Model(model.input, model.output[0])"
        )
    return np.asarray(outputs, np.float32)


def _require_the_same(model, outputs, expected, images) -> None:
    if not np.isfinite(expected).all():
        raise ParameterError(
            f"model = {model.name!r}: its outputs are not finite (NaN or infinite){_not_finite(model, images)}. "
            "Allowed: a model with finite outputs"
        )
    if _same(model, outputs, expected):
        return
    if not _same(model, _predict(model, images), expected):
        _refuse_random(model)
    raise ParameterError(
        f"model = {model.name!r}: predict gives other outputs than the model called with the same images, so it "
        "prepares them on the way. Allowed: a model that takes them as they are (a keras_hub task does with "
        "preprocessor=None), and images prepared beforehand"
    )


def _require_of_single_images(evaluator: Evaluator, images: np.ndarray, outputs: np.ndarray) -> None:
    """Raise `ParameterError` where the outputs for some images change with the others in their batch."""
    kept = len(images) // 2
    among_others = np.concatenate([images[:kept], np.resize(images[:1], (len(images) - kept, *images.shape[1:]))])
    again = evaluator.predict(among_others).values
    if not _same(evaluator.model, again[:kept], outputs[:kept]):
        raise ParameterError(
            f"model = {evaluator.model.name!r}: its predictions depend on which images share a batch, by something "
            "else than Keras's batch norm, so there is nothing fixed to judge. Allowed: a model that predicts each "
            "image by itself"
        )


def _same(model, values: np.ndarray, expected: np.ndarray) -> bool:
    """Return whether outputs agree but for rounding in the precision in which the model computes."""
    values = np.asarray(values, np.float32)
    allowed = TOLERANCE.get(keras.backend.standardize_dtype(model.compute_dtype or "float32"), HALF_PRECISION)
    if any(k.compute_dtype in ("float16", "bfloat16") for k in model._flatten_layers()):
        allowed = HALF_PRECISION
    if values.shape != expected.shape:
        return False
    return bool(np.abs(values - expected).max(initial=0.0) <= allowed * (1 + np.abs(expected).max(initial=0.0)))


def _not_finite(model, images: np.ndarray) -> str:
    """Return where the numbers come from that are not finite: a variable of the model, or else the images."""
    for variable in model.variables:
        if keras.backend.is_float_dtype(variable.dtype) and not np.isfinite(ops.convert_to_numpy(variable)).all():
            return f", and so is {variable.path!r}"
    return f" for images with values from {images.min():.3g} to {images.max():.3g}"


def _refuse_random(model: keras.Model) -> None:
    raise ParameterError(
        f"model = {model.name!r}: predict gives other outputs each time (is dropout or noise left on?), so there is "
        "nothing fixed to judge. Allowed: a model whose predictions are not random"
    )
