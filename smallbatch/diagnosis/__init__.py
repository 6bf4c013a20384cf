"""The front door for people with a model of their own: what its gap is made of, and a repair that does no harm.

Needs batch norm's room and what that stands on: Keras, NumPy, pandas, SciPy, and Matplotlib for the figure.
"""

from smallbatch.diagnosis.causes import LAG, NEVER, NOISE, NOISE_ON, SORTED_BATCHES, TINY
from smallbatch.diagnosis.diagnosing import Diagnosis, diagnose
from smallbatch.diagnosis.parts import AVERAGES, DIFFER, ORDER, OVERFITTING, SMALL_BATCH

__all__ = [
    "AVERAGES", "DIFFER", "LAG", "NEVER", "NOISE", "NOISE_ON", "ORDER", "OVERFITTING", "SMALL_BATCH", "SORTED_BATCHES",
    "TINY", "Diagnosis", "diagnose",
]  # fmt: skip
