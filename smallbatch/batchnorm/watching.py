"""Another function in the place of batch norm's arithmetic, for as long as a model is run or traced.

The class is patched, not the layers: so a layer of somebody's own that calls `super().call(...)` is met where it
normalizes, with the flag and the mask that arrive there. Layers that are not asked for keep their arithmetic.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator

import keras

from smallbatch.batchnorm import layers as ours

# These do their arithmetic by themselves, so they are met one level further out.
_BY_THEMSELVES = (ours.BatchNormalization, ours.GhostBatchNormalization, ours.FrozenBatchNormalization)


@contextlib.contextmanager
def in_place_of_batch_norm(model_layers: list, instead: Callable) -> Iterator[None]:
    """Call `instead(layer, original, inputs, training, mask)` where one of `model_layers` would normalize.

    `original(training)` does what the layer would have done, with that flag.
    """
    watched, inside = {id(layer) for layer in model_layers}, set()
    keras_call = keras.layers.BatchNormalization.call

    def dispatch(call, layer, inputs, training=None, mask=None):
        if id(layer) not in watched or id(layer) in inside:
            return call(layer, inputs, training=training, mask=mask)
        inside.add(id(layer))
        try:
            return instead(layer, lambda flag: call(layer, inputs, training=flag, mask=mask), inputs, training, mask)
        finally:
            inside.discard(id(layer))

    # A function, so that it binds to the layer as the method does that it replaces.
    def base_call(self, inputs, training=None, mask=None):
        return dispatch(keras_call, self, inputs, training, mask)

    patched = [layer for layer in model_layers if type(layer) in _BY_THEMSELVES]
    keras.layers.BatchNormalization.call = base_call
    for layer in patched:
        layer.call = functools.partial(dispatch, type(layer).call, layer)
    try:
        yield
    finally:
        keras.layers.BatchNormalization.call = keras_call
        for layer in patched:
            del layer.call
