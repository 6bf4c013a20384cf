"""Training: budgets, learning-rate rules, order of images, divergence; on a small network that trains in a second."""

import math

import keras
import numpy as np
import pytest

from smallbatch import evaluation, training
from smallbatch.config import RunConfig
from smallbatch.data import Data, Split


def split(n, seed=0):
    """Images that are bright for class 1 and dark for class 0, with their number in the first pixel."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = (60 + 120 * labels[:, None, None, None] + generator.integers(0, 40, (n, 4, 4, 3))).astype(np.uint8)
    images[:, 0, 0, 0] = np.arange(n)
    return Split(images, labels)


@pytest.fixture
def data():
    return Data(split(22), split(8, 1), split(10, 2), ["dark", "bright"])


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )


def fit(data, **parameters):
    config = RunConfig.create(**{"batch_size": 4, "learning_rate": 0.1, **parameters})
    model = network()
    training.compile_model(model, config)
    return model, *training.fit(model, data, config)


def test_training_drops_the_remainder_and_shows_each_image_at_most_once_an_epoch(data):
    batches = training.Batches(data.train, 4, shuffle_seed=0)
    assert len(batches) == 5
    shown = [int(i) for k in range(5) for i in batches[k][0][:, 0, 0, 0]]
    assert len(set(shown)) == len(shown) == 20
    batches.on_epoch_begin()  # the first epoch
    assert [int(i) for k in range(5) for i in batches[k][0][:, 0, 0, 0]] == shown
    batches.on_epoch_begin()
    assert [int(i) for k in range(5) for i in batches[k][0][:, 0, 0, 0]] != shown


def test_evaluation_shows_every_image_once_in_order(data):
    batches = training.Batches(data.train, 4)
    assert [int(i) for k in range(len(batches)) for i in batches[k][0][:, 0, 0, 0]] == list(range(22))


def test_the_order_is_the_same_for_the_same_seed_at_every_batch_size(data):
    order = [training.Batches(data.train, size, shuffle_seed=5).order.tolist() for size in (1, 4)]
    assert order[0] == order[1] != training.Batches(data.train, 4, shuffle_seed=6).order.tolist()


def test_the_budget_in_epochs(data):
    _, history, diverged = fit(data, epochs=3)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert [row["steps"] for row in history] == [5, 10, 15]
    assert [row["images"] for row in history] == [20, 40, 60]
    assert not diverged


@pytest.mark.parametrize(("steps", "expected"), [(3, [3]), (5, [5]), (12, [5, 10, 12])])
def test_the_budget_in_steps_ends_inside_an_epoch_and_overrules_epochs(data, steps, expected):
    model, history, _ = fit(data, steps=steps, epochs=1)
    assert [row["steps"] for row in history] == expected
    assert int(model.optimizer.iterations.numpy()) == steps
    assert history[-1]["validation_accuracy"] is not None


def test_a_step_is_that_of_sgd_with_momentum(data):
    model, _, _ = fit(data, steps=2, learning_rate=0.1, momentum=0.5)
    by_hand = network()
    weights, bias = (w.astype("float64") for w in by_hand.get_weights())
    velocity = [np.zeros_like(weights), np.zeros_like(bias)]
    batches = training.Batches(data.train, 4, shuffle_seed=0)
    for k in range(2):
        images, labels = batches[k]
        inputs = images.reshape(4, -1) / 255
        logits = inputs @ weights + bias
        error = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(2)[labels]
        gradients = [inputs.T @ error / 4, error.mean(0)]
        velocity = [0.5 * v - 0.1 * g for v, g in zip(velocity, gradients, strict=True)]
        weights, bias = weights + velocity[0], bias + velocity[1]
    np.testing.assert_allclose(model.get_weights()[0], weights, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], bias, atol=1e-5)


@pytest.mark.parametrize(
    ("rule", "batch_size", "factor"),
    [("none", 4, 1), ("linear", 4, 1 / 8), ("linear", 64, 2), ("sqrt", 8, 0.5), ("sqrt", 32, 1)],
)
def test_learning_rate_rules(rule, batch_size, factor):
    config = RunConfig.create(batch_size=batch_size, learning_rate=0.3, learning_rate_scaling=rule)
    assert training.scaled_learning_rate(config) == pytest.approx(0.3 * factor)


def test_a_loss_that_is_not_a_number_ends_the_run_as_diverged(data):
    _, history, diverged = fit(data, learning_rate=1e30, epochs=50)
    assert diverged and len(history) < 50


def test_an_exploding_loss_ends_the_run_as_diverged(data):
    _, history, diverged = fit(data, learning_rate=1e6, epochs=50)
    assert diverged and len(history) == 1 and history[0]["steps"] <= 5


@pytest.mark.parametrize(
    ("loss", "diverged"),
    [(0.0, False), (2.3, False), (999.0, False), (1e3, True), (math.inf, True), (math.nan, True)],
)
def test_which_losses_count_as_diverged(loss, diverged):
    callback = training.StopOnDivergence()
    callback.set_model(network())
    callback.model.stop_training = False
    callback.on_train_batch_end(0, {"loss": loss})
    assert callback.diverged is diverged
    assert callback.model.stop_training is diverged


def test_progress_is_printed_epoch_by_epoch(data, capsys):
    fit(data, epochs=2, seed=7)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("batch size")]
    assert len(lines) == 2 and lines[1].startswith("batch size 4, seed 7: epoch 2 of 2, loss")


def test_evaluation_counts_every_image(data):
    model, _, _ = fit(data, epochs=5)
    metrics = evaluation.evaluate(model, data)
    assert set(metrics) == {"train", "validation", "test"}
    for name, part in data.splits().items():
        logits = np.asarray(model(part.images.astype("float32")))
        assert metrics[name]["accuracy"] == pytest.approx((logits.argmax(1) == part.labels).mean())
        losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(part)), part.labels]
        assert metrics[name]["loss"] == pytest.approx(losses.mean(), abs=1e-5)
