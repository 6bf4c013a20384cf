"""Hours that studies would take on GPUs that are not at hand, by the cost model: `python -m bench.gpu_hours`.

Estimates: training steps alone, from the count of layers (`measurements.cost.counting`), the peaks of the makers' data
sheets and the fraction of them that the cost model assumes. Writes results/bench/gpu-hours.csv.
"""

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from smallbatch.measurements.cost.parameters import N_CLASSES
from smallbatch.measurements.cost.parameters import Config as Cost
from smallbatch.study.file import Study, load_study
from smallbatch.training.config import RunConfig

FILE = Path(__file__).resolve().parent.parent / "results" / "bench" / "gpu-hours.csv"
STUDIES = ("quick", "laptop", "full", "gpu", "paper", "twelve_hours")
# Training photographs of the data set; digits are used through n_train alone.
TRAINING_IMAGES = {"clothing": 3068}


class Gpu(NamedTuple):
    """A GPU by its maker's data sheet: peaks of float32 (TFLOP/s) and of memory bandwidth (GB/s), and memory (GB)."""

    name: str
    tflops: float
    gb_per_second: float
    memory_gb: int


GPUS = (
    Gpu("K80 (one of its two GPUs)", Cost.model_fields["card_tflops"].default,
        Cost.model_fields["card_gb_per_second"].default, 12),
    Gpu("T4", 8.1, 320, 16),
    Gpu("P100", 9.3, 732, 16),
    Gpu("RTX 3060", 12.7, 360, 12),
    Gpu("GTX 1080 Ti", 11.3, 484, 11),
)  # fmt: skip


@cache
def _counted(image_size: int, width: float, depth: float):
    from smallbatch.measurements.cost import counting
    from smallbatch.training import model

    with model.without_values():
        return counting.layers(
            model.build(RunConfig.create(image_size=image_size, width=width, depth=depth), N_CLASSES)
        )


@cache
def seconds_per_step(gpu: Gpu, image_size: int, width: float, depth: float, batch_size: int) -> float:
    """Return the time of a training step, with the assumptions of the cost model's parameters."""
    from smallbatch.measurements.cost import counting

    share = Cost.model_fields["card_efficiency"].default
    return counting.seconds(
        _counted(image_size, width, depth),
        batch_size,
        operations_per_second=share * gpu.tflops * 1e12,
        bytes_per_second=share * gpu.gb_per_second * 1e9,
        seconds_to_start=Cost.model_fields["card_start_microseconds"].default / 1e6,
    )


def steps_of(config: RunConfig) -> int:
    """Return the steps of a run."""
    n_train = config.n_train or TRAINING_IMAGES[config.dataset] - config.n_test_from_train
    return config.n_steps(n_train)


def hours(study: Study, gpu: Gpu) -> float:
    """Return the hours of all trainings of a study, one after the other; measurements are left out."""
    runs = [run for run in study.runs.values() if run.NOTEBOOK == RunConfig.NOTEBOOK]
    return math.fsum(
        steps_of(run) * seconds_per_step(gpu, run.image_size, run.width, run.depth, run.batch_size) for run in runs
    ) / 3600  # fmt: skip


def table() -> pd.DataFrame:
    """Return the estimates: `status`, `study`, `runs`, `gpu` and `hours`."""
    rows = []
    for study in map(load_study, STUDIES):
        runs = sum(run.NOTEBOOK == RunConfig.NOTEBOOK for run in study.runs.values())
        head = {"status": "estimate", "study": study.name, "runs": runs}
        rows += [head | {"gpu": gpu.name, "hours": round(hours(study, gpu), 2)} for gpu in GPUS]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    table().to_csv(FILE, index=False)
    print(f"written: {FILE}")
