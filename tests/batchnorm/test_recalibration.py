"""Recalibrated statistics are those of the whole set, whatever the batch size and the form of the data."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import smallbatch
from smallbatch.batchnorm import recalibration
from smallbatch.batchnorm.layers import FrozenBatchNormalization
from smallbatch.errors import DataError, ParameterError
from tests.conftest import ROOT

layers = keras.layers


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(3, 2, (70, 6, 6, 3)).astype("float32")


def deep(seed=0):
    """Three batch norm layers, one after the other."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.BatchNormalization(),
            layers.Conv2D(5, 3, activation="relu"),
            layers.BatchNormalization(scale=False),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def statistics(model):
    return recalibration.moving_averages(recalibration.batch_norm_layers(model))


@pytest.mark.parametrize("batch_size", [1, 8, 32, 64, 200])
@pytest.mark.parametrize("shape", [(70, 6, 6, 3), (70, 3)], ids=["maps", "features"])
def test_one_layer_gets_mean_and_variance_of_the_whole_set(batch_size, shape):
    inputs = np.random.default_rng(0).normal(3, 2, shape).astype("float32")
    model = keras.Sequential([keras.Input(shape[1:]), layers.BatchNormalization()])
    assert smallbatch.recalibrate(model, inputs, batch_size) == 1
    ((mean, variance),) = statistics(model)
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(mean, inputs.mean(axes, dtype="float64"), rtol=1e-5)
    np.testing.assert_allclose(variance, inputs.var(axes, dtype="float64"), rtol=1e-5)


def test_channels_may_come_first():
    inputs = np.random.default_rng(0).normal(3, 2, (40, 3, 5, 5)).astype("float32")
    model = keras.Sequential([keras.Input((3, 5, 5)), layers.BatchNormalization(axis=1)])
    smallbatch.recalibrate(model, inputs)
    np.testing.assert_allclose(statistics(model)[0][1], inputs.var((0, 2, 3)), rtol=1e-5)


def test_a_mean_far_from_zero_costs_no_precision():
    inputs = np.random.default_rng(0).normal(200, 1, (64, 4, 4, 2)).astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 2)), layers.BatchNormalization()])
    smallbatch.recalibrate(model, inputs)
    np.testing.assert_allclose(statistics(model)[0][1], inputs.var((0, 1, 2), dtype="float64"), rtol=1e-4)


def test_the_mean_is_that_of_a_cumulative_average_over_equal_batches(images):
    # What PyTorch's batch norm keeps with momentum=None: the plain average over batches. For equal batches its mean
    # is ours; its variance leaves out the spread of the batch means, which is what pooling adds.
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.BatchNormalization()])
    smallbatch.recalibrate(model, images)
    batches = images.reshape(7, 10, 6, 6, 3)
    mean, variance = statistics(model)[0]
    np.testing.assert_allclose(mean, batches.mean((1, 2, 3)).mean(0), rtol=1e-5)
    pooled = batches.var((1, 2, 3)).mean(0) + batches.mean((1, 2, 3)).var(0)
    np.testing.assert_allclose(variance, pooled, rtol=1e-5)


@pytest.mark.parametrize("batch_size", [8, 64, 200])
def test_in_a_deep_model_the_batch_size_of_the_pass_does_not_matter(images, batch_size):
    one, other = deep(), deep()
    smallbatch.recalibrate(one, images, batch_size=32)
    smallbatch.recalibrate(other, images, batch_size)
    for ours, theirs in zip(statistics(one), statistics(other), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def inference_statistics(model, images):
    """Mean and variance of the inputs of each batch norm layer, with the model in inference, by NumPy."""
    inputs = keras.Model(model.inputs, [layer.input for layer in recalibration.batch_norm_layers(model)])
    return [(np.asarray(x).mean((0, 1, 2)), np.asarray(x).var((0, 1, 2))) for x in inputs(images)]


@pytest.mark.parametrize("batch_size", [8, 64])
def test_with_a_pass_per_layer_every_layer_is_exact(images, batch_size):
    model = deep()
    smallbatch.recalibrate(model, images, batch_size, passes=3)
    for ours, theirs in zip(statistics(model), inference_statistics(model, images), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-5)


def test_with_one_pass_the_layers_further_in_are_close(images):
    model, exact = deep(), deep()
    smallbatch.recalibrate(model, images)
    smallbatch.recalibrate(exact, images, passes=3)
    for ours, theirs in zip(statistics(model), statistics(exact), strict=True):
        assert (np.abs(ours[0] - theirs[0]) < 0.02 * np.sqrt(theirs[1])).all()
        np.testing.assert_allclose(ours[1], theirs[1], rtol=0.05)


class InBatches(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 7

    def __getitem__(self, k):
        return self.images[10 * k : 10 * k + 10], np.zeros(10)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: (x, np.zeros(len(x))),
        lambda x: tf.data.Dataset.from_tensor_slices((x, np.zeros(len(x)))).batch(33),
        lambda x: tf.data.Dataset.from_tensor_slices(x).batch(9),
        InBatches,
        lambda x: (x[k : k + 1] for k in range(len(x))),
    ],
    ids=["pair", "tf.data pairs", "tf.data images", "PyDataset", "generator"],
)
def test_any_form_of_data_will_do(images, form):
    model = deep()
    smallbatch.recalibrate(model, form(images))
    expected = images.mean((0, 1, 2)), images.var((0, 1, 2))
    np.testing.assert_allclose(statistics(model)[0], expected, rtol=1e-5)


