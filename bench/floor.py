"""The least time that a training step can take on a machine: what it must move, and what it must compute.

Counted for convolutions and the classifier only, and as if each number were read and written once by whoever needs it:
no program can be faster than this with these operations in float32, and none gets quite there.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

FLOAT = 4  # bytes


def count(network: keras.Model, batch_size: int) -> tuple[float, float]:
    """Return the floating-point operations and the bytes moved of one training step of a network built by Keras.

    A layer computes its outputs, the gradient of its inputs and that of its weights, at the same number of operations
    each. It reads its inputs and writes its outputs going forward, and reads both again (the outputs' gradient) and
    writes the inputs' gradient going backward. Weights are read twice, their gradient is written and read, they and
    their velocity are read and written by the optimizer.
    """
    operations = moved = 0.0
    for layer in network._flatten_layers():
        if not isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            continue
        inputs, outputs = (int(np.prod(tensor.shape[1:])) for tensor in (layer.input, layer.output))
        kernel = int(np.prod(layer.kernel.shape))
        positions = outputs // layer.output.shape[-1]
        operations += 3 * 2 * batch_size * kernel * positions
        moved += FLOAT * (batch_size * (3 * inputs + 2 * outputs) + 8 * kernel)
    return operations, moved


def matrix_rate(size: int = 3072, repeats: int = 5) -> float:
    """Return operations per second of the best of some products of float32 matrices, on all cores."""
    a = np.random.default_rng(0).random((size, size), dtype=np.float32)
    return max(2 * size**3 / _seconds(lambda: a @ a) for _ in range(repeats))


def memory_bandwidth(threads: int, mib: int = 512, repeats: int = 5) -> float:
    """Return bytes per second, read and written, of the best of some copies of a large array by so many threads."""
    source = [np.ones(mib * 2**20 // 8 // threads) for _ in range(threads)]
    target = [np.empty_like(part) for part in source]
    with ThreadPoolExecutor(threads) as pool:

        def copy():
            list(pool.map(np.copyto, target, source))

        copy()
        return max(2 * mib * 2**20 / _seconds(copy) for _ in range(repeats))


def _seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
