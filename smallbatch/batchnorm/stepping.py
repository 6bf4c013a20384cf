"""A model called on a few images as `fit` and as `predict` call it, with recorders in the place of batch norm."""

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from smallbatch.backend import by_backend
from smallbatch.batchnorm.layers import BatchNormalization as FusedBatchNormalization
from smallbatch.batchnorm.layers import FrozenBatchNormalization, GhostBatchNormalization
from smallbatch.batchnorm.watching import in_place_of_batch_norm
from smallbatch.errors import ParameterError

# What `fit` runs of a model, where a class of somebody's own may have put something else.
STEPS = ("train_step", "compute_loss", "compute_loss_and_updates")
# Images that reach the first batch norm of a training step this far from where they reach that of `predict`, as a
# distance of means in standard deviations and as a ratio of standard deviations, are not the same images any more.
# Augmentation stays well below.
FAR, RATIO = 1.0, 3.0


class Call(NamedTuple):
    """One call of a batch norm layer: whether it used the batch, whether a mask came, and for how many rows.

    `by_itself` where the layer did its arithmetic without that of Keras, so that nothing is known of it.
    """

    layer: keras.layers.BatchNormalization
    training: bool = False
    masked: bool = False
    rows: int = 0
    by_itself: bool = False


class Fed(NamedTuple):
    """What was seen: the calls in their order, the variables that were assigned, and the inputs of each layer.

    `inputs` holds mean and standard deviation per channel of a layer's first inputs, where they were computed at all.
    `raw` names variables that no Keras layer owns.
    """

    calls: list[Call]
    assigned: list
    inputs: dict
    raw: tuple[str, ...] = ()


def call_model(model: keras.Model, images, training: bool):
    """Return the model's outputs, called as Keras's own steps call it: with `training` where it takes that."""
    if "training" in inspect.signature(type(model).call).parameters:
        return model(images, training=training)
    return model(images)


def as_predict(model: keras.Model, layers: list, images: np.ndarray) -> Fed:
    """Return what batch norm gets when the model is called as `predict` calls it."""
    return _without_computing(model, layers, images, training=False)


def as_fit(model: keras.Model, layers: list, images: np.ndarray, labels: np.ndarray | None) -> Fed:
    """Return what batch norm gets in a step of training: the model's own where it has one, or that of Keras."""
    if not has_own_step(model):
        return _without_computing(model, layers, images, training=True)
    return _own_step(model, layers, images, labels)


def has_own_step(model: keras.Model) -> bool:
    """Return whether a step of training is not the one that Keras takes."""
    return any(
        name in vars(model) or getattr(type(model), name, None) is not getattr(keras.Model, name, None)
        for name in STEPS
    )


def fed_otherwise(model: keras.Model, layers: list, images: np.ndarray, fitted: Fed) -> None:
    """Raise `ParameterError` where the model's own step of training changes the images and `predict` does not."""
    if not fitted.inputs:
        return
    recorder = _Recorder(computes=True)
    with keras.StatelessScope(), recorder.recording(layers):
        call_model(model, ops.convert_to_tensor(images), training=False)
    first = next((layer for layer in recorder.inputs if layer in fitted.inputs), None)
    if first is None:
        return
    (mean, sd), (fit_mean, fit_sd) = recorder.inputs[first], fitted.inputs[first]
    scale = np.maximum(sd, 1e-6)
    distance = np.sqrt(np.mean(np.square((fit_mean - mean) / scale)))
    ratio = np.exp(np.mean(np.abs(np.log(np.maximum(fit_sd, 1e-6) / scale))))
    if distance > FAR or ratio > RATIO:
        raise ParameterError(
            f"model = {model.name!r}: its train_step changes the images before the model sees them, and predict does "
            "not: what they would be in training cannot be told. Allowed: a model whose call prepares its images"
        )


class _Recorder:
    def __init__(self, computes: bool = False):
        self.calls, self.inputs, self._computes = [], {}, computes

    @contextlib.contextmanager
    def recording(self, layers: list) -> Iterator[None]:
        foreign = [layer for layer in layers if _has_own_call(layer)]
        for layer in foreign:
            layer.call = functools.partial(self._foreign, layer)
        try:
            with in_place_of_batch_norm(layers, self._instead):
                yield
        finally:
            for layer in foreign:
                del layer.call

    def _instead(self, layer, original, inputs, training, mask):
        flag = _flag(training) and bool(layer.trainable)
        self.calls.append(Call(layer, flag, mask is not None, inputs.shape[0] or 1))
        if self._computes and layer not in self.inputs:
            self._keep(layer, inputs)
        return original(training)

    def _foreign(self, layer, *args, **kwargs):
        before = len(self.calls)
        outputs = type(layer).call(layer, *args, **kwargs)
        if not any(call.layer is layer for call in self.calls[before:]):
            self.calls.append(Call(layer, by_itself=True))
        return outputs

    def _keep(self, layer, inputs):
        axis = layer.axis % len(inputs.shape)
        others = [k for k in range(len(inputs.shape)) if k != axis]
        mean, variance = ops.moments(ops.cast(inputs, "float32"), axes=others)
        self.inputs[layer] = None

        def keep(mean, variance):
            self.inputs[layer] = (np.asarray(mean), np.sqrt(np.asarray(variance)))

        if keras.backend.backend() == "jax":  # under a gradient the numbers come out by a callback alone
            import jax

            jax.debug.callback(keep, mean, variance)
        else:
            keep(ops.convert_to_numpy(ops.stop_gradient(mean)), ops.convert_to_numpy(ops.stop_gradient(variance)))


