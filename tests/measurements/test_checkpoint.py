"""What measurements at a checkpoint share: parameters that cannot be measured, a diverged training, images drawn."""

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements import checkpoint
from smallbatch.measurements.batch_norm_noise import parameters as batch_norm_noise
from smallbatch.measurements.gradient_noise import parameters as gradient_noise
from smallbatch.measurements.stable_learning_rate import parameters as stable_learning_rate
from smallbatch.training.data import Split
from smallbatch.training.loop import Fitted


@pytest.mark.parametrize("module", [batch_norm_noise, gradient_noise, stable_learning_rate])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"normalization": "group"}, "normalization = 'group' .*Allowed: normalization = 'batch'"),
        ({"masked_loss_batch_size": 2}, "masked_loss_batch_size = 2: this notebook measures ordinary batch norm"),
        ({"batch_sizes": [0, 1, 2]}, r"batch_sizes = \[0, 1, 2\].*Allowed"),
        ({"batch_sizes": ["one"]}, r"batch_sizes\[0\] = 'one' is not allowed"),
        ({"images_measured": 1}, "images_measured = 1 is not allowed"),
    ],
)
def test_parameters_that_cannot_be_measured_are_refused(module, parameters, message):
    with pytest.raises(ParameterError, match=message):
        module.Config.create(**parameters)


@pytest.mark.parametrize(
    ("module", "parameters", "message"),
    [
        (stable_learning_rate, {"batch_sizes": [1, 2]}, "three or more"),
        (stable_learning_rate, {"n_train": 16, "batch_size": 8}, "batch_sizes = .* with n_train = 16"),
        (stable_learning_rate, {"lowest_rate": 1.0, "highest_rate": 2.0}, "highest_rate = 2.0 .*more than twice"),
        (gradient_noise, {"steps": 10}, "steps = 10 .*Allowed: None for both"),
        (gradient_noise, {"early_stopping_patience": 1}, "early_stopping_patience = 1: the checkpoints"),
        (batch_norm_noise, {"batch_sizes": [1, 64], "images_measured": 128}, "a quarter of the images"),
    ],
)
def test_contradictions_are_refused(module, parameters, message):
    with pytest.raises(ParameterError, match=message):
        module.Config.create(**parameters)


def test_a_diverged_training_is_no_checkpoint():
    config = gradient_noise.Config.create(learning_rate=5.0)
    checkpoint.require_trained(Fitted([], False, 1), config)
    with pytest.raises(ParameterError, match=r"learning_rate = 5.0 at batch_size = 32: .* diverged"):
        checkpoint.require_trained(Fitted([], True, 1), config)


def test_measured_images_are_drawn_without_repetition_by_seed():
    split = Split(np.arange(20)[:, None, None, None], np.arange(20))
    drawn = [checkpoint.sample_images(split, 8, seed).labels.tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) == 8
    with pytest.raises(ParameterError, match=r"images_measured = 21 is not allowed. Allowed: at most the 20"):
        checkpoint.sample_images(split, 21, 0)
