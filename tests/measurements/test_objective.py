"""The loss as a function of flat weights: against finite differences, and one backend against the other."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements import objective as module
from smallbatch.measurements.objective import Objective
from tests.conftest import ROOT


def network():
    """Smooth, so that finite differences hold, with batch norm far from its initial statistics, and dropout."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((5, 5, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(2, 3),
            keras.layers.BatchNormalization(scale=False),
            keras.layers.Activation("tanh"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(3, kernel_initializer="random_normal"),
        ]
    )
    normalization = model.layers[2]
    normalization.moving_mean.assign([0.3, -0.2])
    normalization.moving_variance.assign([0.1, 0.4])
    model.layers[-1].kernel.assign(np.random.default_rng(4).normal(size=(2, 3)))
    return model


def images(n=7):
    generator = np.random.default_rng(2)
    return generator.integers(0, 256, (n, 5, 5, 3)).astype(np.uint8), generator.integers(0, 3, n)


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture(scope="module")
def objective(model):
    return Objective(model, *images())


def test_the_weights_are_the_trainable_variables_in_order(model, objective):
    variables = [variable.numpy().ravel() for variable in model.trainable_variables]
    np.testing.assert_array_equal(objective.weights, np.concatenate(variables))
    assert objective.n_images == 7


def test_the_loss_is_the_cross_entropy_with_stored_statistics(model, objective):
    pixels, labels = images()
    logits = model.predict(pixels.astype("float32"), verbose=0).astype(np.float64)
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(7), labels]
    assert objective.loss(objective.weights) == pytest.approx(losses.mean(), rel=1e-5)
    assert objective.loss(objective.weights, [2, 5, 5]) == pytest.approx(losses[[2, 5, 5]].mean(), rel=1e-5)


@pytest.mark.parametrize("indices", [None, [3], [0, 4, 4]])
def test_the_gradient_is_the_slope_of_the_loss(objective, indices):
    step = 1e-2
    slopes = [
        (objective.loss(objective.weights + e, indices) - objective.loss(objective.weights - e, indices)) / (2 * step)
        for e in step * np.eye(len(objective.weights))
    ]
    gradient = objective.gradient(objective.weights, indices)
    assert np.abs(gradient).max() > 0.05
    np.testing.assert_allclose(gradient, slopes, atol=3e-4)


def test_chunks_give_what_one_chunk_gives(model, objective, monkeypatch):
    weights = objective.weights
    whole = objective.loss(weights), objective.gradient(weights)
    monkeypatch.setattr(module, "CHUNK", 3)  # 3 + 3 + 1
    chunked = objective.loss(weights), objective.gradient(weights)
    for one, other in zip(whole, chunked, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_float_images_are_as_good_as_bytes(model, objective):
    pixels, labels = images()
    other = Objective(model, pixels.astype(np.float32), labels)
    assert other.loss(other.weights) == objective.loss(objective.weights)


def test_the_model_is_left_as_it_was(model, objective):
    before = [variable.numpy().copy() for variable in model.variables]
    elsewhere = objective.weights + 1
    objective.loss(elsewhere)
    objective.gradient(elsewhere)
    with pytest.raises(ValueError):
        objective.loss(elsewhere[:-1])
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_training_the_model_further_does_not_change_the_objective():
    model = network()
    objective = Objective(model, *images())
    loss = objective.loss(objective.weights)
    for variable in model.variables:
        if "seed" not in variable.path:
            variable.assign(variable + 1)
    assert objective.loss(objective.weights) == loss


def in_batch_statistics(model, indices):
    """The cross-entropy of a batch that batch norm normalizes by itself, layer by layer and without dropout."""
    pixels, labels = images()
    x = pixels[indices].astype("float32")
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            x = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + layer.epsilon) + layer.beta.numpy()
        elif not isinstance(layer, keras.layers.Dropout):
            x = np.asarray(layer(x))
    return (np.log(np.exp(x).sum(1)) - x[np.arange(len(x)), labels[indices]]).mean()


@pytest.mark.parametrize("indices", [[3], [0, 4, 4], [6, 5, 4, 3, 2, 1, 0]])
def test_batch_statistics_are_those_of_the_images_of_a_call(model, indices, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 2)  # the images of a batch must not be torn apart
    before = [variable.numpy().copy() for variable in model.variables]
    batch = Objective(model, *images(), batch_statistics=True)
    assert batch.loss(batch.weights, indices) == pytest.approx(in_batch_statistics(model, indices), rel=1e-4)
    step = 1e-2
    slopes = [
        (batch.loss(batch.weights + e, indices) - batch.loss(batch.weights - e, indices)) / (2 * step)
        for e in step * np.eye(len(batch.weights))
    ]
    np.testing.assert_allclose(batch.gradient(batch.weights, indices), slopes, atol=2e-3)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_batch_norm_takes_the_scale_of_its_input_out_of_the_loss():
    """So the gradient of a batch has no part along the weights in front of it; with stored statistics it has one."""
    model = network()
    kernel = model.layers[1].kernel
    size = int(np.prod(kernel.shape))
    along = {}
    for together in (False, True):
        objective = Objective(model, *images(), batch_statistics=together)
        gradient = objective.gradient(objective.weights)[:size]
        along[together] = abs(gradient @ objective.weights[:size]) / np.linalg.norm(gradient)
    assert along[True] < 0.05 * along[False]


def test_an_update_takes_over_what_the_model_has_now():
    model = network()
    objective = Objective(model, *images())
    for variable in model.variables:
        if "seed" not in variable.path:
            variable.assign(variable + 0.1)
    objective.update()
    assert objective.loss(objective.weights) == Objective(model, *images()).loss(objective.weights)
    np.testing.assert_array_equal(objective.weights[:54], model.layers[1].kernel.numpy().ravel())


def test_images_without_labels_are_refused(model):
    pixels, labels = images()
    with pytest.raises(ParameterError, match=r"labels has length 6, images 7\. Allowed: one label per image"):
        Objective(model, pixels, labels[:-1])


def test_a_backend_without_stateless_calls_is_refused(model, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ParameterError, match=r"KERAS_BACKEND = 'torch'.*Allowed: tensorflow, jax"):
        Objective(model, *images())


def write_numbers(folder: Path) -> None:
    """Save what an objective computes, from the weights in the folder if there are some."""
    model = network()
    given = folder / "weights.npz"
    if given.exists():
        model.set_weights(list(np.load(given).values()))
    else:
        np.savez(given, *model.get_weights())
    objective = Objective(model, *images())
    together = Objective(model, *images(), batch_statistics=True)
    np.savez(
        folder / f"{keras.backend.backend()}.npz",
        loss=objective.loss(objective.weights),
        gradient=objective.gradient(objective.weights),
        gradient_of_a_batch=together.gradient(together.weights, [0, 4, 4, 2]),
    )


@pytest.mark.slow
def test_both_backends_compute_the_same(tmp_path):
    write_numbers(tmp_path)
    here = keras.backend.backend()
    other = {"tensorflow": "jax", "jax": "tensorflow"}[here]
    code = f"from tests.measurements.test_objective import Path, write_numbers; write_numbers(Path({str(tmp_path)!r}))"
    environment = os.environ | {"KERAS_BACKEND": other}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=300)
    expected, actual = np.load(tmp_path / f"{here}.npz"), np.load(tmp_path / f"{other}.npz")
    for name in expected.files:
        np.testing.assert_allclose(actual[name], expected[name], atol=1e-5, err_msg=name)
