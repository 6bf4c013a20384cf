"""A model's outputs with moving-average, per-batch or other statistics, compiled once for all of them.

The statistics go in as arguments: nothing is assigned to the model at any time, so nothing has to be put back.
"""

import functools
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from smallbatch.backend import by_backend
from smallbatch.batchnorm.layers import normalize_in_groups, pooled, position_weights
from smallbatch.batchnorm.observed import Statistics
from smallbatch.batchnorm.stepping import call_model
from smallbatch.batchnorm.usage import BATCHES, FORCED, FROZEN, Usage
from smallbatch.batchnorm.watching import in_place_of_batch_norm
from smallbatch.errors import ParameterError


class Block(NamedTuple):
    """What one call of a layer saw: mean and variance per row (rows, channels), and how much a row counts (rows,).

    There are as many rows as images, or the same number of rows for each image. `weight` is None where no mask came.
    """

    mean: np.ndarray
    variance: np.ndarray
    weight: np.ndarray | None


class Outputs(NamedTuple):
    """The model's outputs (n, ...), their mask (n, ...) or None, and the blocks of each layer of `measured`."""

    values: np.ndarray
    mask: np.ndarray | None
    blocks: list[list[Block]]


class Way(NamedTuple):
    """How the model is run: `in_batches` with the statistics of groups of images, and from which layer on.

    `noise` leaves dropout and its like on, as in training.
    """

    in_batches: bool = False
    n_fixed: int = 0
    noise: bool = False


class Evaluator:
    """A model of known usage, run as `predict` runs it or with the statistics of batches; compiled at first use."""

    def __init__(self, model: keras.Model, usage: Usage):
        self.model, self.usage = model, usage
        self.layers = usage.layers
        # Frozen layers are measured too: do their constants fit these images?
        self.measured = [use.layer for use in usage.having(BATCHES, FROZEN)]
        self._forced = [use.layer for use in usage.having(FORCED)]
        self._variables = [v for layer in self.layers for v in (layer.moving_mean, layer.moving_variance)]
        self._run = by_backend(tensorflow=_in_tensorflow, jax=_in_jax, torch=_in_torch)(
            model, self._variables, self._call
        )

    @property
    def depends_on_batch(self) -> bool:
        """Whether the outputs of `predict` depend on which images share a batch."""
        return bool(self._forced)

    @property
    def multiple(self) -> int:
        """The number of images that ghost batch norm wants a batch to be a multiple of."""
        return int(np.lcm.reduce([getattr(layer, "ghost_batch_size", 1) for layer in self.layers] or [1]))

    def moving_averages(self) -> Statistics:
        """Return the moving averages of the layers that use batches."""
        values = [ops.convert_to_numpy(v) for v in self._variables]
        return list(zip(values[::2], values[1::2], strict=True))

    def predict(self, images: np.ndarray, statistics: Statistics | None = None) -> Outputs:
        """Return the outputs as `predict` gives them, with `statistics` in the place of the moving averages."""
        return self._outputs(images, len(images), statistics, Way())

    def in_batches(
        self, images: np.ndarray, size: int, n_fixed: int = 0, noise: bool = False, seed: int = 0
    ) -> Outputs:
        """Return the outputs with each `size` consecutive images normalized together, as in training.

        The first `n_fixed` layers use their moving averages. n is a multiple of `size`.
        """
        return self._outputs(images, size, None, Way(True, n_fixed, noise), seed)

    def _outputs(self, images, size, statistics, way, seed=0) -> Outputs:
        values = [part for pair in statistics or self.moving_averages() for part in pair]
        values = [np.asarray(value, v.dtype) for value, v in zip(values, self._variables, strict=True)]
        try:
            outputs, mask, blocks = self._run(images, size, values, seed, way)
        except (TypeError, ValueError, RuntimeError) as error:
            if "leak" in str(error) or "out of scope" in str(error):
                raise ParameterError(
                    f"model = {self.model.name!r}: batch norm runs inside of a loop, where it cannot be looked at. "
                    "Allowed: batch norm outside of loops"
                ) from error
            raise
        numbers = [[Block(*(None if p is None else _numpy(p) for p in block)) for block in each] for each in blocks]
        return Outputs(_numpy(outputs), None if mask is None else _numpy(mask), numbers)

    def _call(self, images, size, way: Way):
        """Run the model; called while it is traced, in a stateless scope that holds the statistics."""
        blocks = {id(layer): [] for layer in self.measured}
        n_images = ops.shape(images)[0]

        def instead(layer, original, inputs, training, mask):
            block = None
            if way.in_batches and id(layer) in blocks:
                block = _block(layer, inputs, mask)
                blocks[id(layer)].append(block)
            rows = ops.shape(inputs)[0] // n_images
            place = next((k for k, other in enumerate(self.layers) if other is layer), None)
            if way.in_batches and place is not None and place >= way.n_fixed:
                group = getattr(layer, "ghost_batch_size", size) * rows
                return normalize_in_groups(layer, inputs, group, mask, pooled(*block, group))[0]
            if way.in_batches and any(other is layer for other in self._forced):
                return normalize_in_groups(layer, inputs, size * rows, mask)[0]
            return original(training if any(other is layer for other in self._forced) else False)

        with in_place_of_batch_norm([*self.measured, *self._forced], instead):
            outputs = call_model(self.model, images, training=way.noise)
        if isinstance(outputs, dict | list | tuple):
            raise ParameterError(
                f"model = {self.model.name!r} has several outputs. Allowed: one, such as "
                "keras.Model(model.input, model.output[0])"
            )
        mask = _mask_of(outputs)
        return outputs, mask, [blocks[id(layer)] if way.in_batches else [] for layer in self.measured]


