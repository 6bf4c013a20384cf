"""Every operation of the compiled training has a kernel for a GPU, in every condition: none is left to the CPU.

TensorFlow moves what has no such kernel to the CPU, silently and at each step. Its wheels for Linux are built with CUDA
and register their kernels without a card too; where a build has none (macOS), there is nothing to test.
"""

import keras
import numpy as np
import pytest

from smallbatch.training import loop
from smallbatch.training import model as published
from smallbatch.training.config import RunConfig
from smallbatch.training.steps import TrainingProgram, place

SMALL = {"width": 0.125, "depth": 0.1, "image_size": 107, "batch_size": 4}
CONDITIONS = {
    "batch": {},
    "ghost": {"normalization": "ghost", "ghost_batch_size": 2},
    "group": {"normalization": "group"},
    "frozen": {"normalization": "frozen"},
    "everything else": {
        "masked_loss_batch_size": 2, "dropout": 0.1, "dropout_between_batch_norms": 0.1, "weight_decay": 0.1,
        "label_smoothing": 0.1, "learning_rate_schedule": "cosine", "warmup_epochs": 1.0,
        "followed_batch_norm_momenta": [0.9, "scaled"],
    },
    "without momentum": {"momentum": 0.0, "warmup_epochs": 1.0, "trainable": "conv_7b"},
}  # fmt: skip


def graph_of(condition):
    """Return the compiled training of a network in a condition, as TensorFlow's nodes; nothing is run."""
    config = RunConfig.create(**SMALL, **condition)
    model = published.build(config, 3, 8)
    loop.compile_model(model, config, 8)
    labels = np.zeros((8, 3), "float32") if loop.has_soft_labels(config) else np.zeros(8, "int32")
    images = np.zeros((8, 107, 107, 3), "uint8")
    return nodes_of(TrainingProgram(model, 1e3), images, labels, config)


def nodes_of(program, images, labels, config):
    import tensorflow as tf

    table = tf.zeros((2, config.batch_size), tf.int32)
    compiled = program._run.compiled.get_concrete_function(
        place(images), place(labels), table, tf.constant(2), config.sgd_batch_size
    )
    graph = compiled.graph.as_graph_def()
    functions = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return [node for node in nodes if node.op not in functions]


def without_gpu_kernel(nodes):
    """Return the operations, with their types, that no kernel for a GPU fits; of some the kernel is for any device."""
    from tensorflow.python.framework.kernels import get_registered_kernels_for_op

    found = set()
    for node in nodes:
        kernels = [k for k in get_registered_kernels_for_op(node.op).kernel if k.device_type in ("GPU", "DEFAULT")]
        if not any(all(_fits(node, constraint) for constraint in kernel.constraint) for kernel in kernels):
            found.add((node.op, *sorted(f"{name}={value.type}" for name, value in node.attr.items() if value.type)))
    return found


def _fits(node, constraint):
    given = node.attr[constraint.name]
    return {*([given.type] if given.type else given.list.type)} <= {*constraint.allowed_values.list.type}


@pytest.fixture(autouse=True)
def _kernels():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow" or not tf.test.is_built_with_cuda():
        pytest.skip("this build of TensorFlow has no kernels for GPUs")


# One of them every time: compiling a network takes some seconds.
@pytest.mark.parametrize(
    "name", [name if name == "ghost" else pytest.param(name, marks=pytest.mark.slow) for name in CONDITIONS]
)
def test_every_operation_of_the_training_has_a_kernel_for_a_gpu(name):
    nodes = graph_of(CONDITIONS[name])
    assert {"While", "Conv2D", "Conv2DBackpropFilter", "ResourceGather"} <= {node.op for node in nodes}
    assert without_gpu_kernel(nodes) == set()


def test_the_gather_of_bytes_from_a_tensor_would_be_found():
    import tensorflow as tf

    @tf.function
    def gathered(images, rows):
        return tf.gather(images, rows)

    signature = tf.TensorSpec((8, 4, 4, 3), tf.uint8), tf.TensorSpec((2,), tf.int32)
    nodes = gathered.get_concrete_function(*signature).graph.as_graph_def().node
    assert {op for op, *_ in without_gpu_kernel(nodes)} == {"GatherV2"}


def test_images_that_are_placed_anew_do_not_compile_the_program_anew():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    loop.compile_model(model, RunConfig.create(batch_size=4), 8)
    program = TrainingProgram(model, 1e9)
    table = np.arange(8).reshape(2, 4)
    for seed in range(3):
        images = np.random.default_rng(seed).integers(0, 256, (8, 4, 4, 3)).astype("uint8")
        assert program(images, np.arange(8, dtype="int32") % 2, table, 2, 4).steps == 2
    assert program._run.compiled.experimental_get_tracing_count() == 1
