"""The count of layers: a small network solved by hand, memory and time from it, and XLA's own count beside it."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from keras.src.backend.common import global_state

from smallbatch.measurements.cost import counting
from smallbatch.training import model
from tests.conftest import ROOT

MIB = 2**20


def small_network():
    """A 6x6 image; a convolution with batch norm and activation, joined with a second one; pooling and a classifier."""
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(5, 3, use_bias=False, name="first")(inputs)
    x = keras.layers.BatchNormalization(scale=False, name="norm")(x)
    x = keras.layers.Activation("relu", name="relu")(x)
    y = keras.layers.Conv2D(4, 1, name="second")(x)
    x = keras.layers.Concatenate(name="join")([x, y])
    x = keras.layers.MaxPooling2D(2, name="pool")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(inputs, keras.layers.Dense(3, name="logits")(x))


@pytest.fixture(scope="module")
def counted():
    return counting.layers(small_network()).set_index("layer")


def test_layers_solved_by_hand(counted):
    # The first map has 4x4 positions and 5 channels, the joined one 9 channels.
    assert counted["inputs"].to_dict() == {
        "first": 72, "norm": 80, "relu": 80, "second": 80, "join": 144, "pool": 144, "mean": 36, "logits": 9,
    }  # fmt: skip
    assert counted["outputs"].to_dict() == {
        "first": 80, "norm": 80, "relu": 80, "second": 64, "join": 144, "pool": 36, "mean": 9, "logits": 3,
    }  # fmt: skip
    kernels = {name: kernel for name, kernel in counted["kernel"].items() if kernel}
    assert kernels == {"first": 3 * 3 * 2 * 5, "second": 5 * 4, "logits": 9 * 3}
    products = {name: number for name, number in counted["multiplications"].items() if number}
    assert products == {"first": 90 * 16, "second": 20 * 16, "logits": 27}


def test_what_the_backward_pass_needs_is_kept_once(counted):
    assert counted["read_back"].to_dict() == {
        "first": 72, "norm": 80, "relu": 80, "second": 80, "join": 0, "pool": 144 + 36, "mean": 0, "logits": 9,
    }  # fmt: skip
    # The second convolution reads what the activation keeps already.
    assert (counted["read_back"] - counted["kept"]).to_dict() == dict.fromkeys(counted.index, 0) | {"second": 80}


def test_an_inner_model_counts_as_its_layers():
    inputs = keras.Input((6, 6, 2))
    outer = keras.Model(inputs, keras.layers.Softmax(name="last")(small_network()(inputs)))
    table = counting.layers(outer).set_index("layer").drop(index="last")
    inner = counting.layers(small_network()).set_index("layer")
    pd.testing.assert_frame_equal(table.loc[inner.index].drop(columns="kept"), inner.drop(columns="kept"))
    # Keras may list them in another order, and so another layer is the first to keep a number.
    assert table["kept"].sum() == inner["kept"].sum() == 421


def test_memory_by_hand(counted):
    # Kept: 72 + 80 + 80 + 0 + 180 + 9 = 421 numbers an image. The widest layer joins 144 numbers into 144.
    trainable, others = 90 + 5 + (20 + 4) + (27 + 3), 2 * 5
    network = small_network()
    assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == trainable
    found = counting.memory_mib(counted.reset_index(), 4, trainable, others)
    assert found * MIB == pytest.approx(4 * (4 * (421 + 288) + 3 * trainable + others), rel=1e-12)


def test_work_of_a_step_by_hand(counted):
    work = counting.work(counted.reset_index(), 4).set_index("layer")
    assert work["operations"].sum() == 3 * 2 * 4 * (1440 + 320 + 27)
    # Forward: in 80, out 80. Backward: reads the gradient of 80 and the 80 kept, writes 80.
    assert work.loc["relu", "bytes"] == 4 * 4 * 400
    assert work.loc["first", "bytes"] == 4 * (4 * (3 * 72 + 2 * 80) + 8 * 90)
    assert work["starts"].to_dict() == dict.fromkeys(counted.index, 2) | {"first": 4, "second": 4, "logits": 4}


def test_a_layer_takes_the_longest_of_computing_moving_and_starting():
    table = pd.DataFrame(
        [
            # 6 x 2 x 1e6 = 1.2e7 operations: 1.2 s at 1e7 a second
            {"layer": "computes", "inputs": 10, "outputs": 10, "read_back": 10, "kernel": 10, "multiplications": 10**6},
            # 4 x 2 x (2 x 2000 + 1000) = 40,000 bytes: 0.4 s at 1e5 a second
            {"layer": "moves", "inputs": 1000, "outputs": 1000, "read_back": 1000, "kernel": 0, "multiplications": 0},
            # 2 starts of 0.1 s
            {"layer": "starts", "inputs": 1, "outputs": 1, "read_back": 0, "kernel": 0, "multiplications": 0},
        ]
    )
    assert counting.seconds(table, 2, 1e7, 1e5, 0.1) == pytest.approx(1.2 + 0.4 + 0.2)
    # Starting costs the same at every batch size, the rest grows with it.
    assert counting.seconds(table, 4, 1e7, 1e5, 0.1) == pytest.approx(2.4 + 0.8 + 0.2)


def test_networks_without_values_do_not_delay_those_that_follow():
    waiting = list(global_state.get_global_attribute("uninitialized_variables", []))
    with model.without_values():
        empty = small_network()
    assert global_state.get_global_attribute("uninitialized_variables", []) == waiting
    assert len(counting.layers(empty)) == 8
    outputs = small_network()(np.ones((2, 6, 6, 2), np.float32))
    assert outputs.shape == (2, 3)


@pytest.mark.slow
def test_operations_and_arguments_agree_with_xla():
    """On JAX, with the training step that the notebook compiles: no padding here, so XLA counts what we count."""
    code = """
import json, jax
from smallbatch.training import model
from smallbatch.measurements.cost.process import abstract_step
from tests.measurements.cost.test_counting import small_network
with model.without_values():
    network = small_network()
step, state = abstract_step(network)
found = {}
for size in (8, 64):
    batch = jax.ShapeDtypeStruct((size, 6, 6, 2), "uint8"), jax.ShapeDtypeStruct((size,), "int32")
    lowered = jax.jit(step, donate_argnums=0).lower(state, *batch)
    memory = lowered.compile().memory_analysis()
    found[size] = {"flops": lowered.cost_analysis()["flops"], "arguments": memory.argument_size_in_bytes,
                   "donated": memory.alias_size_in_bytes, "temporary": memory.temp_size_in_bytes}
print(json.dumps(found))
"""
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    trainable, others = 149, 10
    for size in (8, 64):
        one = found[str(size)]
        # The gradient of the images themselves is not asked for; the rest is a few operations per number.
        products = 2 * size * (2 * 1440 + 3 * 320 + 3 * 27)
        assert products < one["flops"] < 2 * products
        assert one["donated"] == 4 * (2 * trainable + others)
        assert one["arguments"] == one["donated"] + size * (72 + 4)
    # Temporaries grow with the batch by what is kept, less what is computed twice instead, and what convolutions copy.
    per_image = (found["64"]["temporary"] - found["8"]["temporary"]) / 56
    assert 0.5 * 4 * 421 < per_image < 4 * 4 * 421
