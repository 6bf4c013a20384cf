"""Time training steps of all contenders, in turn, several rounds: `python -m bench [full|miniature ...]`.

Writes results/bench/<network>.csv (a row per contender, batch size and round) and <network>.json (lower bound,
start-up, machine), and prints medians and ratios. PYTORCH names the Python of an environment with PyTorch (CPU build)
and timm; without it that contender is left out. ROUNDS and BATCH_SIZES change how much is measured.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from bench import lower_bound

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = {"full": (139, 1.0, 1.0), "miniature": (139, 0.25, 0.2)}
BACKENDS = {"ours": "tensorflow", "keras-tensorflow": "tensorflow", "keras-jax": "jax", "pytorch-timm": None}
# A round takes at least so long for each contender, in seconds, and at most so many steps.
LEAST, MOST_STEPS = 1.5, 40


class Contender:
    """A worker process and what it has answered."""

    def __init__(self, name: str, network: str, threads: int):
        self.name = name
        python = os.environ["PYTORCH"] if name == "pytorch-timm" else sys.executable
        arguments = [name, *map(str, NETWORKS[network]), str(threads)]
        environment = os.environ | {"KERAS_BACKEND": BACKENDS[name] or "", "TF_CPP_MIN_LOG_LEVEL": "2"}
        self.start = time.perf_counter()
        self.process = subprocess.Popen(
            [python, "-m", "bench.worker", *arguments], cwd=ROOT, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, batch_size: int, steps: int) -> dict:
        """Return the seconds of so many steps and the peak memory; raise where the worker has died."""
        self.process.stdin.write(f"{batch_size} {steps}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.name} ended at batch size {batch_size}, status {self.process.wait()}")
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        self.process.wait()


def measure(network: str, batch_sizes: list[int], rounds: int, threads: int) -> tuple[pd.DataFrame, dict]:
    """Return a row per contender, batch size and round, and the seconds from process start to the first step."""
    names = [name for name in BACKENDS if name != "pytorch-timm" or (network == "full" and os.environ.get("PYTORCH"))]
    start_up, contenders = {}, []
    for name in names:
        # One after the other: start-ups side by side would slow each other down.
        contender = Contender(name, network, threads)
        contender.ask(batch_sizes[0], 0)
        start_up[name] = round(time.perf_counter() - contender.start, 2)
        print(f"{network}: {name} has made its first step after {start_up[name]:.1f} s", flush=True)
        contenders.append(contender)
    rows = []
    for batch_size in batch_sizes:
        first = {c.name: c.ask(batch_size, 2)["seconds"][-1] for c in contenders}
        for number in range(rounds):
            for contender in contenders:
                steps = max(1, min(MOST_STEPS, round(LEAST / first[contender.name])))
                answer = contender.ask(batch_size, steps)
                row = {"network": network, "contender": contender.name, "batch_size": batch_size, "round": number}
                row |= {"seconds": float(pd.Series(answer["seconds"]).median()), "memory_mib": answer["memory_mib"]}
                rows.append(row)
        print(f"{network}: batch size {batch_size} measured", flush=True)
    for contender in contenders:
        contender.close()
    return pd.DataFrame(rows), start_up


def lower_bounds(network: str, batch_sizes: list[int], threads: int) -> dict:
    """Return for each batch size the larger of compute and memory time, in seconds, and the machine's rates."""
    from smallbatch.training import model

    size, width, depth = NETWORKS[network]
    built = model.inception_resnet_v2(size, width, depth)
    rate, bandwidth = lower_bound.matrix_rate(), lower_bound.memory_bandwidth(threads)
    counted = {b: lower_bound.count(built, b) for b in batch_sizes}
    return {
        "gflop_per_second": round(rate / 1e9, 1),
        "gb_per_second": round(bandwidth / 1e9, 2),
        "floor_seconds": {b: max(operations / rate, moved / bandwidth) for b, (operations, moved) in counted.items()},
        "gflop": {b: operations / 1e9 for b, (operations, _) in counted.items()},
        "gb": {b: moved / 1e9 for b, (_, moved) in counted.items()},
    }


def main(networks: list[str]) -> None:
    """Measure, print and write."""
    from smallbatch.measurements.benchmark import milliseconds_per_step
    from smallbatch.study.records import environment, write_if_changed

    threads = os.cpu_count() or 1
    batch_sizes = [int(b) for b in os.environ.get("BATCH_SIZES", "1 2 4 8 16 32").split()]
    for network in networks:
        table, start_up = measure(network, batch_sizes, int(os.environ.get("ROUNDS", "5")), threads)
        found = lower_bounds(network, batch_sizes, threads)
        print(milliseconds_per_step(table, found["floor_seconds"]).to_string())
        folder = ROOT / "results" / "bench"
        write_if_changed(folder / f"{network}.csv", table.to_csv(index=False))
        facts = {"image_size": NETWORKS[network][0], "threads": threads, "start_up_seconds": start_up}
        text = json.dumps(facts | found | {"environment": environment()}, indent=1)
        write_if_changed(folder / f"{network}.json", text + "\n")


if __name__ == "__main__":
    main(sys.argv[1:] or list(NETWORKS))
