"""The three evaluations against NumPy, on a model small enough to work out by hand."""

import keras
import numpy as np
import pytest

from smallbatch.batchnorm.chunks import chunks
from smallbatch.batchnorm.recalibration import Observed, batch_norm_layers, moving_averages
from smallbatch.training import evaluation, loop
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data, Split

EPSILON = 1e-3
MOVING = np.array([[90, 120, 150], [4000, 5000, 6000]], "float32")


def split(n, seed):
    generator = np.random.default_rng(seed)
    return Split(generator.integers(0, 255, (n, 4, 4, 3)).astype(np.uint8), generator.integers(0, 3, n))


@pytest.fixture
def data():
    return Data(split(40, 0), split(13, 1), split(21, 2), ["a", "b", "c"])


def prepared(data, **parameters):
    config = RunConfig.create(**{"batch_size": 8} | parameters)
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.BatchNormalization(momentum=0.9, epsilon=EPSILON, scale=False),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3),
        ]
    )
    model.layers[0].set_weights([np.ones(3), *MOVING])
    loop.compile_model(model, config, len(data.train))
    return model, config, Observed(model)


def scores(model, images, mean, variance, labels):
    """Loss and accuracy by NumPy, of images normalized with this mean and variance."""
    kernel, bias = model.layers[-1].get_weights()
    logits = ((images - mean) / np.sqrt(variance + EPSILON) + 1).reshape(len(images), -1) @ kernel + bias
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(logits)), labels]
    return losses, logits.argmax(1) == labels


def check(metrics, losses, correct):
    assert metrics["accuracy"] == pytest.approx(np.mean(correct))
    assert metrics["loss"] == pytest.approx(np.mean(losses), abs=1e-4)
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]


def test_moving_and_recalibrated_differ_by_the_statistics_alone(data):
    model, config, observed = prepared(data)
    metrics, correct, seconds = evaluation.evaluate(data, config, observed)
    assert set(metrics) == set(seconds) == {"moving", "batch", "recalibrated"}
    train = data.train.images.astype(float)
    statistics = {
        "moving": MOVING,
        "recalibrated": (train.mean((0, 1, 2)), train.var((0, 1, 2))),
    }
    for name, (mean, variance) in statistics.items():
        for part, images in data.splits().items():
            found = scores(model, images.images, mean, variance, images.labels)
            check(metrics[name][part], *found)
            if part == "test":  # in the order of the images
                np.testing.assert_array_equal(correct[name], found[1])


@pytest.mark.parametrize(
    ("parameters", "size"),
    [({}, 8), ({"batch_size": 1}, 1), ({"batch_size": 8, "normalization": "ghost", "ghost_batch_size": 4}, 4)],
)
def test_batch_normalizes_over_as_many_images_as_training_and_counts_each_once(data, parameters, size):
    model, config, observed = prepared(data, **parameters)
    metrics = evaluation.evaluate(data, config, observed).metrics
    for name, part in data.splits().items():
        losses, correct = [], []
        counted_in_all = 0
        for images, labels, counted in chunks((part.images, part.labels), size):
            for k in range(0, counted, size):
                group = images[k : k + size]
                assert len(group) == size  # the last one is filled up
                found = scores(model, group, group.mean((0, 1, 2)), group.var((0, 1, 2)), labels[k : k + size])
                n = min(size, counted - k)
                losses, correct = [*losses, *found[0][:n]], [*correct, *found[1][:n]]
            counted_in_all += counted
        assert counted_in_all == len(correct) == len(part)
        check(metrics["batch"][name], losses, correct)


def test_evaluation_leaves_the_model_as_it_is(data):
    model, config, observed = prepared(data)
    before = [w.copy() for w in model.get_weights()]
    evaluation.evaluate(data, config, observed)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_without_statistics_of_batches_the_three_are_one(data):
    model, config, _ = prepared(data, normalization="frozen")
    batch_norm_layers(model)[0].trainable = False
    metrics = evaluation.evaluate(data, config, Observed(model)).metrics
    assert metrics["moving"] == metrics["batch"] == metrics["recalibrated"]


def test_smoothed_labels_are_for_training_only(data):
    plain, smoothed = (
        evaluation.evaluate(data, *prepared(data, label_smoothing=share)[1:]).metrics for share in (0.0, 0.2)
    )
    for name in evaluation.EVALUATIONS:
        assert smoothed[name]["test"] == pytest.approx(plain[name]["test"], abs=1e-5)


@pytest.mark.parametrize(
    ("n_correct", "n", "low", "high"),
    # Published values of Wilson's interval: Newcombe 1998, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8831, 1.0)],
)
def test_the_interval_is_wilsons(n_correct, n, low, high):
    assert evaluation.interval(n_correct, n) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("n", [1, 7, 64, 65, 130])
@pytest.mark.parametrize("group", [1, 10, 32, 100])
def test_chunks_count_every_image_once_in_whole_groups_of_one_shape(n, group):
    images = np.arange(n, dtype=np.float32)[:, None]
    shapes, seen = set(), []
    for chunk, labels, counted in chunks((images, np.arange(n)), group):
        shapes.add(chunk.shape)
        assert len(chunk) % group == 0 and (chunk[:, 0] == labels).all()
        seen += chunk[:counted, 0].tolist()
    assert sorted(seen) == list(range(n)) and len(shapes) == 1
    assert n < 64 or seen != sorted(seen)  # images sorted by class do not stay so


def test_moving_averages_are_copies(data):
    model, _, observed = prepared(data)
    kept = moving_averages(observed.layers)
    model.layers[0].moving_mean.assign(np.zeros(3))
    assert kept[0][0].tolist() == [90, 120, 150]
