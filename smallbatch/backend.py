"""Which framework computes: the choice between code for TensorFlow, for JAX and for PyTorch, in one place."""

import keras

from smallbatch.errors import ParameterError


def by_backend(tensorflow, jax, torch=None):
    """Return the argument for the backend that Keras uses; raise `ParameterError` where there is none for it."""
    name = keras.backend.backend()
    choices = {"tensorflow": tensorflow, "jax": jax} | ({} if torch is None else {"torch": torch})
    if name not in choices:
        raise ParameterError(f"KERAS_BACKEND = {name!r}. Allowed: {', '.join(choices)}")
    return choices[name]