def _has_own_call(layer) -> bool:
    known = (FusedBatchNormalization, GhostBatchNormalization, FrozenBatchNormalization)
    return type(layer) not in known and type(layer).call is not keras.layers.BatchNormalization.call


def _flag(training) -> bool:
    if training is None:
        return False
    try:
        return bool(training)
    except Exception:  # a tensor of a graph that is being traced
        import tensorflow as tf

        return bool(tf.get_static_value(training))


def _without_computing(model, layers, images, training: bool) -> Fed:
    recorder, assigned = _Recorder(), []

    def run(inputs):
        with keras.StatelessScope() as scope, recorder.recording(layers):
            outputs = call_model(model, inputs, training)
            variables = model.non_trainable_variables
            assigned.extend(v for v in variables if scope.get_current_value(v) is not None)
        return outputs

    raw = by_backend(tensorflow=_trace_tensorflow, jax=_trace_jax, torch=_run_torch)(run, images)
    return Fed(recorder.calls, assigned, recorder.inputs, tuple(raw))


def _trace_tensorflow(run: Callable, images: np.ndarray) -> list[str]:
    import tensorflow as tf

    graph = tf.function(run, autograph=False).get_concrete_function(tf.convert_to_tensor(images)).graph
    # Keras's variables are not assigned in a stateless scope, so these belong to something else.
    return [op.name for op in graph.get_operations() if op.type.startswith("Assign") and "Variable" in op.type]


def _trace_jax(run: Callable, images: np.ndarray) -> list[str]:
    import jax

    jax.eval_shape(run, images)
    return []


def _run_torch(run: Callable, images: np.ndarray) -> list[str]:
    import torch

    with torch.no_grad():
        run(ops.convert_to_tensor(images))
    return []


def _own_step(model, layers, images, labels) -> Fed:
    """Take one step of training on a few images, and put every variable back."""
    if not model.compiled:
        raise ParameterError(
            f"model = {model.name!r} has a train_step of its own and is not compiled, so it cannot be seen what "
            "training does. Allowed: a compiled model"
        )
    recorder = _Recorder(computes=True)
    parts = [images] if labels is None else [images, labels]
    data = tuple(ops.convert_to_tensor(part) for part in parts)
    kept = [(v, ops.convert_to_numpy(v)) for v in _variables(model)]
    try:
        with recorder.recording(layers):
            by_backend(tensorflow=_step, jax=_step_in_jax, torch=_step)(model, data)
    except ParameterError:
        raise
    except Exception as error:
        needed = "" if labels is not None else " It may need labels: give a pair (images, labels)."
        raise ParameterError(
            f"model = {model.name!r} has a train_step of its own, which fails on these data, so it cannot be seen what "
            f"training does: {reason(error)}.{needed}"
        ) from error
    finally:
        for variable, value in kept:
            variable.assign(value)
    return Fed(recorder.calls, [], {k: v for k, v in recorder.inputs.items() if v is not None})


def reason(error: Exception) -> str:
    """Return the line of an error that says what went wrong: Keras puts where it happened in front of it."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith("Exception encountered")]
    return f"{type(error).__name__}: {said[0][:300].rstrip('.') if said else ''}"


def _variables(model) -> list:
    optimizers = [
        o
        for o in [*vars(model).values(), getattr(model, "optimizer", None)]
        if isinstance(o, keras.optimizers.Optimizer)
    ]
    found = [*model.variables, *model.metrics_variables, *(v for o in optimizers for v in o.variables)]
    return list({id(v): v for v in found}.values())


def _step(model, data) -> None:
    model.train_step(data)


def _step_in_jax(model, data) -> None:
    import jax

    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if hasattr(model, "_symbolic_build"):
        model._symbolic_build(data_batch=data)
    groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)
    state = [[v.value for v in group] for group in (*groups, model.metrics_variables)]
    model.train_step(tuple(state), data)
    jax.effects_barrier()
