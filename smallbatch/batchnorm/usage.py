"""What each batch norm of a model really does: found out by calling the model as `fit` and as `predict` call it.

A layer's `trainable` says little. Which flag and which mask reach it depends on the code around it: a `call` without
`training`, a `train_step` that forgot it, a layer forced to one mode, a mask from an embedding, a loop of a recurrent
layer. So the model is called on a few images with recorders in the place of batch norm, and nothing is assumed.
"""

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from smallbatch.batchnorm import unseen
from smallbatch.batchnorm.layers import FrozenBatchNormalization
from smallbatch.batchnorm.observed import batch_norm_layers
from smallbatch.batchnorm.stepping import Fed, as_fit, as_predict, fed_otherwise
from smallbatch.errors import ParameterError

# What a layer does. Only the first kind has moving averages that recalibration may replace.
BATCHES = "uses the statistics of batches in training and its moving averages afterwards"
FROZEN = "is frozen (trainable = False)"
CONSTANT = "does not use the statistics of batches in training: no training=True reaches it"
FORCED = "uses the statistics of the batch in predict too: it is called with training=True"
NOT_RUN = "does not run in predict"
NOT_TRAINED = "does not run in training"
MIXED = "runs both with and without the statistics of batches in training"
OWN = "computes its statistics by code of its own"
LOOP = "runs inside of a recurrent layer"
OTHER_AXIS = "does not get one row per image"
# With these the statistics of a batch cannot be computed as training does.
NOT_TO_BE_SEEN = (MIXED, OWN, LOOP, OTHER_AXIS)

# Two numbers of images that share no divisor tell how many rows a layer gets per image.
IMAGES_AS_FIT, IMAGES_AS_PREDICT = 11, 7


@dataclass(frozen=True)
class Use:
    """One batch norm layer, what it does (one of the constants of this module), and whether a mask reaches it."""

    layer: keras.layers.BatchNormalization
    role: str
    masked: bool = False

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.name

    @property
    def never_updated(self) -> bool:
        """Whether the moving averages are still at exactly 0 and 1, where Keras starts them."""
        mean, variance = (keras.ops.convert_to_numpy(v) for v in (self.layer.moving_mean, self.layer.moving_variance))
        return bool((mean == 0).all() and (variance == 1).all())


class Usage(NamedTuple):
    """The batch norm layers in the order in which `predict` runs them (those that it does not run come last)."""

    uses: tuple[Use, ...]

    def having(self, *roles: str) -> list[Use]:
        """Return the layers of these roles."""
        return [use for use in self.uses if use.role in roles]

    @property
    def layers(self) -> list[keras.layers.BatchNormalization]:
        """The layers whose statistics are those of batches in training: the ones that can be recalibrated."""
        return [use.layer for use in self.having(BATCHES)]


def usage(model: keras.Model, images: np.ndarray, labels: np.ndarray | None = None) -> Usage:
    """Return what each batch norm layer does when the model is called as `fit` and as `predict` do.

    `images` (n, ...), with `labels` (n, ...) where the model has a `train_step` of its own that needs them; a few are
    enough. The model must be built. It stays as it is. Raises `ParameterError` for models whose batch norm cannot be
    looked at, and where training changes the images before the model sees them.
    """
    unseen.refuse(model)
    in_loops = unseen.in_recurrent_cells(model)
    layers = [layer for layer in batch_norm_layers(model) if not any(layer is other for other in in_loops)]
    few = [np.resize(np.arange(len(images)), n) for n in (IMAGES_AS_PREDICT, IMAGES_AS_FIT)]
    predicted = as_predict(model, layers, images[few[0]])
    fitted = as_fit(model, layers, images[few[1]], None if labels is None else labels[few[1]])
    unseen.refuse_state(model, [*layers, *in_loops], predicted, fitted)
    fed_otherwise(model, layers, images[few[1]], fitted)
    order = list(dict.fromkeys(call.layer for call in predicted.calls))
    others = [layer for layer in layers if not any(layer is seen for seen in order)]
    uses = [_use(layer, predicted, fitted) for layer in [*order, *others]]
    return Usage((*uses, *(Use(layer, LOOP) for layer in in_loops)))


def refuse_what_cannot_be_seen(found: Usage) -> None:
    """Raise `ParameterError` where the statistics of a batch cannot be computed as training does."""
    hidden = found.having(*NOT_TO_BE_SEEN)
    if hidden:
        raise ParameterError(
            f"model: batch norm layer {hidden[0].name!r} ({type(hidden[0].layer).__name__}) {hidden[0].role}"
            f"{f', and {len(hidden) - 1} more like it' if len(hidden) > 1 else ''}, so what it does in training cannot "
            "be told. Allowed: keras.layers.BatchNormalization, called once per step of training, on one row per image"
        )


def _use(layer, predicted: Fed, fitted: Fed) -> Use:
    in_predict = [call for call in predicted.calls if call.layer is layer]
    in_fit = [call for call in fitted.calls if call.layer is layer]
    return Use(layer, _role(layer, in_predict, in_fit), any(call.masked for call in [*in_predict, *in_fit]))


def _role(layer, in_predict: list, in_fit: list) -> str:
    if isinstance(layer, FrozenBatchNormalization) or not layer.trainable:
        return FROZEN
    if any(call.by_itself for call in [*in_predict, *in_fit]):
        return OWN
    if not in_predict:
        return NOT_RUN
    if any(call.training for call in in_predict):
        return FORCED
    if not in_fit:
        return NOT_TRAINED
    flags = {call.training for call in in_fit}
    if flags == {False}:
        return CONSTANT
    if len(flags) == 2:
        return MIXED
    return BATCHES if _per_image(in_predict, IMAGES_AS_PREDICT) and _per_image(in_fit, IMAGES_AS_FIT) else OTHER_AXIS


def _per_image(calls: list, images: int) -> bool:
    return all(call.rows % images == 0 for call in calls)
