"""The least time that a training step can take on a machine: what it must move, and what it must compute.

Counted for convolutions and the classifier only, and as if each number were read and written once where it is needed:
no program can be faster than this with these operations in float32, and none gets quite there.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from smallbatch.measurements.cost.counting import operations_and_bytes as count

__all__ = ["count", "matrix_rate", "memory_bandwidth"]


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
