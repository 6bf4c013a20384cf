"""Ways of computing: mixed precision, XLA, deterministic operations on a GPU; by default none changes anything."""

import json

import keras
import numpy as np
import pytest

from smallbatch.batchnorm import recalibration
from smallbatch.batchnorm.inference import Inference
from smallbatch.errors import ParameterError
from smallbatch.study.notebooks import config_class
from smallbatch.training import loop
from smallbatch.training import model as published
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data
from tests.conftest import ROOT
from tests.training.test_loop import split

TENSORFLOW = keras.backend.backend() == "tensorflow"
MIXED = ("mixed_bfloat16", "mixed_float16")


def test_every_published_training_keeps_its_name():
    n = 0
    for file in (ROOT / "results").glob("*/runs/*/record.json"):
        record = json.loads(file.read_text())
        if "notebook" not in record:
            n += 1
            assert RunConfig.create(**record["parameters"]).run_id() == record["run"] == file.parent.name
    assert n > 400


@pytest.mark.parametrize("change", [{"precision": "mixed_float16"}, {"jit_compile": True}])
def test_another_way_of_computing_is_another_run_and_measurements_refuse_it(change):
    assert RunConfig.create(**change).run_id() != RunConfig.create().run_id()
    with pytest.raises(ParameterError, match="gradient_noise measures training as it is by default"):
        config_class("gradient_noise").create(**change)


def fit(precision="float32", jit_compile=False):
    """Train a small network with batch norm for two epochs; return it, its history and some of its logits."""
    keras.utils.set_random_seed(0)
    config = RunConfig.create(batch_size=4, learning_rate=0.01, epochs=2, precision=precision, jit_compile=jit_compile)
    data = Data(split(22), split(8, 1), split(10, 2), ["dark", "bright"])
    with published._precision(precision):
        model = keras.Sequential(
            [
                keras.Input((4, 4, 3)),
                keras.layers.Rescaling(1 / 255),
                keras.layers.Conv2D(4, 3),
                keras.layers.BatchNormalization(),
                keras.layers.Flatten(),
                keras.layers.Dense(2, dtype="float32"),
            ]
        )
    loop.compile_model(model, config, len(data.train))
    fitted = loop.fit(model, data, config, recalibration.Observed(model))
    return model, fitted.history, Inference(model)(data.test.images.astype(np.float32))


@pytest.mark.parametrize("precision", MIXED)
def test_mixed_precision_learns_the_same_up_to_its_rounding_and_keeps_weights_and_logits_in_float32(precision):
    _, exact, exact_logits = fit()
    model, history, logits = fit(precision)
    assert logits.dtype == np.float32 and {v.dtype for v in model.trainable_variables} == {"float32"}
    assert model.layers[1].compute_dtype == precision.removeprefix("mixed_")
    for before, after in zip(exact, history, strict=True):
        assert after["train_loss"] == pytest.approx(before["train_loss"], rel=0.05)
    assert 0 < np.abs(logits - exact_logits).max() < 0.1


@pytest.mark.parametrize("precision", ["float32", *MIXED])
def test_the_published_network_computes_in_the_precision_asked_for_and_ends_in_float32(precision):
    with published.without_values():
        model = published.build(RunConfig.create(width=0.125, depth=0.1, precision=precision), n_classes=10)
    convolution = next(layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Conv2D))
    assert convolution.compute_dtype == precision.removeprefix("mixed_")
    assert convolution.variable_dtype == "float32" and model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"  # for whatever is built next


@pytest.mark.skipif(not TENSORFLOW, reason="JAX always compiles with XLA")
def test_steps_compiled_by_xla_come_to_the_same():
    _, plain, plain_logits = fit()
    _, compiled, logits = fit(jit_compile=True)
    for before, after in zip(plain, compiled, strict=True):
        assert after["steps"] == before["steps"]
        for name in ("train_loss", "validation_loss"):
            assert after[name] == pytest.approx(before[name], rel=1e-4)
    np.testing.assert_allclose(logits, plain_logits, atol=1e-4)


@pytest.mark.skipif(TENSORFLOW, reason="only JAX refuses it")
def test_jax_refuses_to_be_told_what_it_always_does():
    with pytest.raises(ParameterError, match=r"jit_compile = True is not allowed\. Allowed: False with JAX"):
        loop.prepare(RunConfig.create(jit_compile=True))


@pytest.mark.skipif(not TENSORFLOW, reason="JAX is told by a flag, which is read once")
@pytest.mark.parametrize(("setting", "asked"), [("", 0), ("1", 1)])
def test_operations_on_a_gpu_are_deterministic_where_that_is_asked_for(monkeypatch, setting, asked):
    import tensorflow as tf

    calls = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: calls.append(1))
    monkeypatch.setenv("DETERMINISTIC", setting)
    loop.prepare(RunConfig.create())
    assert len(calls) == asked
