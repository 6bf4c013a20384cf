"""What the repetitions differ in: splits, initial weights and orders, the same at all batch sizes and rates."""

import numpy as np
import pytest
from sklearn import datasets

from smallbatch.measurements.wilson_martinez import estimator, repetitions
from smallbatch.measurements.wilson_martinez.parameters import EXAMPLES
from tests.wilson_martinez import small, train


@pytest.mark.parametrize("name", EXAMPLES)
def test_data_sets_are_split_without_overlap_and_standardized(name):
    config = small(dataset=name)
    sets = repetitions.load(config)
    n_all = getattr(datasets, f"load_{name}")().target.size
    sizes = [part.inputs.shape[1] for part in (sets.train, sets.holdout, sets.test)]
    assert EXAMPLES[name] == n_all
    assert sizes[0] == config.batch_sizes()[-1]
    assert sum(sizes) == n_all if name != "digits" else sum(sizes) < n_all
    for part in (sets.train, sets.holdout, sets.test):
        np.testing.assert_array_equal(part.targets.sum(axis=-1), 1)
        np.testing.assert_array_equal(part.inputs[..., -1], 1)
    inputs = sets.train.inputs[..., :-1]
    np.testing.assert_allclose(inputs.mean(axis=1), 0, atol=1e-5)
    spread = inputs.std(axis=1)
    assert np.all((np.abs(spread - 1) < 1e-4) | (spread == 0))


def test_every_class_is_in_every_set_in_proportion():
    sets = repetitions.load(small(dataset="wine"))
    shares = [part.targets.mean(axis=1) for part in (sets.train, sets.holdout, sets.test)]
    np.testing.assert_allclose(shares[1], shares[0], atol=0.03)
    np.testing.assert_allclose(shares[2], shares[0], atol=0.03)


def test_an_epoch_shows_each_example_once_in_an_order_of_its_own():
    config = small()
    orders = np.stack([repetitions.order(config, epoch, 50) for epoch in range(3)])
    np.testing.assert_array_equal(np.sort(orders, axis=-1), np.broadcast_to(np.arange(50), (3, 3, 50)))
    assert len(np.unique(orders.reshape(9, 50), axis=0)) == 9


def test_repetitions_differ_and_batch_sizes_and_rates_do_not():
    """The same split and first weights at all batch sizes and rates: only then is a difference a pair."""
    config = small(epochs=1, largest_batch_size=4)
    sets = repetitions.load(config)
    first = {size: curve.initial_loss for size, curve in estimator.measure(config, sets)[1].items()}
    for losses in first.values():
        np.testing.assert_array_equal(losses, first[1])
    assert np.ptp(first[1], axis=1).max() == 0 and np.ptp(first[1], axis=0).min() > 0
    assert not np.array_equal(sets.test.inputs[0], sets.test.inputs[1])


def test_the_seed_decides_everything():
    one, same, other = (train(config, 8) for config in (small(), small(), small(seed=1)))
    np.testing.assert_array_equal(one.final_loss, same.final_loss)
    assert not np.array_equal(one.final_loss, other.final_loss)
