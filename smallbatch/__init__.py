"""Do small batches regularize? The Python behind the book: parameters, data, model, training, records.

Three things are of use without the rest, for any Keras model with batch norm: `diagnose`, `recalibrate` and the
callback `Recalibrated`.
"""

import importlib
import os

# TensorFlow reads these once, when it is imported. Its start-up messages would end up in notebooks.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# oneDNN's convolutions, which TensorFlow uses by itself on newer processors only: on one with AVX2 an epoch of the
# miniature takes a third less time with them.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

_PUBLIC = {
    "Recalibrated": "smallbatch.diagnosis.callback",
    "diagnose": "smallbatch.diagnosis.diagnosing",
    "recalibrate": "smallbatch.diagnosis.recalibrating",
}
__all__ = ["Recalibrated", "diagnose", "recalibrate"]


def __getattr__(name: str):
    # Loaded when first used: checking parameters and reading records must not wait for Keras.
    if name not in _PUBLIC:
        raise AttributeError(f"module 'smallbatch' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
