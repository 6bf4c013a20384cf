"""What a process is told before it trains: seeds, threads, deterministic operations."""

import os

import keras

from smallbatch.errors import require
from smallbatch.training.config import RunConfig
from smallbatch.training.data import augmentation


def prepare(config: RunConfig) -> None:
    """Make the run repeatable: seed everything, fix the number of threads, ask for deterministic operations.

    On a GPU only where `DETERMINISTIC` is set in the environment, since they are slower there.

    Call it before the first model is built: the backends read the number of threads only once. Raises
    `ParameterError` where the backend cannot do what is asked for.
    """
    if config.augmentation != "none":
        augmentation.check_backend(config.augmentation)
    if keras.backend.backend() == "tensorflow":
        _prepare_tensorflow(config.threads)
    elif keras.backend.backend() == "jax":
        _prepare_jax(config)
    keras.utils.set_random_seed(config.seed)


def _prepare_jax(config: RunConfig) -> None:
    require("jit_compile", config.jit_compile, not config.jit_compile, "False with JAX, which always compiles with XLA")
    flags = ["--xla_cpu_multi_thread_eigen=false"] if config.threads == 1 else []
    if os.environ.get("DETERMINISTIC"):
        flags.append("--xla_gpu_deterministic_ops=true")
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags]).strip()


def _prepare_tensorflow(threads: int) -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        if os.environ.get("DETERMINISTIC"):
            tf.config.experimental.enable_op_determinism()
        return
    tf.config.experimental.enable_op_determinism()
    try:
        # Operations side by side, such as the branches of a block, each on one thread: sharing out single operations
        # costs more than it gains at these sizes, and would round sums differently.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        # A session that has computed already keeps its threads.
        print(f"TensorFlow is already running; restart the kernel to use threads = {threads}.")
