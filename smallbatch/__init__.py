"""Do small batches regularize? The Python behind the book: parameters, data, model, training, records."""

import os

# TensorFlow reads this once, when it is imported; its start-up messages would end up in notebooks.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

__version__ = "0.1.0"
