"""Evaluations of a trained model, on train, validation and test alike."""

import keras

from smallbatch.data import Data
from smallbatch.training import EVALUATION_BATCH_SIZE, Batches


def evaluate(model: keras.Model, data: Data) -> dict[str, dict[str, float]]:
    """Return mean loss (nats) and accuracy (share) of each split with batch norm's moving averages ("moving")."""
    return {
        name: model.evaluate(Batches(split, EVALUATION_BATCH_SIZE), verbose=0, return_dict=True)
        for name, split in data.splits().items()
    }
