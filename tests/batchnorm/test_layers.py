"""The arms against their formulas: which images a channel is normalized over, and what the moving averages keep."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from smallbatch.batchnorm import layers
from smallbatch.training import model

CHANNELS = 8


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(3, 2, (12, 5, 4, CHANNELS)).astype("float32")


def config(**changes):
    """A layer like those of the network, with a shift that is not zero."""
    plain = keras.layers.BatchNormalization(
        scale=False, momentum=0.8, beta_initializer=keras.initializers.Constant(0.3)
    )
    return plain.get_config() | {"name": "bn"} | changes


def run(layer, images, training=True):
    return np.asarray(layer(images, training=training))


def by_hand(images, axes, epsilon=1e-3, beta=0.3):
    mean, variance = images.mean(axes, keepdims=True), images.var(axes, keepdims=True)
    return (images - mean) / np.sqrt(variance + epsilon) + beta


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_the_fused_kernel_gives_keras_batch_norm_and_its_gradients(images, scale, training):
    parameters = config(scale=scale, gamma_initializer=keras.initializers.Constant(1.5))
    results = []
    for layer in (layers.BatchNormalization(**parameters), keras.layers.BatchNormalization(**parameters)):
        with tf.GradientTape() as tape:
            x = tf.constant(images)
            tape.watch(x)
            outputs = layer(x, training=training)
            loss = tf.reduce_sum(outputs * tf.sin(tf.reshape(tf.range(float(outputs.numpy().size)), outputs.shape)))
        weights = [w.value for w in layer.trainable_weights]
        results.append([outputs, *layer.get_weights(), *tape.gradient(loss, [x, *weights])])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=2e-5, atol=1e-4)


def test_where_there_is_no_fused_kernel_it_is_keras_batch_norm():
    features = np.random.default_rng(0).normal(3, 2, (12, CHANNELS)).astype("float32")
    ours, theirs = layers.BatchNormalization(), keras.layers.BatchNormalization()
    np.testing.assert_array_equal(run(ours, features), run(theirs, features))
    first = features[:, :, None, None] + np.zeros((1, 1, 3, 3), "float32")
    ours, theirs = layers.BatchNormalization(axis=1), keras.layers.BatchNormalization(axis=1)
    np.testing.assert_array_equal(run(ours, first), run(theirs, first))


def test_ghost_batches_of_the_whole_batch_are_batch_norm(images):
    ghost = layers.layer("ghost", config(), ghost_batch_size=12)
    plain = layers.layer("batch", config())
    np.testing.assert_allclose(run(ghost, images), run(plain, images), atol=2e-6)
    for ours, theirs in zip(ghost.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_ghost_batches_of_one_are_instance_norm(images):
    ghost = layers.layer("ghost", config(), ghost_batch_size=1)
    instance = keras.layers.GroupNormalization(
        groups=-1, scale=False, beta_initializer=keras.initializers.Constant(0.3)
    )
    np.testing.assert_allclose(run(ghost, images), np.asarray(instance(images)), atol=2e-6)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_each_ghost_batch_is_normalized_by_itself(images, size):
    ghost = layers.layer("ghost", config(), ghost_batch_size=size)
    parts = [by_hand(images[k : k + size], (0, 1, 2)) for k in range(0, 12, size)]
    np.testing.assert_allclose(run(ghost, images), np.concatenate(parts), atol=2e-6)
    means = [images[k : k + size].mean((0, 1, 2)) for k in range(0, 12, size)]
    variances = [images[k : k + size].var((0, 1, 2)) for k in range(0, 12, size)]
    _, moving_mean, moving_variance = ghost.get_weights()
    # One step per batch, whatever the number of ghost batches in it.
    np.testing.assert_allclose(moving_mean, 0.2 * np.mean(means, axis=0), atol=1e-6)
    np.testing.assert_allclose(moving_variance, 0.8 + 0.2 * np.mean(variances, axis=0), atol=1e-5)


def test_ghost_batch_norm_learns_scale_and_shift_too(images):
    parameters = config(scale=True, gamma_initializer=keras.initializers.Constant(1.5))
    ghost = layers.layer("ghost", parameters, ghost_batch_size=12)
    plain = layers.layer("batch", parameters)
    np.testing.assert_allclose(run(ghost, images), run(plain, images), atol=3e-6)


@pytest.mark.parametrize("kind", ["ghost", "frozen"])
def test_in_inference_the_moving_averages_are_used(images, kind):
    layer = layers.layer(kind, config(), ghost_batch_size=4)
    np.testing.assert_allclose(run(layer, images, training=False), images / np.sqrt(1.001) + 0.3, atol=1e-5)


def test_frozen_statistics_do_not_move_and_the_shift_is_learned(images):
    layer = layers.layer("frozen", config())
    np.testing.assert_allclose(run(layer, images), images / np.sqrt(1.001) + 0.3, atol=1e-5)
    _, moving_mean, moving_variance = layer.get_weights()
    assert (moving_mean == 0).all() and (moving_variance == 1).all()
    assert [w.name for w in layer.trainable_weights] == ["beta"]


def test_group_norm_with_one_group_is_layer_norm_over_the_image(images):
    layer = layers.GroupNormalization(groups=1, epsilon=1e-3, scale=False, center=False)
    ours = np.asarray(layer(images, training=True, mask=None))
    np.testing.assert_allclose(ours, by_hand(images, (1, 2, 3), beta=0), atol=2e-6)
    theirs = keras.layers.LayerNormalization(axis=(1, 2, 3), epsilon=1e-3, scale=False, center=False)
    np.testing.assert_allclose(ours, np.asarray(theirs(images)), atol=2e-6)


def test_group_norm_keeps_batch_norms_epsilon_and_its_shift_without_scale(images):
    layer = layers.layer("group", config(), width=0.25)
    layer.build(images.shape)
    assert (layer.groups, layer.epsilon, layer.scale, layer.center) == (4, 1e-3, False, True)


@pytest.mark.parametrize("width", [1.0, 0.5, 0.25, 0.125])
def test_the_number_of_groups_divides_every_width_of_the_network(width):
    published = model._published(75, weights=None)
    widths = {int(layer.filters * width) for layer in published.layers if isinstance(layer, keras.layers.Conv2D)}
    assert len(widths) > 10 and not {w for w in widths if w % layers.groups(width)}


@pytest.mark.parametrize("kind", ["ghost", "group", "frozen"])
def test_a_model_with_an_arm_can_be_saved_and_loaded(images, tmp_path, kind):
    layer = layers.layer(kind, config(), ghost_batch_size=4, width=0.25)
    saved = keras.Sequential([keras.Input((5, 4, CHANNELS)), layer])
    saved.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(run(loaded, images), run(saved, images))
