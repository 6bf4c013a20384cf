"""The arms of normalization: layers that take the place of batch norm in a network, and know nothing of it.

They change over which images the statistics of a channel are taken, and nothing else: all keep batch norm's
epsilon, and its shift without a scale where it has none.
"""

from collections.abc import Sequence

import keras
from keras import ops

# The published network's widths are all divisible by it (Wu & He 2018 use 32 for other networks).
GROUPS_AT_FULL_WIDTH = 16


def layer(
    kind: str,
    batch_norm: dict,
    ghost_batch_size: int | None = None,
    width: float = 1.0,
    followed_momenta: Sequence[float] = (),
) -> keras.layers.Layer:
    """Return the layer of a condition (`batch`, `ghost`, `group` or `frozen`) that replaces a batch norm.

    `batch_norm` is the config of the replaced layer, `width` the fraction of its channels that the network keeps;
    `followed_momenta` are those of further moving averages, for `batch` and `ghost`.
    """
    if kind == "batch":
        return BatchNormalization(followed_momenta=followed_momenta, **batch_norm)
    if kind == "ghost":
        return GhostBatchNormalization(ghost_batch_size, followed_momenta=followed_momenta, **batch_norm)
    if kind == "frozen":
        return FrozenBatchNormalization.from_config(batch_norm)
    shared = ("name", "axis", "epsilon", "center", "scale", "dtype")
    return GroupNormalization(groups(width), **{key: batch_norm[key] for key in shared})


def groups(width: float) -> int:
    """Return the number of groups of group norm, so that a group has as many channels as at full width."""
    return int(GROUPS_AT_FULL_WIDTH * width)


class FollowingBatchNormalization(keras.layers.BatchNormalization):
    """Batch norm that can follow further moving averages, of other momenta, beside its own.

    They are updated as its own are and never used, so that one training tells what each momentum would have led to.
    `followed_mean` and `followed_variance`, both (momenta, channels), are weights of the layer.
    """

    def __init__(self, followed_momenta: Sequence[float] = (), **kwargs):
        super().__init__(**kwargs)
        self.followed_momenta = tuple(followed_momenta)

    def build(self, input_shape):
        """Add the followed averages, which start where the layer's own do."""
        super().build(input_shape)
        if not self.followed_momenta:
            return
        shape = (len(self.followed_momenta), input_shape[self.axis])
        for name, initializer in (
            ("followed_mean", self.moving_mean_initializer),
            ("followed_variance", self.moving_variance_initializer),
        ):
            variable = self.add_weight(shape=shape, name=name, initializer=initializer, trainable=False, autocast=False)
            setattr(self, name, variable)

    def followed_averages(self, place: int) -> tuple:
        """Return mean and variance, both (channels,), of the followed momentum at this place of the list."""
        return tuple(ops.convert_to_numpy(v)[place] for v in (self.followed_mean, self.followed_variance))

    def get_config(self):
        """Return what the layer is made from."""
        followed = {"followed_momenta": list(self.followed_momenta)} if self.followed_momenta else {}
        return super().get_config() | followed

    def _follow(self, mean, variance) -> None:
        """Take the followed averages one step towards the statistics of a batch, both (channels,)."""
        if not self.followed_momenta:
            return
        # One operation for all momenta; each is rounded as Keras rounds a single one.
        kept, added = (
            ops.reshape(ops.convert_to_tensor(shares, "float32"), (-1, 1))
            for shares in (list(self.followed_momenta), [1.0 - momentum for momentum in self.followed_momenta])
        )
        for followed, value in ((self.followed_mean, mean), (self.followed_variance, variance)):
            followed.assign(followed * kept + ops.reshape(ops.cast(value, "float32"), (1, -1)) * added)

    def _moments(self, inputs, mask):
        # Where Keras's own layer computes, this is its only call that has the statistics of the batch.
        mean, variance = super()._moments(inputs, mask)
        self._follow(mean, variance)
        return mean, variance


