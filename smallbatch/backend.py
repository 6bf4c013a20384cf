"""Which framework computes: the choice between code for TensorFlow and code for JAX, in one place."""

import keras

from smallbatch.errors import ParameterError


def by_backend(tensorflow, jax):
    """Return the argument for the backend that Keras uses; raise `ParameterError` where it is another one."""
    name = keras.backend.backend()
    if name not in ("tensorflow", "jax"):
        raise ParameterError(f"KERAS_BACKEND = {name!r}. Allowed: tensorflow, jax")
    return {"tensorflow": tensorflow, "jax": jax}[name]