def test_nothing_but_the_statistics_is_changed(images):
    model = deep()
    model.compile("sgd", "mse")
    before = model.predict(images, verbose=0)
    trainable = [w.numpy() for w in model.trainable_weights]
    smallbatch.recalibrate(model, images)
    for old, new in zip(trainable, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    assert not [layer for layer in model.layers if "call" in vars(layer)]
    assert np.abs(model.predict(images, verbose=0) - before).max() > 0.1  # `predict` sees the new statistics


def test_layers_that_do_not_use_batches_are_left_alone(images):
    model = deep()
    model.layers[0].trainable = False
    assert smallbatch.recalibrate(model, images) == 2
    assert (statistics(model)[0][0] == 0).all()
    model.trainable = False
    with pytest.raises(ParameterError, match="no batch norm layer uses the statistics of batches"):
        smallbatch.recalibrate(model, images)


def test_frozen_batch_norm_is_measured_once_and_then_constant(images):
    model = keras.Sequential([keras.Input((6, 6, 3)), FrozenBatchNormalization(), layers.Flatten(), layers.Dense(1)])
    recalibration.freeze_statistics(model, images)
    measured = statistics(model)[0]
    np.testing.assert_allclose(measured[1], images.var((0, 1, 2)), rtol=1e-5)
    assert recalibration.Observed(model).layers == []
    model.compile("sgd", "mse")
    model.fit(images * 5, np.ones(70), verbose=0)
    np.testing.assert_array_equal(statistics(model)[0], measured)


def test_layers_are_taken_in_the_order_of_running_and_may_run_twice(images):
    # Made in the other order than they run, the first one shared by two branches, inside of a nested model.
    keras.utils.set_random_seed(0)
    last, shared = layers.BatchNormalization(), layers.BatchNormalization()
    x = keras.Input((6, 6, 3))
    inner = keras.Model(x, last(layers.Conv2D(2, 3)(layers.add([shared(x), shared(3 * x)]))))
    model = keras.Sequential([inner, layers.Flatten()])
    assert smallbatch.recalibrate(model, images, passes=2) == 2
    both = np.concatenate([images, 3 * images])
    np.testing.assert_allclose(shared.moving_variance.numpy(), both.var((0, 1, 2)), rtol=1e-4)
    inputs = np.asarray(keras.Model(x, last.input)(images))
    np.testing.assert_allclose(last.moving_mean.numpy(), inputs.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last.moving_variance.numpy(), inputs.var((0, 1, 2)), rtol=1e-4)


def test_lag_is_the_distance_to_the_statistics_of_the_images(images):
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.BatchNormalization(epsilon=1e-9)])
    smallbatch.recalibrate(model, images)
    observed = recalibration.Observed(model)
    assert max(recalibration.lag(observed, images).values()) < 1e-6
    layer = model.layers[0]
    layer.moving_mean.assign(layer.moving_mean + 2 * np.sqrt(layer.moving_variance))
    layer.moving_variance.assign(layer.moving_variance * 4)
    measured = recalibration.lag(observed, images)
    assert measured["lag_mean"] == measured["lag_mean_worst"] == pytest.approx(2, rel=1e-4)
    assert measured["lag_sd"] == measured["lag_sd_worst"] == pytest.approx(np.log(2), rel=1e-4)


def test_recalibrated_is_for_as_long_as_the_context_lasts(images):
    model = deep()
    observed = recalibration.Observed(model)
    with pytest.raises(RuntimeError), recalibration.recalibrated(observed, images):
        np.testing.assert_allclose(statistics(model)[0][0], images.mean((0, 1, 2)), rtol=1e-5)
        raise RuntimeError
    assert (statistics(model)[0][0] == 0).all() and (statistics(model)[2][1] == 1).all()


def test_no_images_and_several_inputs_are_refused(images):
    with pytest.raises(DataError, match="no images"):
        smallbatch.recalibrate(deep(), images[:0])
    with pytest.raises(DataError, match="several inputs"):
        smallbatch.recalibrate(deep(), iter([({"a": images, "b": images}, np.zeros(70))]))


JAX = """
import sys
import keras, numpy as np
import smallbatch
from smallbatch.batchnorm import recalibration
assert keras.backend.backend() == "jax"
model = keras.models.load_model(sys.argv[1])
images = np.load(sys.argv[2])
smallbatch.recalibrate(model, images)
found = recalibration.moving_averages(recalibration.batch_norm_layers(model))
np.savez(sys.argv[3], *[part for pair in found for part in pair])
"""


@pytest.mark.slow
def test_jax_gives_the_same_statistics(images, tmp_path):
    model = deep()
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    smallbatch.recalibrate(model, images)
    paths = [str(tmp_path / name) for name in ("model.keras", "images.npy", "found.npz")]
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", JAX, *paths], env=environment, check=True, timeout=300)
    found = list(np.load(paths[2]).values())
    for ours, theirs in zip([part for pair in statistics(model) for part in pair], found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