@keras.saving.register_keras_serializable("smallbatch")
class BatchNormalization(FollowingBatchNormalization):
    """Keras's batch norm, computed by TensorFlow's fused kernel where there is one.

    Keras 3 puts batch norm together from many operations, each of which reads the whole map from memory again; the
    kernel gives the same numbers up to rounding. It takes maps with the channels last; for anything else, and for
    other backends, this is Keras's own layer.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalize (n, ..., channels) to the same shape."""
        is_map = len(inputs.shape) == 4 and self.axis % 4 == 3 and mask is None and not self.renorm
        if keras.backend.backend() != "tensorflow" or not is_map or inputs.dtype != "float32":
            return super().call(inputs, training=training, mask=mask)
        if not (training and self.trainable):
            return self._fused(inputs, self.moving_mean, self.moving_variance)[0]
        outputs, mean, variance = self._fused(inputs)
        count = ops.cast(ops.size(inputs) / inputs.shape[-1], "float32")
        # The kernel's variance is that of a sample, Keras keeps that of the batch itself.
        statistics = (mean, variance * (count - 1) / count)
        for moving, value in zip((self.moving_mean, self.moving_variance), statistics, strict=True):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        # Put differently on purpose: TensorFlow would share the product above, and then round the layer's own averages
        # in another way than without followed ones.
        self._follow(mean, variance - variance / count)
        return outputs

    def _fused(self, inputs, mean=None, variance=None):
        import tensorflow as tf

        ones = ops.ones(inputs.shape[-1])
        is_training = mean is None
        return tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma if self.scale else ones,
            offset=self.beta if self.center else 0 * ones,
            mean=[] if is_training else mean,
            variance=[] if is_training else variance,
            epsilon=self.epsilon,
            is_training=is_training,
        )[:3]


@keras.saving.register_keras_serializable("smallbatch")
class GhostBatchNormalization(FollowingBatchNormalization):
    """Batch norm that normalizes every `ghost_batch_size` images of a batch by themselves (Hoffer et al. 2017, 4.1).

    The moving averages take one step per batch, towards the mean of its ghost batches' statistics, so that their
    memory in images does not depend on the ghost size. The batch has to be a multiple of it.
    """

    def __init__(self, ghost_batch_size: int, **kwargs):
        super().__init__(**kwargs)
        self.ghost_batch_size = ghost_batch_size

    def call(self, inputs, training=None, mask=None):
        """Normalize (n, ..., channels) to the same shape."""
        if not (training and self.trainable):
            return super().call(inputs, training=False, mask=mask)
        outputs, mean, variance = normalize_in_groups(self, inputs, self.ghost_batch_size)
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + ops.mean(value, axis=0) * (1.0 - self.momentum))
        self._follow(ops.mean(mean, axis=0), ops.mean(variance, axis=0))
        return outputs

    def get_config(self):
        """Return what the layer is made from."""
        return super().get_config() | {"ghost_batch_size": self.ghost_batch_size}


@keras.saving.register_keras_serializable("smallbatch")
class FrozenBatchNormalization(BatchNormalization):
    """Batch norm with constant statistics, in training too: a fixed scale and a shift that is still learned."""

    def call(self, inputs, training=None, mask=None):
        """Normalize (n, ..., channels) to the same shape."""
        return super().call(inputs, training=False, mask=mask)


@keras.saving.register_keras_serializable("smallbatch")
class GroupNormalization(keras.layers.GroupNormalization):
    """Group norm (Wu & He 2018) that can stand where batch norm stood, and so accepts its `training` and `mask`."""

    def call(self, inputs, training=None, mask=None):
        """Normalize (n, ..., channels) to the same shape."""
        return super().call(inputs)


