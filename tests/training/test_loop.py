"""Training: budgets, learning-rate rules, order of images, divergence; on a small network that trains in a second."""

import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from smallbatch.batchnorm import recalibration
from smallbatch.batchnorm.inference import Inference, scores
from smallbatch.errors import ParameterError
from smallbatch.training import loop
from smallbatch.training import model as published
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data, Split
from smallbatch.training.steps import TrainingProgram
from tests.conftest import ROOT


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


def create(**parameters):
    return RunConfig.create(**{"batch_size": 4, "learning_rate": 0.1, **parameters})


def fit(data, model=None, **parameters):
    config = create(**parameters)
    model = model or network()
    loop.compile_model(model, config, len(data.train))
    return model, loop.fit(model, data, config, recalibration.Observed(model))


def table(n_images=22, epoch=0, **parameters):
    """Indices of images, (steps, batch size)."""
    return loop.Order(n_images, create(**parameters)).epoch(epoch)


def test_training_drops_the_remainder_and_shows_each_image_at_most_once_an_epoch():
    shown = table()
    assert shown.shape == (5, 4) and len(set(shown.ravel())) == 20
    assert (table() == shown).all() and (table(epoch=1) != shown).any()


def test_the_order_is_the_same_for_the_same_seed_at_every_batch_size():
    first = table(24, batch_size=1, seed=5).ravel().tolist()
    assert table(24, batch_size=4, seed=5).ravel().tolist() == first
    masked = table(24, batch_size=8, seed=5, masked_loss_batch_size=4)
    assert masked[:, :4].ravel().tolist() == first
    assert table(24, batch_size=4, seed=6).ravel().tolist() != first


def test_the_budget_in_epochs(data):
    _, fitted = fit(data, epochs=3)
    history = fitted.history
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert [row["steps"] for row in history] == [5, 10, 15]
    assert [row["images"] for row in history] == [20, 40, 60]
    assert not fitted.diverged and fitted.kept_epoch == 3


@pytest.mark.parametrize(("steps", "expected"), [(3, [3]), (5, [5]), (12, [5, 10, 12])])
def test_the_budget_in_steps_ends_inside_an_epoch_and_overrules_epochs(data, steps, expected):
    model, fitted = fit(data, steps=steps, epochs=1)
    history = fitted.history
    assert [row["steps"] for row in history] == expected
    assert int(model.optimizer.iterations.numpy()) == steps
    assert history[-1]["validation_accuracy"] is not None


def test_a_step_is_that_of_sgd_with_momentum(data):
    model, _ = fit(data, steps=2, learning_rate=0.1, momentum=0.5)
    by_hand = network()
    weights, bias = (w.astype("float64") for w in by_hand.get_weights())
    velocity = [np.zeros_like(weights), np.zeros_like(bias)]
    for batch in table()[:2]:
        images, labels = data.train.images[batch], data.train.labels[batch]
        inputs = images.reshape(4, -1) / 255
        logits = inputs @ weights + bias
        error = np.exp(logits) / np.exp(logits).sum(1, keepdims=True) - np.eye(2)[labels]
        gradients = [inputs.T @ error / 4, error.mean(0)]
        velocity = [0.5 * v - 0.1 * g for v, g in zip(velocity, gradients, strict=True)]
        weights, bias = weights + velocity[0], bias + velocity[1]
    np.testing.assert_allclose(model.get_weights()[0], weights, atol=1e-5)
    np.testing.assert_allclose(model.get_weights()[1], bias, atol=1e-5)


def test_a_loss_that_is_not_a_number_ends_the_run_as_diverged(data):
    config = create(epochs=50).model_copy(update={"learning_rate": 1e30})  # more than is allowed
    model = network()
    loop.compile_model(model, config, len(data.train))
    fitted = loop.fit(model, data, config, recalibration.Observed(model))
    assert fitted.diverged and len(fitted.history) < 50


def test_an_exploding_loss_ends_the_run_as_diverged(data):
    _, fitted = fit(data, learning_rate=1e6, epochs=50)
    assert fitted.diverged and len(fitted.history) == 1 and fitted.history[0]["steps"] <= 5


