"""The parameters of the replication: batch sizes, rates, and what is refused."""

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements.wilson_martinez.parameters import Config
from tests.wilson_martinez import small


def test_batch_sizes_are_powers_of_two_and_the_training_set():
    assert Config.create().batch_sizes() == [1, 2, 4, 8, 16, 32, 64, 74]
    assert Config.create(n_train=64).batch_sizes() == [1, 2, 4, 8, 16, 32, 64]
    assert Config.create(largest_batch_size=5).batch_sizes() == [1, 2, 4, 5]
    assert Config.create(dataset="digits").batch_sizes()[-2:] == [256, 512]


def test_rates_are_a_geometric_grid_with_both_ends():
    np.testing.assert_allclose(small().rates(), [0.05, 0.2, 0.8])
    np.testing.assert_allclose(Config.create(lowest_rate=0.1, highest_rate=0.35).rates(), [0.1, 0.2])
    np.testing.assert_array_equal(np.log2(Config.create().rates()), np.arange(-10, 10))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dataset": "cifar"}, "dataset = 'cifar' is not allowed. Allowed: iris, wine, breast_cancer, digits"),
        ({"gradient": "median"}, "gradient = 'median' is not allowed. Allowed: mean, sum"),
        ({"repetitions": 2}, "repetitions = 2 is not allowed. Allowed: whole number, ≥ 3"),
        ({"rate_factor": 1.0}, "rate_factor = 1.0 is not allowed. Allowed: number, > 1"),
        ({"highest_rate": 1e-4}, "highest_rate = 0.0001 is below lowest_rate = 0.000976"),
        (
            {"largest_batch_size": 75},
            "largest_batch_size = 75 is larger than the training set of 74 .*Allowed: 4 to 74",
        ),
        ({"n_train": 30, "largest_batch_size": 31}, "larger than the training set of 30 examples"),
        ({"momentum": 0.9}, "momentum = 0.9: there is no such parameter"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Config.create(**parameters)
