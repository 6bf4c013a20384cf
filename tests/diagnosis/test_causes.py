"""Every cause is called by its name, on data and models made for it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import smallbatch
from smallbatch.diagnosis import TINY
from smallbatch.errors import UserError
from tests.diagnosis.zoo import CLASSES, images

layers = keras.layers


def compiled(*stack, rate=0.02):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 1)), *stack, layers.Flatten(), layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate, 0.9), loss, metrics=["accuracy"], jit_compile=False)
    return model


def plain(momentum=0.9):
    keras.utils.set_random_seed(0)  # the layers draw the seeds of their weights when they are made
    norm = layers.BatchNormalization(momentum=momentum)
    return compiled(layers.Conv2D(8, 3), norm, layers.ReLU())


@pytest.fixture(scope="module")
def sound():
    model, train, validation = plain(), images(seed=0), images(seed=1)
    model.fit(*train, epochs=8, verbose=0)
    return model, train, validation


@pytest.mark.parametrize(
    "change", [lambda x: x / 8 - 2, lambda x: x / 255, lambda x: x * 0.3 + 3], ids=["dim", "0 to 1", "pale"]
)
def test_validation_prepared_otherwise_is_not_called_overfitting(sound, change):
    model, train, (x, y) = sound
    found = smallbatch.diagnose(model, train, (change(x), y))
    assert "validation images differ" in found.causes and "overfitting" not in found.causes
    assert "The numbers in the images differ" in str(found)
    gap = found.accuracy.set_index(["evaluation", "set"])["accuracy"]
    gap = 100 * (gap["batch", "train"] - gap["moving", "validation"])
    assert found.parts["points"].sum() == pytest.approx(gap)


@pytest.mark.parametrize("order", [(1, 2, 3, 0), (1, 0, 2, 3), (3, 2, 1, 0)])
def test_permuted_classes_are_noticed(sound, order):
    model, train, (x, y) = sound
    found = smallbatch.diagnose(model, train, (x, np.array(order)[y]))
    assert found.causes[0] == "classes in another order?"
    assert "overfitting" not in found.causes


def test_a_sound_model_is_told_neither(sound):
    found = smallbatch.diagnose(*sound)
    assert not {"validation images differ", "classes in another order?", "moving averages lag"} & set(found.causes)
    assert not found.recalibrate


def test_averages_at_zero_and_one_were_never_updated():
    model, (x, y), validation = plain(), images(seed=0), images(seed=1)
    model.fit(x + 4, y, epochs=4, verbose=0)
    model.layers[1].moving_mean.assign(np.zeros(8))
    model.layers[1].moving_variance.assign(np.ones(8))
    found = smallbatch.diagnose(model, (x + 4, y), (validation[0] + 4, validation[1]))
    assert found.causes[0] == "moving averages never updated" and found.recalibrate
    assert found.layers["never_updated"].tolist() == [True]


def far_from_zero(*before, momentum):
    """A network that finds numbers further than 0.7 standard deviations from zero, by the statistics of its images.

    Only the averages of its batch norm move in training; `before` stands in front of it.
    """
    keras.utils.set_random_seed(0)
    norm = layers.BatchNormalization(momentum=momentum, center=False, scale=False)
    model = keras.Sequential([keras.Input((1,)), *before, norm, layers.Dense(2, activation="relu"), layers.Dense(2)])
    model.layers[-2].set_weights([np.array([[1.0, -1.0]]), np.array([-0.7, -0.7])])
    model.layers[-1].set_weights([np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([1e-4, 0.0])])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=["accuracy"])
    return model, norm


def numbers(seed):
    x = np.random.default_rng(seed).normal(size=(512, 1)).astype("float32")
    return x, (np.abs(x[:, 0]) > 0.7).astype(int)


def assert_repaired(model, train, validation, points):
    """Recalibrating mends so many points, and then nothing is left to name."""
    before = model.evaluate(*validation, verbose=0)[1]
    smallbatch.recalibrate(model, train)
    assert model.evaluate(*validation, verbose=0)[1] > before + points / 100
    assert smallbatch.diagnose(model, train, validation).causes == ()


def test_averages_collected_with_dropout_on_are_called_so_and_do_not_lag():
    train, validation = numbers(0), numbers(1)
    model, norm = far_from_zero(layers.Dropout(0.8), momentum=0.95)
    model.fit(*train, epochs=8, verbose=0)
    # What is left of the numbers is five times as large, so their variance is, too: they are at rest there.
    assert norm.moving_variance.numpy() == pytest.approx(5, rel=0.35)
    found = smallbatch.diagnose(model, train, validation)
    assert found.causes[0] == "averages collected with noise on" and found.recalibrate
    assert "moving averages lag" not in str(found)
    assert found.parts.loc["moving averages", "low"] > 20
    # The same averages without anything that makes noise are of other images.
    quiet, other = far_from_zero(momentum=0.95)
    other.moving_variance.assign(norm.moving_variance)
    assert "averages collected with noise on" not in smallbatch.diagnose(quiet, train, validation).causes
    assert_repaired(model, train, validation, 20)


def test_averages_over_tiny_batches_are_called_so_and_do_not_lag():
    train, validation = numbers(0), numbers(1)
    model, norm = far_from_zero(momentum=0.98)
    model.fit(*train, batch_size=2, epochs=2, verbose=0)
    # Two numbers at rest: a batch of two shows half of a channel's variance.
    assert norm.moving_variance.numpy() == pytest.approx(0.5, rel=0.3)
    found = smallbatch.diagnose(model, train, validation, batch_size=2)
    assert found.causes[0] == "averages collected over tiny batches" and found.recalibrate
    assert "moving averages lag" not in str(found)
    assert found.parts.loc["moving averages", "low"] > 5
    # Batches of 32 do not come to such averages, nor batches of two to any that are further off.
    assert TINY not in smallbatch.diagnose(model, train, validation, batch_size=32).causes
    norm.moving_variance.assign([0.1])
    assert TINY not in smallbatch.diagnose(model, train, validation, batch_size=2).causes
    assert_repaired(model, train, validation, 30)


@pytest.mark.parametrize("what", ["one class", "two classes"])
def test_batches_sorted_by_class_are_noticed_and_mixed(sound, what):
    model, (x, y), validation = sound
    order = np.argsort(y, kind="stable")
    if what == "two classes":
        order = np.concatenate([np.random.default_rng(0).permutation(half) for half in np.array_split(order, 2)])
    stream = tf.data.Dataset.from_tensor_slices((x[order], y[order])).batch(32)
    found = smallbatch.diagnose(model, stream, validation)
    expected = smallbatch.diagnose(model, (x, y), validation)
    assert "The batches of train are sorted by class" in str(found)
    assert found.causes == expected.causes
    for evaluation in ("batch", "recalibrated"):
        ours, theirs = (f.accuracy.set_index(["evaluation", "set"])["accuracy"] for f in (found, expected))
        assert ours[evaluation, "validation"] == pytest.approx(theirs[evaluation, "validation"], abs=0.03)
    before = model.evaluate(*validation, verbose=0)[1]
    done = smallbatch.recalibrate(model, stream)
    assert model.evaluate(*validation, verbose=0)[1] > before - 0.02
    done.undo()


def test_sorted_batches_that_are_too_many_to_mix_are_a_cause_and_no_statistics(sound, monkeypatch):
    from smallbatch.diagnosis import data

    monkeypatch.setattr(data, "MIXED_AT_ONCE", 64)
    model, (x, y), validation = sound
    order = np.argsort(y, kind="stable")
    stream = tf.data.Dataset.from_tensor_slices((x[order], y[order])).batch(32)
    found = smallbatch.diagnose(model, stream, validation)
    assert found.causes[0] == "batches sorted by class" and not found.recalibrate
    with pytest.raises(UserError, match="few classes each, too many to mix them here"):
        smallbatch.recalibrate(model, stream)


def test_sorted_arrays_are_told(sound):
    model, (x, y), validation = sound
    order = np.argsort(y, kind="stable")
    assert "sorted by class, so they were taken in a random order" in str(
        smallbatch.diagnose(model, (x[order], y[order]), validation)
    )


def test_do_not_recalibrate_where_that_is_worse(sound):
    model, (x, y), validation = sound
    # Training images in another light than those of the training: their statistics are wrong for validation.
    found = smallbatch.diagnose(model, (x * 6 - 20, y), validation)
    assert found.parts.loc["moving averages", "high"] < 0
    assert "Do not recalibrate" in str(found) and not found.recalibrate


def test_recalibrating_refuses_where_the_labels_say_that_it_does_harm():
    model = keras.Sequential([keras.Input((1,)), layers.BatchNormalization(), layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    x = np.random.default_rng(0).normal(size=(400, 1)).astype("float32")
    y = (x[:, 0] > 1).astype(int)
    # The threshold is in the moving average, which is none of these images.
    model.layers[0].moving_mean.assign([1.0])
    model.layers[1].set_weights([np.array([[-1.0, 1.0]]), np.zeros(2)])
    before = [np.array(w) for w in model.get_weights()]
    with pytest.raises(UserError, match=r"would fall from 100.0% to .* so nothing was changed"):
        smallbatch.recalibrate(model, (x, y))
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    assert len(smallbatch.recalibrate(model, x)) == 1  # without labels there is nothing to tell


def test_frozen_layers_are_told_and_whether_their_statistics_fit(sound):
    model, (x, y), (v, w) = sound
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.layers[1].trainable = False
    twin.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    fits = str(smallbatch.diagnose(twin, (x, y), (v, w)))
    assert "1 batch norm layer is frozen" in fits and "they fit these images" in fits
    assert "do not fit these images" in str(smallbatch.diagnose(twin, (9 * x + 20, y), (9 * v + 20, w)))


def test_the_log_of_a_lag_says_which_layers_how_many_steps_and_which_momentum():
    model, (x, y), (v, w) = plain(0.999), images(seed=0), images(seed=1)
    model.fit(x + 4, y, epochs=4, verbose=0)
    found = smallbatch.diagnose(model, (x + 4, y), (v + 4, w))
    assert found.causes[0] == "moving averages lag"
    row = found.layers.iloc[0]
    away = np.hypot(row["lag_mean"], row["lag_sd"])
    assert row["steps"] == np.ceil(np.log(away / 0.1) / -np.log(0.999)) > 1000
    # 10 steps an epoch forget at once, so the 256 images decide: (256 - 32) / (256 + 32).
    assert found.momentum == pytest.approx(0.778, abs=1e-3)
    assert "After 40 steps, 96.1% of the averages are still their initial values." in str(found)


def test_the_verdict_is_one_on_the_loss_too():
    model, train, validation = plain(), images(40, seed=0), images(seed=1)
    model.fit(*train, epochs=60, verbose=0)
    found = smallbatch.diagnose(model, train, validation)
    assert "overfitting" in found.loss_causes
    loss = found.accuracy.set_index(["evaluation", "set"])["loss"]
    assert found.loss_parts["nats"].sum() == pytest.approx(loss["moving", "validation"] - loss["batch", "train"])
    reported = model.evaluate(*validation, verbose=0)[0]
    assert loss["moving", "validation"] == pytest.approx(reported, rel=1e-4)