def _block(layer, inputs, mask):
    """Return mean, variance and weight per row, in float32 at least."""
    axes = [k for k in range(1, len(inputs.shape)) if k != layer.axis % len(inputs.shape)]
    inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    if mask is None:
        return (*(ops.moments(inputs, axes=axes) if axes else (inputs, ops.zeros_like(inputs))), None)
    weight = position_weights(mask, inputs)
    total = ops.sum(weight, axis=axes)
    mean = ops.sum(ops.where(weight > 0, inputs, 0.0), axis=axes) / ops.maximum(total, 1.0)
    around = ops.expand_dims(mean, axes) if axes else mean
    square = ops.where(weight > 0, ops.square(inputs - around), 0.0)
    return mean, ops.sum(square, axis=axes) / ops.maximum(total, 1.0), total[:, 0]


def _mask_of(outputs):
    try:
        from keras.src.backend.common.masking import get_keras_mask
    except ImportError:  # older versions keep it at the tensor
        return getattr(outputs, "_keras_mask", None)
    return get_keras_mask(outputs)


def _numpy(tensor) -> np.ndarray:
    array = ops.convert_to_numpy(tensor)
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype.name == "bfloat16" else array


def _seeds(model, seed) -> list:
    """Return the states of the model's random generators moved on, so that each chunk has noise of its own."""
    states = [v for v in model.non_trainable_variables if "seed_generator_state" in v.path]
    return [(v, v.value + ops.cast(seed, v.dtype)) for v in states]


def _in_tensorflow(model, variables, call):
    import tensorflow as tf

    compiled = {}

    def program(way):
        def body(images, size, values, seed):
            noise = _seeds(model, seed) if way.noise else []
            with keras.StatelessScope([*zip(variables, values, strict=True), *noise]):
                return call(images, size, way)

        return tf.function(body, autograph=False)

    def run(images, size, values, seed, way):
        # As tensors the numbers do not start new traces.
        arguments = tf.convert_to_tensor(images), tf.constant(size), [tf.constant(v) for v in values], tf.constant(seed)
        key = way, images.shape, images.dtype
        if key not in compiled:
            compiled[key] = program(way).get_concrete_function(*arguments)
        return compiled[key](*arguments)

    return run


def _in_jax(model, variables, call):
    import jax

    every = [*model.trainable_variables, *model.non_trainable_variables]

    @functools.partial(jax.jit, static_argnums=(2, 3))
    def compiled(state, images, size, way):
        with keras.StatelessScope(zip(every, state, strict=True)):
            return call(images, size, way)

    def run(images, size, values, seed, way):
        changed = {id(v): value for v, value in zip(variables, values, strict=True)}
        changed |= {id(v): value for v, value in (_seeds(model, seed) if way.noise else [])}
        return compiled([changed.get(id(v), v.value) for v in every], images, size, way)

    return run


def _in_torch(model, variables, call):
    import torch

    def run(images, size, values, seed, way):
        noise = _seeds(model, seed) if way.noise else []
        with torch.no_grad(), keras.StatelessScope([*zip(variables, values, strict=True), *noise]):
            return call(ops.convert_to_tensor(images), size, way)

    return run