def normalize_in_groups(batch_norm: keras.layers.BatchNormalization, inputs, size: int, mask=None, moments=None):
    """Return batch norm's output with each `size` consecutive images normalized by their own statistics.

    `inputs` is (n, ..., channels) with n a multiple of `size`. Also returns the statistics used: mean and (biased)
    variance, both (n / size, channels). `mask` (n, ...), as Keras hands it to the layer, is true where a position
    counts. The layer's moving averages are left alone. Batch renormalization (`renorm=True`) is computed as in
    training, with its corrections r and d (Ioffe 2017). `moments` saves computing the statistics: those of `pooled`.
    """
    inputs = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    axis = batch_norm.axis % len(inputs.shape)
    # (n, ...) becomes (n / size, size, ...); the channel axis moves one to the right.
    grouped = ops.reshape(inputs, (-1, size, *ops.shape(inputs)[1:]))
    others = [k for k in range(1, len(inputs.shape) + 1) if k != axis + 1]
    channels = inputs.shape[axis]
    per_channel = [1] * len(grouped.shape)
    per_channel[axis + 1] = -1
    if moments is None:
        weight = None if mask is None else ops.reshape(position_weights(mask, inputs), ops.shape(grouped))
        mean, variance = _moments(grouped, others, weight)
    else:
        of_groups = [-1, *(channels if k == axis + 1 else 1 for k in range(1, len(grouped.shape)))]
        mean, variance = (ops.reshape(part, of_groups) for part in moments)
    scale = ops.rsqrt(variance + batch_norm.epsilon)
    shift = None
    if getattr(batch_norm, "renorm", False):
        r, shift = _renormalization(batch_norm, mean, variance, per_channel)
        scale = scale * r
    if batch_norm.scale:
        gamma = ops.reshape(ops.cast(batch_norm.gamma, inputs.dtype), per_channel)
        scale = scale * gamma
        shift = None if shift is None else shift * gamma
    outputs = (grouped - mean) * scale
    if shift is not None:
        outputs = outputs + shift
    if batch_norm.center:
        outputs = outputs + ops.reshape(ops.cast(batch_norm.beta, inputs.dtype), per_channel)
    outputs = ops.cast(ops.reshape(outputs, ops.shape(inputs)), batch_norm.compute_dtype)
    return outputs, ops.reshape(mean, (-1, channels)), ops.reshape(variance, (-1, channels))


def pooled(mean, variance, weight, size: int):
    """Return mean and variance of each `size` consecutive rows, (n / size, channels), from those of each row.

    `mean` and `variance` are (n, channels); `weight` (n,), how many positions of a row count, None where all do.
    """
    shape = (-1, size, mean.shape[-1])
    mean, variance = ops.reshape(mean, shape), ops.reshape(variance, shape)
    ones = ops.ones_like(mean[..., :1]) if weight is None else ops.reshape(weight, (-1, size, 1))
    total = ops.maximum(ops.sum(ones, axis=1, keepdims=True), 1.0)
    of_group = ops.sum(mean * ones, axis=1, keepdims=True) / total
    around = ops.sum((variance + ops.square(mean - of_group)) * ones, axis=1, keepdims=True) / total
    return of_group[:, 0], around[:, 0]


def position_weights(mask, inputs):
    """Return a mask (n, ...) as weights 0 and 1 of the shape of `inputs` (n, ..., channels), as Keras reads it."""
    return ops.broadcast_to(ops.cast(ops.expand_dims(mask, -1), inputs.dtype), ops.shape(inputs))


def _moments(grouped, axes: list[int], weight):
    if weight is None:
        return ops.moments(grouped, axes=axes, keepdims=True)
    total = ops.maximum(ops.sum(weight, axis=axes, keepdims=True), 1.0)
    mean = ops.sum(ops.where(weight > 0, grouped, 0.0), axis=axes, keepdims=True) / total
    square = ops.where(weight > 0, ops.square(grouped - mean), 0.0)
    return mean, ops.sum(square, axis=axes, keepdims=True) / total


def _renormalization(batch_norm, mean, variance, per_channel: list[int]):
    """Return the corrections r and d by which a renormalizing layer leans on its running statistics."""
    clipping = batch_norm.renorm_clipping or {}
    running_mean = ops.cast(ops.reshape(batch_norm.renorm_mean, per_channel), mean.dtype)
    running_sd = ops.cast(ops.reshape(batch_norm.renorm_stddev, per_channel), mean.dtype)
    running_sd = ops.maximum(running_sd, batch_norm.epsilon**0.5)
    r = ops.sqrt(variance + batch_norm.epsilon) / running_sd
    d = (mean - running_mean) / running_sd
    if clipping.get("rmin") is not None:
        r = ops.maximum(r, clipping["rmin"])
    if clipping.get("rmax") is not None:
        r = ops.minimum(r, clipping["rmax"])
    if clipping.get("dmax") is not None:
        d = ops.clip(d, -clipping["dmax"], clipping["dmax"])
    return r, d
