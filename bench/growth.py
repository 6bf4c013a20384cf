"""How the time of training grows with images, epochs, input size and runs: `python -m bench.growth`.

Measured on the miniature at batch size 8 and written to results/bench/growth.csv, a row per quantity, value and round,
with what the time would be proportional to.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from bench import lower_bound
from bench.__main__ import NETWORKS, ROOT, Contender
from bench.worker import N_CLASSES, random_images

BATCH_SIZE, ROUNDS = 8, 3
_, WIDTH, DEPTH = NETWORKS["miniature"]
IMAGES, EPOCHS = (128, 256, 512, 1024), (1, 2, 4, 8)
SIZES = (107, 139, 171, 203, 251, 299)
RUNS, STEPS_OF_A_RUN = (1, 2, 4), 60


def trained(image_size: int, n_images: int) -> tuple[Callable[[int], float], float]:
    """Return what trains for some epochs and says how long it took, and the operations of one step."""
    from smallbatch.training import loop, model
    from smallbatch.training.config import RunConfig
    from smallbatch.training.steps import TrainingProgram, place

    config = RunConfig.create(
        image_size=image_size, width=WIDTH, depth=DEPTH, batch_size=BATCH_SIZE, threads=os.cpu_count() or 1
    )
    loop.prepare(config)
    network = model.build(config, N_CLASSES)
    loop.compile_model(network, config, n_images)
    program = TrainingProgram(network, limit=float("inf"))
    images, labels = random_images(n_images, image_size)
    placed = place(images), place(labels.astype(np.int32))
    order = loop.Order(n_images, config)

    def epochs(n: int) -> float:
        start = time.perf_counter()
        for number in range(n):
            program(*placed, order.epoch(number), order.n_steps, BATCH_SIZE)
        return time.perf_counter() - start

    program(*placed, order.epoch(0), 1, BATCH_SIZE)  # compiles
    return epochs, lower_bound.count(network, BATCH_SIZE)[0]


def growth_in_one_process() -> list[dict]:
    """Return the seconds of an epoch by images and by input size, and of several epochs."""
    rows = []
    for n_images in IMAGES:
        epochs, _ = trained(SIZES[0], n_images)
        rows += [_row("images", n_images, n_images, epochs(1)) for _ in range(ROUNDS)]
    epochs, _ = trained(SIZES[0], IMAGES[0])
    rows += [_row("epochs", n, n, epochs(n)) for n in EPOCHS for _ in range(ROUNDS)]
    for size in SIZES:
        epochs, operations = trained(size, IMAGES[0])
        rows += [_row("image size", size, operations, epochs(1)) for _ in range(ROUNDS)]
    return rows


def growth_with_runs() -> list[dict]:
    """Return the seconds until so many runs, started together and one thread each, have done the same steps each."""
    rows = []
    contenders = [Contender("ours", "miniature", threads=1) for _ in range(max(RUNS))]
    for contender in contenders:
        contender.ask(BATCH_SIZE, 1)
    for n in RUNS:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            with ThreadPoolExecutor(n) as pool:
                list(pool.map(lambda contender: contender.ask(BATCH_SIZE, STEPS_OF_A_RUN), contenders[:n]))
            rows.append(_row("runs", n, n, time.perf_counter() - start))
    for contender in contenders:
        contender.close()
    return rows


def _row(quantity: str, value: int, proportional_to: float, seconds: float) -> dict:
    return {"quantity": quantity, "value": value, "proportional_to": proportional_to, "seconds": round(seconds, 4)}


def main() -> None:
    """Measure, print and write."""
    from smallbatch.measurements.benchmark import growth_exponents
    from smallbatch.study.records import write_if_changed

    # The runs first: while this process has nothing in memory that would compute beside them.
    table = pd.DataFrame(growth_with_runs() + growth_in_one_process())
    write_if_changed(ROOT / "results" / "bench" / "growth.csv", table.to_csv(index=False))
    print(table.groupby(["quantity", "value"])["seconds"].median().to_string())
    print(growth_exponents(table).round(2).to_string())


if __name__ == "__main__":
    main()
