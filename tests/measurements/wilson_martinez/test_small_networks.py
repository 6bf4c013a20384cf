"""Networks trained side by side: against finite differences and a plain loop over examples."""

import jax
import numpy as np
import pytest

from smallbatch.measurements.wilson_martinez import estimator, repetitions, small_networks
from tests.wilson_martinez import small, train


@pytest.fixture
def double():
    """Double precision: formulas are then compared to many digits, and rounding is no excuse."""
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("gradient", ["mean", "sum"])
def test_a_step_follows_the_gradient_of_finite_differences(double, gradient):
    generator = np.random.default_rng(0)
    n, rate, width = 5, 0.3, 1e-6
    weights = small_networks.Weights(generator.normal(size=(4, 4)), generator.normal(size=(5, 3)))
    inputs = np.column_stack([generator.normal(size=(n, 3)), np.ones(n)])
    batch = small_networks.Examples(inputs, np.eye(3)[generator.integers(3, size=n)])
    moved = small_networks.step(weights, batch, rate, gradient)
    for name in ("hidden", "output"):
        for place in np.ndindex(getattr(weights, name).shape):
            ends = []
            for sign in (1, -1):
                changed = getattr(weights, name).copy()
                changed[place] += sign * width
                ends.append(float(small_networks.loss(weights._replace(**{name: changed}), batch)))
            slope = (ends[0] - ends[1]) / (2 * width) * (n if gradient == "sum" else 1)
            found = (getattr(weights, name)[place] - getattr(moved, name)[place]) / rate
            assert found == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_the_loss_of_a_very_sure_network_is_finite_and_exact():
    weights = small_networks.Weights(np.zeros((3, 2)), np.array([[0.0, 0.0], [0.0, 0.0], [1e6, 0.0]]))
    batch = small_networks.Examples(np.ones((2, 3)), np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert float(small_networks.loss(weights, batch)) == pytest.approx(5e5)
    assert float(small_networks.accuracy(weights, batch)) == 0.5


def plain_loop(hidden, output, inputs, targets, batches, rate, reduce):
    """Train one network the slow way, example by example, from the formulas of the chain rule."""
    for batch in batches:
        hidden_gradients, output_gradients = [], []
        for x, t in zip(inputs[batch], targets[batch], strict=True):
            values = np.append(np.tanh(x @ hidden), 1.0)
            scores = values @ output
            slope = np.exp(scores) / np.exp(scores).sum() - t
            output_gradients.append(np.outer(values, slope))
            hidden_gradients.append(np.outer(x, (output[:-1] @ slope) * (1 - values[:-1] ** 2)))
        hidden = hidden - rate * reduce(hidden_gradients, axis=0)
        output = output - rate * reduce(output_gradients, axis=0)
    return hidden, output


def assert_trained_alike(config, batch_size, orders, repetition=1, rate=2):
    """Compare one repetition and rate of the training side by side with the plain loop over these orders."""
    sets = jax.tree.map(lambda array: array.astype(float), repetitions.load(config))
    n_inputs, n_classes = sets.train.inputs.shape[-1], sets.train.targets.shape[-1]
    first = jax.tree.map(lambda array: array.astype(float), repetitions.initial_weights(config, n_inputs, n_classes))
    epochs = [repetitions.order(config, epoch, sets.train.inputs.shape[1]) for epoch in range(config.epochs)]
    curves = small_networks.train(first, sets, epochs, batch_size, config.rates(), config.gradient)
    hidden, output = (layer[repetition] for layer in first)
    inputs, targets = (array[repetition] for array in sets.train)
    reduce = np.mean if config.gradient == "mean" else np.sum
    for epoch, indices in enumerate(orders):
        batches = np.split(indices, range(batch_size, len(indices), batch_size))
        hidden, output = plain_loop(hidden, output, inputs, targets, batches, config.rates()[rate], reduce)
        for part, measured in ((sets.holdout, curves.holdout), (sets.test, curves.test)):
            values = np.tanh(part.inputs[repetition] @ hidden)
            found = (values @ output[:-1] + output[-1]).argmax(axis=1)
            correct = found == part.targets[repetition].argmax(axis=1)
            assert measured[epoch, repetition, rate] == pytest.approx(correct.mean())
    scores = np.tanh(inputs @ hidden) @ output[:-1] + output[-1]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert curves.final_loss[repetition, rate] == pytest.approx(-np.log(shares[targets == 1]).mean(), rel=1e-6)


@pytest.mark.parametrize("gradient", ["mean", "sum"])
@pytest.mark.parametrize("batch_size", [1, 8])
def test_one_repetition_at_one_rate_is_a_plain_loop(double, gradient, batch_size):
    """Of the same orders and first weights at both batch sizes, so that this proves the pairing too."""
    config = small(gradient=gradient, dataset="wine")  # 90 examples: the last batch of 8 has two
    assert_trained_alike(config, batch_size, [repetitions.order(config, epoch, 90)[1] for epoch in range(3)])


def test_the_largest_batch_is_gradient_descent_on_the_whole_training_set(double):
    assert_trained_alike(small(), 74, [np.arange(74)] * 3)  # in any order


def test_a_sum_at_a_rate_is_a_mean_at_that_rate_times_the_batch_size():
    n_train, batch_size = 64, 16  # without an incomplete batch
    mean = small(n_train=n_train, lowest_rate=0.16, highest_rate=2.56)
    summed = small(n_train=n_train, lowest_rate=0.01, highest_rate=0.16, gradient="sum")
    by_mean, by_sum = train(mean, batch_size), train(summed, batch_size)
    np.testing.assert_allclose(by_sum.final_loss, by_mean.final_loss, rtol=1e-4)
    np.testing.assert_array_equal(by_sum.holdout, by_mean.holdout)


def test_a_rate_that_is_far_too_large_is_an_outcome():
    config = small(lowest_rate=0.1, highest_rate=1e30, rate_factor=1e30)
    curves = train(config, 8)
    limit, _ = estimator.largest_stable_rate(curves.initial_loss, curves.final_loss, config.rates())
    assert not (curves.final_loss < curves.initial_loss)[:, -1].any()
    np.testing.assert_array_equal(limit, 0.1)
