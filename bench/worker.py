"""One contender in a process of its own: builds its network once, then times training steps on request.

Usage: python -m bench.worker CONTENDER IMAGE_SIZE WIDTH DEPTH THREADS. Each line of standard input is a batch size and
a number of steps; each is answered by a line of JSON on standard output.
"""

import json
import os
import resource
import sys
import time

import numpy as np

N_CLASSES = 10
# What this project's training is given at once.
N_IMAGES, MOST_STEPS = 128, 64


class Clock:
    """Notes the time at the end of each step."""

    def __init__(self):
        self.times: list[float] = []

    def seconds(self, steps: int) -> list[float]:
        """Return how long each of the last steps took, the first of them not counted."""
        return [float(s) for s in np.diff(self.times)[-steps:]]


def random_images(n: int, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images, uint8 (n, side, side, 3), and labels."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (n, image_size, image_size, 3), dtype=np.uint8)
    return images, generator.integers(0, N_CLASSES, n)


def ours(image_size: int, width: float, depth: float, threads: int):
    """Return what times this project's training, as `retrain.ipynb` does it."""
    from smallbatch.training import loop, model
    from smallbatch.training.config import RunConfig
    from smallbatch.training.steps import TrainingProgram, place

    config = RunConfig.create(image_size=image_size, width=width, depth=depth, threads=threads)
    loop.prepare(config)
    network = model.build(config, N_CLASSES)
    loop.compile_model(network, config, n_train=1000)
    programs = {}  # by batch size, of which a run has one

    def run(batch_size: int, steps: int) -> list[float]:
        images, labels = random_images(N_IMAGES, image_size)
        placed = place(images), place(labels.astype(np.int32))
        table = np.resize(np.arange(N_IMAGES), (MOST_STEPS, batch_size))
        if batch_size not in programs:
            programs[batch_size] = TrainingProgram(network, limit=float("inf"))
            programs[batch_size](*placed, table, 1, batch_size)  # compiles
        # One call is one program: what a step takes shows only as a mean.
        start = time.perf_counter()
        programs[batch_size](*placed, table, max(1, steps), batch_size)
        return [(time.perf_counter() - start) / max(1, steps)]

    return run


def stock(image_size: int, width: float, depth: float, threads: int):
    """Return what times Keras alone, as a tutorial would write it; the backend is that of the process."""
    import keras

    _use_threads(threads)
    network = _published(image_size, width, depth)
    inputs = keras.Input((image_size, image_size, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    network = keras.Model(inputs, keras.layers.Dense(N_CLASSES)(network(scaled)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(0.01, momentum=0.9), loss, metrics=["accuracy"])

    def run(batch_size: int, steps: int) -> list[float]:
        images, labels = random_images(batch_size * (steps + 1), image_size)
        return _fit(network, steps, images.astype("float32"), labels, batch_size=batch_size)

    return run


def _published(image_size: int, width: float, depth: float):
    import keras

    if (width, depth) == (1.0, 1.0):
        return keras.applications.InceptionResNetV2(
            include_top=False, weights=None, input_shape=(image_size, image_size, 3), pooling="avg"
        )
    # A miniature exists only here; with Keras's own batch norm it is what a tutorial would have made of it.
    from smallbatch.training import model

    def with_stock_batch_norm(layer):
        if isinstance(layer, keras.layers.BatchNormalization):
            return keras.layers.BatchNormalization.from_config(layer.get_config())
        return type(layer).from_config(layer.get_config())

    return keras.models.clone_model(
        model.inception_resnet_v2(image_size, width, depth), clone_function=with_stock_batch_norm
    )


def _use_threads(threads: int) -> None:
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)


def _fit(network, steps: int, *data, **options) -> list[float]:
    import keras

    clock = Clock()

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock.times.append(time.perf_counter())

    network.fit(*data, epochs=1, verbose=0, callbacks=[Note()], **options)
    return clock.seconds(steps)


def timm(image_size: int, width: float, depth: float, threads: int):
    """Return what times PyTorch with timm's network; there is no miniature of it."""
    import torch

    from bench.timm_stub import inception_resnet_v2

    torch.set_num_threads(threads)
    network = inception_resnet_v2(N_CLASSES)
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)

    def run(batch_size: int, steps: int) -> list[float]:
        images, labels = random_images(batch_size * (steps + 1), image_size)
        clock = Clock()
        for k in range(steps + 1):
            part = slice(k * batch_size, (k + 1) * batch_size)
            batch = torch.from_numpy(images[part].transpose(0, 3, 1, 2).astype("float32") / 127.5 - 1)
            loss = torch.nn.functional.cross_entropy(network(batch), torch.from_numpy(labels[part]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            clock.times.append(time.perf_counter())
        return clock.seconds(steps)

    return run


def main(contender: str, image_size: int, width: float, depth: float, threads: int) -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever frameworks print must not end up among the answers
    make = {"ours": ours, "keras-tensorflow": stock, "keras-jax": stock, "pytorch-timm": timm}[contender]
    run = make(image_size, width, depth, threads)
    for line in sys.stdin:
        batch_size, steps = map(int, line.split())
        seconds = run(batch_size, steps)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "memory_mib": round(peak)}), file=answers)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
