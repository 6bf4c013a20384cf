"""The noise of batch statistics against cases with a known answer."""

import keras
import numpy as np
import pytest

from smallbatch.batchnorm import recalibration
from smallbatch.batchnorm.recalibration import Observed
from smallbatch.errors import ParameterError
from smallbatch.measurements.batch_norm_noise.estimator import batch_norm_noise


def observed(shape=(6, 6, 20)):
    inputs = keras.Input(shape)
    outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization(name="only")(inputs))
    return Observed(keras.Model(inputs, outputs))


@pytest.mark.parametrize("size", [1, 2, 8])
def test_independent_values_average_over_images_and_positions(size):
    images = np.random.default_rng(0).normal(5, 2, (800, 6, 6, 20)).astype("float32")
    row = batch_norm_noise(observed(), images, [size]).iloc[0]
    assert (row["layer"], row["place"], row["positions"]) == ("only", 0, 36)
    assert row["between_images"] < 0.01
    assert row["mean_noise"] == pytest.approx(1 / np.sqrt(36 * size), rel=0.06)
    assert row["predicted"] == pytest.approx(1 / np.sqrt(36 * size), rel=0.06)
    # Of normal values the standard deviation of n has the standard error sd / sqrt(2 n).
    assert row["sd_noise"] == pytest.approx(1 / np.sqrt(2 * 36 * size), rel=0.08)


@pytest.mark.parametrize("size", [1, 4, 16])
def test_large_maps_do_not_help_where_images_differ_as_a_whole(size):
    level = np.random.default_rng(0).normal(5, 2, (800, 1, 1, 20))
    images = (level + np.zeros((1, 6, 6, 1))).astype("float32")
    row = batch_norm_noise(observed(), images, [size]).iloc[0]
    assert row["between_images"] == pytest.approx(1, abs=1e-6)
    assert row["mean_noise"] == pytest.approx(1 / np.sqrt(size), rel=0.06)
    assert row["predicted"] == pytest.approx(1 / np.sqrt(size), rel=1e-6)


def test_a_mixture_follows_the_formula():
    generator = np.random.default_rng(0)
    images = generator.normal(0, 1, (960, 1, 1, 20)) + generator.normal(0, np.sqrt(3), (960, 6, 6, 20))
    table = batch_norm_noise(observed(), images.astype("float32"), [1, 3, 12])
    assert table["between_images"].tolist() == pytest.approx([0.25] * 3, abs=0.02)
    expected = [np.sqrt(0.25 / b + 0.75 / (36 * b)) for b in (1, 3, 12)]
    assert table["predicted"].tolist() == pytest.approx(expected, rel=0.05)
    assert table["mean_noise"].tolist() == pytest.approx(expected, rel=0.1)


def test_channels_that_never_vary_are_left_out_and_a_map_of_one_position_is_all_between_images():
    images = np.random.default_rng(0).normal(0, 1, (200, 1, 1, 6)).astype("float32")
    images[..., 3:] = 7.0
    row = batch_norm_noise(observed((1, 1, 6)), images, [2]).iloc[0]
    assert row["between_images"] == 1 and row["positions"] == 1
    assert row["mean_noise"] == pytest.approx(1 / np.sqrt(2), rel=0.15)


def test_layers_come_in_the_order_of_running():
    inputs = keras.Input((6, 6, 3))
    second, first = (keras.layers.BatchNormalization(name=name) for name in ("second", "first"))
    x = keras.layers.Conv2D(4, 3)(first(inputs))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(second(x)))
    images = np.random.default_rng(0).normal(0, 1, (70, 6, 6, 3)).astype("float32")
    table = batch_norm_noise(Observed(model), images, [1, 4])
    assert table["layer"].tolist() == ["first", "second"] * 2
    assert table["positions"].tolist() == [36, 16] * 2 and table["batch_size"].tolist() == [1, 1, 4, 4]


def two_layers():
    """Batch norm behind batch norm, the first in front of a rectifier, so that it is not undone."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.BatchNormalization(name="first")(inputs)
    x = keras.layers.Conv2D(16, 3, activation="relu")(x)
    x = keras.layers.BatchNormalization(name="second")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def unlike_images(n=480):
    """Images that differ as a whole, in level: what a batch norm upstream takes out of a batch."""
    generator = np.random.default_rng(0)
    level = generator.normal(0, 2, (n, 1, 1, 1))
    return (level + generator.normal(0, 1, (n, 6, 6, 3))).astype("float32")


@pytest.mark.parametrize("size", [1, 2, 8])
def test_behind_fixed_statistics_the_formula_holds_and_behind_those_of_the_batch_it_does_not(size):
    model, images = two_layers(), unlike_images()
    watched = Observed(model)
    recalibration.recalibrate(model, images, passes=2)
    fixed, batch = (
        batch_norm_noise(watched, images, [size], upstream, deals).groupby("layer")[["mean_noise", "predicted"]].mean()
        for upstream, deals in (("fixed", 16), ("batch", 4))
    )
    np.testing.assert_allclose(fixed["mean_noise"], fixed["predicted"], rtol=0.15)
    # Nothing stands in front of the first layer; the second is spared what the first has taken out.
    assert batch.loc["first", "mean_noise"] == pytest.approx(fixed.loc["first", "mean_noise"], rel=0.15)
    assert batch.loc["second", "mean_noise"] < 0.6 * fixed.loc["second", "predicted"]


def test_fixed_statistics_upstream_cost_one_pass_and_every_deal_is_another():
    model, images, calls = two_layers(), unlike_images(128), []
    watched = Observed(model)

    class Counting:
        layers = watched.layers

        def __call__(self, *arguments):
            calls.append(arguments)
            found = watched(*arguments)
            self.layers = watched.layers
            return found

    table = batch_norm_noise(Counting(), images, [1, 2, 4], "fixed", deals=3)
    assert len(calls) == 2  # 128 images in chunks of 64
    assert len(table) == 2 * 3 * 3 and table.groupby(["layer", "batch_size"])["deal"].nunique().eq(3).all()
    # Images one by one are the same however they are dealt; pairs are not.
    assert table[table["batch_size"] == 1].groupby("layer")["mean_noise"].std().max() < 1e-6
    assert table[table["batch_size"] == 2].groupby("layer")["mean_noise"].std().min() > 1e-4


@pytest.mark.parametrize("size", [0, 26])
def test_too_few_batches_are_refused(size):
    with pytest.raises(ParameterError, match=f"batch_sizes = {size} is not allowed. Allowed: 1 to 25 with 100 images"):
        batch_norm_noise(observed(), np.zeros((100, 6, 6, 20), "float32"), [size])