def test_weights_that_overflow_in_the_last_step_are_a_divergence_too(data):
    with np.errstate(invalid="ignore"):
        # Larger than parameters may be: what the network of the book does at a smaller one, this one does here.
        config = create(steps=1).model_copy(update={"learning_rate": 3e38})
        model = network()
        loop.compile_model(model, config, len(data.train))
        fitted = loop.fit(model, data, config, recalibration.Observed(model))
    # The loss of a step is that before its update: only validation sees what became of the weights.
    assert math.isfinite(fitted.history[0]["train_loss"]) and not math.isfinite(fitted.history[0]["validation_loss"])
    assert fitted.diverged


@pytest.mark.parametrize(("limit", "steps"), [(0.0, 1), (math.inf, 5), (math.nan, 1), (1e3, 5)])
def test_an_epoch_ends_where_its_mean_loss_is_not_below_the_limit(data, limit, steps):
    model = network()
    loop.compile_model(model, create(), len(data.train))
    program = TrainingProgram(model, limit)
    epoch = program(data.train.images, data.train.labels.astype("int32"), table(), 5, 4)
    assert epoch.steps == steps and math.isfinite(epoch.loss)


@pytest.mark.parametrize("soft", [False, True])
def test_a_program_trains_as_keras_does(data, soft):
    parameters = {"label_smoothing": 0.1} if soft else {}
    model, fitted = fit(data, normalized(), epochs=2, weight_decay=1e-3, **parameters)
    # The same network of Keras's own layers and optimizer, one batch after the other.
    plain = keras.models.clone_model(normalized(), clone_function=lambda layer: _of_keras(layer))
    plain.set_weights(normalized().get_weights())
    optimizer = keras.optimizers.SGD(0.1, 0.9, weight_decay=1e-3)
    optimizer.exclude_from_weight_decay(var_names=["beta", "bias"])
    plain.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    targets = np.eye(2)[data.train.labels] * (0.9 if soft else 1) + (0.05 if soft else 0)
    losses = []
    for epoch in range(2):
        steps = [plain.train_on_batch(data.train.images[b].astype("float32"), targets[b]) for b in table(epoch=epoch)]
        losses.append(np.mean(steps))
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
    np.testing.assert_allclose([row["train_loss"] for row in fitted.history], losses, rtol=1e-3)


def _of_keras(layer):
    if isinstance(layer, keras.layers.BatchNormalization):
        return keras.layers.BatchNormalization.from_config(layer.get_config())
    return type(layer).from_config(layer.get_config())


def test_progress_is_printed_epoch_by_epoch(data, capsys):
    fit(data, epochs=2, seed=7)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("batch size")]
    assert len(lines) == 2 and lines[1].startswith("batch size 4, seed 7: epoch 2 of 2, loss")


def normalized(kind="batch", momentum=0.9, size=None):
    """A network with batch norm, or what takes its place, and weights that do not depend on the arm."""
    from smallbatch.batchnorm.layers import layer

    keras.utils.set_random_seed(0)
    plain = keras.layers.BatchNormalization(scale=False, momentum=momentum).get_config()
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(16, 3),
            layer(kind, plain, size),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )


def weights_after(data, model, **parameters):
    return fit(data, model, epochs=2, **parameters)[0].get_weights()


