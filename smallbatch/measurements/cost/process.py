"""What is measured in a process of its own, so that no peak of memory hides behind an earlier one; and asking for it.

`python -m smallbatch.measurements.cost.process` reads one request (JSON) from standard input and writes its answer
(JSON) as the only line of standard output.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from smallbatch.measurements.cost.parameters import N_CLASSES
from smallbatch.training.config import RunConfig

N_IMAGES, IMAGES_EVALUATED = 64, 8
MIB = 2**20
MOST_STEPS = 500
# Random labels teach nothing; a step this small keeps the numbers what they are, and takes as long as any other.
LEARNING_RATE = 1e-6


def ask(task: str, backend: str | None = None, **request) -> dict:
    """Return the answer of this module, run in a fresh process, to a request; raise `RuntimeError` where it fails."""
    environment = os.environ | ({"KERAS_BACKEND": backend} if backend else {}) | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps({"task": task} | request), env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise RuntimeError(f"{task} {request} ended with status {done.returncode}: {last}")
    return json.loads(done.stdout)


def train(config: dict, rounds: int, seconds_of_a_round: float, evaluate: bool) -> dict:
    """Time training steps as `retrain.ipynb` makes them, on random images, and watch the memory.

    Returns `start_up_seconds`, to the end of the first step; `seconds_per_step`, of each round;
    `evaluation_seconds_per_image`, of each round (empty unless `evaluate`); `memory_before_mib`, held when network and
    images are in place, and `memory_peak_mib`, the most until the end of training: of the accelerator where there is
    one, else of this process.
    """
    start = time.perf_counter()
    run = RunConfig.create(**config, learning_rate=LEARNING_RATE)
    from smallbatch.batchnorm.inference import Inference
    from smallbatch.training import loop, model
    from smallbatch.training.steps import TrainingProgram, place

    loop.prepare(run)
    network = model.build(run, N_CLASSES)
    loop.compile_model(network, run, N_IMAGES)
    images, labels = random_images(run.image_size, run.seed)
    placed = place(images), place(labels)
    table = np.resize(np.arange(N_IMAGES), (MOST_STEPS, run.batch_size))
    memory_before = _memory_mib("held")
    program = TrainingProgram(network, limit=float("inf"))

    def steps(n: int) -> None:
        done = program(*placed, table, n, run.batch_size)
        if done.steps != n:  # as it is where the loss is not a number
            raise RuntimeError(f"training stopped after {done.steps} of {n} steps")

    steps(1)
    start_up = time.perf_counter() - start
    n = int(np.clip(round(seconds_of_a_round / _seconds(lambda: steps(1))), 1, MOST_STEPS))
    per_step = [_seconds(lambda: steps(n)) / n for _ in range(rounds)]
    memory_peak = _memory_mib("peak")
    per_image = []
    if evaluate:
        inference, some = Inference(network), images[:IMAGES_EVALUATED].astype(np.float32)
        inference(some)  # compiles
        per_image = [_seconds(lambda: inference(some)) / IMAGES_EVALUATED for _ in range(rounds)]
    return {
        "start_up_seconds": start_up,
        "seconds_per_step": per_step,
        "evaluation_seconds_per_image": per_image,
        "memory_before_mib": memory_before,
        "memory_peak_mib": memory_peak,
    }


def compiled_memory(image_size: int, batch_sizes: list[int]) -> dict:
    """Return for each batch size what XLA says of a compiled training step of the full network; JAX only.

    `memory_mib` is that of arguments, results and temporaries, `operations` is XLA's own count of floating-point
    operations. Nothing is run, and no weights are drawn.
    """
    import jax

    from smallbatch.training import model

    with model.without_values():
        run = RunConfig.create(image_size=image_size, width=1.0, depth=1.0)
        network = model.build(run, N_CLASSES)
    step, state = abstract_step(network)
    options = {"xla_backend_optimization_level": 0} if jax.default_backend() == "cpu" else None
    found = {}
    for size in batch_sizes:
        shape = (size, image_size, image_size, 3)
        batch = jax.ShapeDtypeStruct(shape, "uint8"), jax.ShapeDtypeStruct((size,), "int32")
        lowered = jax.jit(step, donate_argnums=0).lower(state, *batch)
        # How well the machine's instructions are chosen does not change the memory, but takes half of the time.
        memory = lowered.compile(compiler_options=options).memory_analysis()
        total = (
            memory.argument_size_in_bytes
            + memory.output_size_in_bytes
            - memory.alias_size_in_bytes
            + memory.temp_size_in_bytes
        )
        found[size] = {"memory_mib": total / MIB, "operations": lowered.cost_analysis()["flops"]}
    return found


def abstract_step(network):
    """Return a training step of a network for JAX, and the shapes of its state: weights, other variables, velocity.

    The step is that of `steps.training_in_jax`, with the update written out: Keras's optimizer wants variables with
    values.
    """
    import jax
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(state, images, labels):
        weights, others, velocity = state

        def loss_of(weights):
            logits, changed = network.stateless_call(weights, others, images.astype("float32"), training=True)
            return loss(labels, logits), changed

        (value, others), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
        velocity = [0.9 * v - 0.01 * g for v, g in zip(velocity, gradients, strict=True)]
        weights = [w + v for w, v in zip(weights, velocity, strict=True)]
        return (weights, others, velocity), value

    groups = (network.trainable_variables, network.non_trainable_variables, network.trainable_variables)
    return step, tuple([jax.ShapeDtypeStruct(v.shape, v.dtype) for v in group] for group in groups)


def random_images(image_size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (n, side, side, 3), and labels, int32 (n,)."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (N_IMAGES, image_size, image_size, 3), dtype=np.uint8)
    return images, generator.integers(0, N_CLASSES, N_IMAGES, dtype=np.int32)


def _seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _memory_mib(which: str) -> float:
    """Return the memory "held" now or its "peak" so far, in MiB."""
    device = _accelerator_bytes()
    if device:
        return device[which] / MIB
    statm = Path("/proc/self/statm")
    if which == "held" and statm.is_file():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MIB if sys.platform == "darwin" else 2**10)


def _accelerator_bytes() -> dict[str, int] | None:
    """Return bytes held and their peak on the first accelerator; None where the CPU computes."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            return None
        found = tf.config.experimental.get_memory_info("GPU:0")
        return {"held": found["current"], "peak": found["peak"]}
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return None
    found = device.memory_stats()
    return {"held": found["bytes_in_use"], "peak": found["peak_bytes_in_use"]}


def main() -> None:
    """Answer the request on standard input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever frameworks print must not end up in the answer
    request = json.load(sys.stdin)
    answer = {"train": train, "compiled_memory": compiled_memory}[request.pop("task")](**request)
    print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
