"""What the repetitions differ in: the split of the data, the initial weights, and the order of the examples.

Nothing of it depends on batch size or learning rate, so that within a repetition these are paired.
"""

import numpy as np
from sklearn import datasets

from smallbatch.measurements.wilson_martinez.parameters import HOLDOUT_FRACTION, TEST_FRACTION, Config
from smallbatch.measurements.wilson_martinez.small_networks import Examples, Sets, Weights
from smallbatch.training.data.sampling import stratified_split, stratified_subset


def _generator(config: Config, repetition: int, *what: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, repetition, *what])


def load(config: Config) -> Sets:
    """Return the data set, split anew for each repetition, classes in proportion; half of it is for training.

    Inputs are standardized with the mean and standard deviation of their repetition's training examples. All arrays
    are float32 and start with the axis of repetitions.
    """
    inputs, labels = getattr(datasets, f"load_{config.dataset}")(return_X_y=True)
    splits = [_split(inputs, labels, config, repetition) for repetition in range(config.repetitions)]
    parts = []
    for part in zip(*splits, strict=True):
        parts.append(Examples(*(np.stack(arrays).astype(np.float32) for arrays in zip(*part, strict=True))))
    return Sets(*parts)


def _split(inputs, labels, config, repetition) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return inputs and targets of training, hold-out and test set of one repetition."""
    seed = int(_generator(config, repetition, 0).integers(2**31))
    train, holdout, test = stratified_split(labels, (HOLDOUT_FRACTION, TEST_FRACTION), seed)
    train = train[stratified_subset(labels[train], min(config.n_train, len(train)), seed)]
    mean, spread = inputs[train].mean(axis=0), inputs[train].std(axis=0)
    # Some pixels of the digits are always white.
    standardized = (inputs - mean) / np.where(spread > 0, spread, 1)
    with_ones = np.column_stack([standardized, np.ones(len(inputs))])
    one_hot = np.eye(labels.max() + 1)[labels]
    return [(with_ones[part], one_hot[part]) for part in (train, holdout, test)]


def initial_weights(config: Config, n_inputs: int, n_classes: int) -> Weights:
    """Return the weights before training, float32, with an axis of repetitions; `n_inputs` counts the one of the bias.

    They are drawn evenly between ±1/sqrt(inputs of the layer), biases too.
    """
    layers = []
    for repetition in range(config.repetitions):
        generator = _generator(config, repetition, 1)
        hidden = generator.uniform(-1, 1, (n_inputs, config.hidden_units)) / np.sqrt(n_inputs - 1)
        output = generator.uniform(-1, 1, (config.hidden_units + 1, n_classes)) / np.sqrt(config.hidden_units)
        layers.append((hidden, output))
    return Weights(*(np.stack(layer).astype(np.float32) for layer in zip(*layers, strict=True)))


def order(config: Config, epoch: int, n: int) -> np.ndarray:
    """Return the order in which an epoch, counted from 0, shows the `n` training examples: int (repetitions, n)."""
    return np.stack([_generator(config, k, 2, epoch).permutation(n) for k in range(config.repetitions)])
