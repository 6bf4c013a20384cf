"""Which learning rates are tried, and with how many batches."""

import numpy as np

from smallbatch.measurements.stable_learning_rate.parameters import Config


def test_rates_to_try_are_a_geometric_series():
    config = Config.create(lowest_rate=0.01, highest_rate=0.16)
    np.testing.assert_allclose(config.rates(1), [0.01, 0.02, 0.04, 0.08])
    np.testing.assert_allclose(config.rates(2)[:3], [0.01, 0.01 * 2**0.5, 0.02])
    assert config.rates(2).max() < 0.16


def test_small_batches_are_drawn_more_often():
    config = Config.create(draws=12, batch_sizes=[1, 2, 8, 32])
    assert list(config.draws_by_batch_size().items()) == [(32, 12), (8, 24), (2, 48), (1, 68)]
