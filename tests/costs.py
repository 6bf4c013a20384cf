"""What a batch size costs, without waiting: counted layers with round numbers, and processes that answer at once."""

import pandas as pd

from smallbatch.measurements.cost import estimator, gpu
from smallbatch.measurements.cost.counting import Counted
from smallbatch.measurements.cost.parameters import Network

MINIATURE, FULL = Network("miniature", 107, 0.25, 0.2), Network("full", 299, 1.0, 1.0)
SMALL_FULL = Network("full", 107, 1.0, 1.0)


def round_numbers():
    """One layer in place of each network, with round numbers: 1 MiB kept and 0.5 MiB on the way for each image."""
    mega = 2**20 // 4
    layer = {"layer": "all", "inputs": mega // 4, "outputs": mega // 4, "read_back": mega, "kept": mega}
    layers = pd.DataFrame([layer | {"kind": "Conv2D", "kernel": mega, "multiplications": 10**9}])
    return dict.fromkeys([MINIATURE, MINIATURE._replace(image_size=299), SMALL_FULL, FULL], Counted(layers, mega, 0))


def answer_at_once(monkeypatch):
    """Let processes answer at once, and return what they are asked.

    A step takes 10 ms and 5 ms an image, its memory is 100 MiB and 2 MiB an image.
    """
    asked = []

    def ask(task, backend=None, **request):
        asked.append((task, request))
        if task == "compiled_memory":
            return {
                str(size): {"memory_mib": 600.0 + 200 * size, "operations": 6.3e9 * size}
                for size in request["batch_sizes"]
            }
        size, rounds = request["config"]["batch_size"], request["rounds"]
        seconds = 0.01 + 0.005 * size
        return {
            "start_up_seconds": 9.0,
            "seconds_per_step": [seconds * (1 + 0.1 * k) for k in range(rounds)],
            "evaluation_seconds_per_image": [0.002] * rounds * request["evaluate"],
            "memory_before_mib": 800.0,
            "memory_peak_mib": 900.0 + 2 * size,
        }

    monkeypatch.setattr(estimator, "ask", ask)
    monkeypatch.setattr(gpu, "ask", ask)
    monkeypatch.setattr(estimator, "available_mib", lambda: 16_000.0)
    monkeypatch.setattr(estimator, "busy_cores", lambda: 0.05)
    return asked


def everything(config, counted):
    measured, left_out = estimator.measure(config, counted)
    parts = [measured, gpu.estimate(config, counted), gpu.compile_without_running(config)]
    return pd.concat([part for part in parts if len(part)], ignore_index=True), left_out
