"""The GPU memory that each run of a study needs, counted before it begins: `python -m smallbatch.study.gpu_memory S`.

Counted from the layers (`measurements.cost.counting`), which is a lower bound: libraries take scratch space on top,
and every process a context of its own. Writes MiB by run into `cards.counted_file`.
"""

import json
import math
import os
import sys

from smallbatch.parameters import Parameters
from smallbatch.study.cards import counted_file
from smallbatch.study.file import Study, load_study
from smallbatch.study.files import write_if_changed
from smallbatch.training.config import RunConfig

# What a process takes on a GPU before it computes, and how far the count may be exceeded: both assumed.
CONTEXT_MIB, CAUTION = 700, 1.5


def counted(study: Study) -> dict[str, int]:
    """Return the MiB that each run is to have; runs without a network need none."""
    from smallbatch.measurements.cost import counting
    from smallbatch.training import model

    known: dict[tuple, counting.Counted] = {}

    def of(config: RunConfig) -> counting.Counted:
        key = (config.image_size, config.width, config.depth)
        if key not in known:
            with model.without_values():
                plain = RunConfig.create(image_size=key[0], width=key[1], depth=key[2])
                built = model.build(plain, counting.N_CLASSES)
            sizes = [sum(math.prod(v.shape) for v in some) for some in (built.trainable_variables, built.variables)]
            known[key] = counting.Counted(counting.layers(built), sizes[0], sizes[1] - sizes[0])
        return known[key]

    return {run: needed_mib(config, of) for run, config in study.runs.items()}


def needed_mib(config: Parameters, counted_of) -> int:
    """Return the MiB that a run is to have, with `counted_of(config)` its counted network."""
    if not isinstance(config, RunConfig):
        return 0
    images = config.n_train or 0
    on_card = images * config.image_size**2 * 3 / 2**20
    return round(CONTEXT_MIB + CAUTION * counted_of(config).memory_mib(config.batch_size) + on_card)


def main(name: str) -> None:
    """Count and write."""
    write_if_changed(counted_file(name), json.dumps(counted(load_study(name)), indent=1) + "\n")


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # counting needs no GPU, and should take no memory of one
    main(sys.argv[1])