def test_a_masked_loss_that_keeps_all_images_is_the_ordinary_step(data):
    ordinary = weights_after(data, normalized())
    masked = weights_after(data, normalized(), masked_loss_batch_size=4)
    for ours, theirs in zip(masked, ordinary, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_masked_loss_has_few_images_in_the_loss_and_all_in_the_statistics():
    rows = table(batch_size=8, masked_loss_batch_size=3)
    assert rows.shape == (7, 8)  # 22 images with loss, three at a time
    assert len(set(rows[:, :3].ravel())) == 21
    assert all(len(set(row)) == 8 for row in rows)
    assert set(rows[0, 3:]) != set(rows[1, 3:])


def test_the_gradient_of_a_masked_loss_is_that_of_the_images_with_loss(data):
    # Without batch norm the other images must not matter at all.
    model, fitted = fit(data, steps=5, batch_size=8, masked_loss_batch_size=4)
    expected, _ = fit(data, steps=5, batch_size=4)
    for ours, theirs in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert [row["images"] for row in fitted.history] == [20]


def test_with_batch_norm_the_images_without_loss_take_part_in_the_statistics(data):
    masked = weights_after(data, normalized(), batch_size=8, masked_loss_batch_size=4)
    small = weights_after(data, normalized(), batch_size=4)
    assert np.abs(masked[0] - small[0]).max() > 1e-4


@pytest.mark.parametrize("kind", ["ghost", "group", "frozen"])
def test_every_arm_trains(data, kind):
    parameters = {"normalization": kind, "ghost_batch_size": 2 if kind == "ghost" else None}
    # A fixed scale does not tame large steps as batch statistics do.
    _, fitted = fit(data, normalized(kind, size=2), epochs=8, learning_rate=0.003, **parameters)
    assert fitted.history[-1]["train_loss"] < 0.5 * fitted.history[0]["train_loss"]
    assert math.isfinite(fitted.history[0]["lag_mean"]) == (kind == "ghost")


def test_the_statistics_of_the_frozen_arm_are_those_of_the_training_images(data):
    model, _ = fit(data, normalized("frozen"), normalization="frozen", learning_rate=1e-9)
    inputs = np.asarray(keras.Model(model.inputs, model.layers[1].output)(data.train.images.astype("float32")))
    _, moving_mean, moving_variance = model.layers[2].get_weights()
    np.testing.assert_allclose(moving_mean, inputs.mean((0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(moving_variance, inputs.var((0, 1, 2)), rtol=1e-3)


def test_scaled_momentum_keeps_the_same_share_after_the_same_images():
    images = 6400
    shares = []
    for size in (1, 4, 10, 32):
        config = create(batch_size=size, batch_norm_momentum="scaled")
        layer = keras.layers.BatchNormalization(momentum=config.momentum_of_averages())
        shares.append(layer.momentum ** (images / size))
    np.testing.assert_allclose(shares, 0.99**200, rtol=1e-9)
    assert create(batch_size=1, batch_norm_momentum="scaled").momentum_of_averages() == pytest.approx(
        0.999686, abs=1e-6
    )


def test_the_lag_of_the_moving_averages_is_traced_and_shrinks(data):
    _, fitted = fit(data, normalized(momentum=0.9), epochs=12, learning_rate=1e-9)
    lag = [row["lag_mean"] for row in fitted.history]
    # With weights that stand still a moving average forgets its start as momentum ** steps (plus its own noise).
    assert lag[1] == pytest.approx(lag[0] * 0.9**5, rel=0.25)
    assert lag[-1] < 0.3 * lag[0]
    assert all(row["seconds_lag"] >= 0 for row in fitted.history)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_weight_decay_shrinks_the_kernels_and_nothing_else(data, momentum):
    model = normalized()
    for variable in model.trainable_variables:
        variable.assign(variable + 0.5)
    before = {variable.path: variable.numpy() for variable in model.trainable_variables}
    # The rate is too small for the gradient to show; the decay takes a hundredth in each of ten steps.
    fit(data, model, epochs=2, learning_rate=1e-8, momentum=momentum, weight_decay=1e6)
    for variable in model.trainable_variables:
        kept = 0.99**10 if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(variable.numpy(), kept * before[variable.path], rtol=1e-4, err_msg=variable.path)


def test_label_smoothing_spreads_its_share_over_all_classes(data):
    model, fitted = fit(data, label_smoothing=0.1, learning_rate=1e-9, epochs=1)
    logits = np.asarray(model(data.validation.images.astype("float32")))
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(8), data.validation.labels]
    targets = np.where(np.eye(2)[data.train.labels], 0.95, 0.05)
    logits = np.asarray(model(data.train.images.astype("float32")))
    expected = -(targets * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum(1)
    shown = table().ravel()
    assert fitted.history[0]["train_loss"] == pytest.approx(expected[shown].mean(), rel=1e-4)
    # Validation is without smoothing, so that its loss can be compared between runs.
    assert fitted.history[-1]["validation_loss"] == pytest.approx(losses.mean(), rel=1e-4)
    assert 0 <= fitted.history[-1]["train_accuracy"] <= 1


def test_warm_up_rises_linearly_and_stays(data):
    model = network()
    loop.compile_model(model, create(learning_rate=0.4, warmup_epochs=2), len(data.train))
    rates = [float(model.optimizer._learning_rate(step)) for step in range(13)]
    np.testing.assert_allclose(np.diff(rates[:11]), 0.036, rtol=1e-4)
    assert rates[0] == pytest.approx(0.04) and rates[10:] == pytest.approx([0.4] * 3)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize("warmup_epochs", [0, 1])
def test_the_learning_rate_falls_to_zero_after_the_warm_up(data, kind, warmup_epochs):
    config = create(epochs=3, learning_rate=0.2, learning_rate_schedule=kind, warmup_epochs=warmup_epochs)
    model = network()
    loop.compile_model(model, config, 22)
    rates = [float(model.optimizer._learning_rate(step)) for step in range(16)]
    warm = 5 * warmup_epochs
    np.testing.assert_allclose(rates[:warm], 0.2 * (np.arange(warm) + 1) / 5, rtol=1e-6)
    done = np.arange(16 - warm) / (15 - warm)
    expected = 1 - done if kind == "linear" else (1 + np.cos(np.pi * done)) / 2
    np.testing.assert_allclose(rates[warm:], 0.2 * expected, atol=1e-7)
    assert loop.fit(model, data, config, recalibration.Observed(model)).history[-1]["steps"] == 15


def test_the_schedule_goes_by_the_steps_where_they_are_the_budget():
    model = network()
    loop.compile_model(model, create(steps=8, epochs=100, learning_rate_schedule="linear"), 22)
    assert float(model.optimizer._learning_rate(4)) == pytest.approx(0.05)


def test_early_stopping_can_go_by_the_recalibrated_loss(data, monkeypatch):
    seen = []
    real = recalibration.recalibrated
    monkeypatch.setattr(recalibration, "recalibrated", lambda *given: seen.append(1) or real(*given))
    lagging = {"epochs": 8, "early_stopping_patience": 3}
    _, by_moving = fit(data, normalized(momentum=0.999), **lagging)
    assert not seen
    _, by_recalibrated = fit(data, normalized(momentum=0.999), early_stopping_evaluation="recalibrated", **lagging)
    assert len(seen) == len(by_recalibrated.history)
    model, _ = fit(data, normalized(momentum=0.999), epochs=by_recalibrated.kept_epoch)
    observed = recalibration.Observed(model)
    with recalibration.recalibrated(observed, data.train.images):
        kept = scores(observed.inference, data.validation.images, data.validation.labels)[0].mean()
    other, _ = fit(data, normalized(momentum=0.999), epochs=by_moving.kept_epoch)
    observed = recalibration.Observed(other)
    with recalibration.recalibrated(observed, data.train.images):
        assert kept <= scores(observed.inference, data.validation.images, data.validation.labels)[0].mean()


def test_early_stopping_goes_back_to_the_best_epoch(data):
    # Two images whose labels are the wrong way round: the better the training, the worse the validation.
    wrong = Data(data.train, Split(data.validation.images, 1 - data.validation.labels), data.test, data.class_names)
    model, fitted = fit(wrong, epochs=50, early_stopping_patience=3)
    losses = [row["validation_loss"] for row in fitted.history]
    best = int(np.argmin(losses)) + 1
    assert fitted.kept_epoch == best and len(losses) == best + 3 < 50
    losses_kept, _ = scores(Inference(model), wrong.validation.images, wrong.validation.labels)
    assert losses_kept.mean() == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("name", ["flip", "mixup"])
def test_augmentation_changes_training_images_and_nothing_else(data, name):
    plain, _ = fit(data, epochs=2)
    augmented, fitted = fit(data, epochs=2, augmentation=name)
    again, same = fit(data, epochs=2, augmentation=name)
    assert [row["steps"] for row in fitted.history] == [5, 10] and not fitted.diverged
    assert np.abs(augmented.get_weights()[0] - plain.get_weights()[0]).max() > 1e-4
    np.testing.assert_array_equal(augmented.get_weights()[0], again.get_weights()[0])
    assert same.history[-1]["validation_loss"] == fitted.history[-1]["validation_loss"]


def test_augmented_images_are_trained_on_in_parts_that_add_up(data, monkeypatch):
    monkeypatch.setattr(loop, "AUGMENTED_AT_ONCE", 8)  # two batches at a time
    parts, fitted = fit(data, steps=8, augmentation="flip")
    assert [row["steps"] for row in fitted.history] == [5, 8]
    monkeypatch.setattr(loop, "AUGMENTED_AT_ONCE", 512)
    whole, expected = fit(data, steps=8, augmentation="flip")
    np.testing.assert_allclose(parts.get_weights()[0], whole.get_weights()[0], atol=1e-6)
    losses = [[row["train_loss"] for row in f.history] for f in (fitted, expected)]
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_augmentation_is_refused_before_anything_is_loaded_where_it_cannot_be_had(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ParameterError, match="augmentation = 'flip': KerasCV needs TensorFlow"):
        loop.prepare(create(augmentation="flip"))


def test_dropout_stands_after_the_last_batch_norm_or_between_them_as_asked():
    small = {"width": 0.125, "depth": 0.2, "image_size": 75}
    names = [layer.name for layer in published.build(create(**small, dropout=0.2), 3).layers]
    assert names[-2:] == ["dropout", "logits"]
    network = published.build(create(**small, dropout_between_batch_norms=0.3), 3).layers[2]
    between = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert {layer.rate for layer in between} == {0.3}
    # 2/4/2 blocks; the very last one has no batch norm of its own behind it in the trunk.
    assert [layer.name for layer in between] == [
        "block35_1_dropout", "block35_2_dropout", "block17_1_dropout", "block17_2_dropout",
        "block17_3_dropout", "block17_4_dropout", "block8_1_dropout",
    ]  # fmt: skip
    readers = [op.name for layer in between for node in layer._outbound_nodes for op in [node.operation]]
    assert "conv2d" in " ".join(readers)


JAX = """
import sys
import keras, numpy as np
from smallbatch.training import loop
from smallbatch.batchnorm.inference import Inference, scores
from smallbatch.training.steps import TrainingProgram
from smallbatch.training.config import RunConfig
assert keras.backend.backend() == "jax"
found = np.load(sys.argv[2])
model = keras.models.load_model(sys.argv[1], compile=False)
config = RunConfig.create(batch_size=8, masked_loss_batch_size=4, learning_rate=0.1, weight_decay=1e-3)
loop.compile_model(model, config, 22)
program = TrainingProgram(model, 1e3)
order = loop.Order(22, config)
epochs = [program(found["images"], found["labels"], order.epoch(k), n, 4) for k, n in ((0, 5), (1, 3))]
losses = scores(Inference(model), found["images"], found["labels"])[0]
np.savez(sys.argv[3], np.array(epochs), losses, *model.get_weights())
"""


@pytest.mark.slow
def test_jax_trains_as_tensorflow_does(data, tmp_path):
    model = normalized()
    model.save(tmp_path / "model.keras")
    labels = data.train.labels.astype("int32")
    np.savez(tmp_path / "data.npz", images=data.train.images, labels=labels)
    config = create(batch_size=8, masked_loss_batch_size=4, weight_decay=1e-3)
    loop.compile_model(model, config, 22)
    program, order = TrainingProgram(model, 1e3), loop.Order(22, config)
    epochs = [program(data.train.images, labels, order.epoch(k), n, 4) for k, n in ((0, 5), (1, 3))]
    expected = [np.array(epochs), scores(Inference(model), data.train.images, labels)[0], *model.get_weights()]
    paths = [str(tmp_path / name) for name in ("model.keras", "data.npz", "found.npz")]
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", JAX, *paths], env=environment, check=True, timeout=300)
    for ours, theirs in zip(np.load(paths[2]).values(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("given", "then"), [(None, "1"), ("0", "0")])
def test_tensorflow_is_told_to_convolve_with_onednn_unless_the_user_says_otherwise(given, then):
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"TF_ENABLE_ONEDNN_OPTS": given} if given else {})
    # Before the parameters are there, and so before any notebook imports TensorFlow.
    code = "import os, sys, smallbatch; print(os.environ['TF_ENABLE_ONEDNN_OPTS'], 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == [then, "False"]
