"""Where the time of a training step goes, by TensorFlow's profiler: `python -m bench.profile`.

Writes results/bench/profile.csv: for batch sizes 1 and 32 of the miniature, one thread, a row per kind of operation
with its milliseconds and calls per step.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from bench.__main__ import NETWORKS, ROOT

STEPS = 4
# What the executor reports about itself encloses operations; one of the two is the whole step.
ENCLOSING = ("Run", "Process")
WHOLE, BETWEEN = "Run", "between operations"
# The first that an operation's name contains; names are TensorFlow's.
GROUPS = {
    "Conv": "convolutions",
    "BatchNorm": "batch norm",
    "Pool": "pooling",
    "Momentum": "updates of the weights",
    "Relu": "activations, sums, concatenations",
    "Add": "activations, sums, concatenations",
    "Concat": "activations, sums, concatenations",
    "Slice": "activations, sums, concatenations",
    "Mul": "activations, sums, concatenations",
    "Assign": "moving averages",
    "Sub": "moving averages",
}


def group(operation: str) -> str:
    """Return the group of an operation by its name."""
    return next((name for part, name in GROUPS.items() if part in operation), "other")


def profile(batch_size: int) -> pd.DataFrame:
    """Return operation, group, milliseconds and calls of a step, measured in this process."""
    import tensorflow as tf

    from bench.worker import ours

    run = ours(*NETWORKS["miniature"], 1)
    run(batch_size, STEPS)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            run(batch_size, STEPS)
        time, calls, whole = _operations(next(Path(folder).rglob("*.xplane.pb")))
    rows = [
        {"batch_size": batch_size, "operation": name, "group": group(name),
         "milliseconds": round(time[name] / STEPS, 4), "calls": round(calls[name] / STEPS)}
        for name in time
    ]  # fmt: skip
    between = {"operation": BETWEEN, "group": BETWEEN, "calls": 0}
    between["milliseconds"] = round((whole - sum(time.values())) / STEPS, 4)
    return pd.DataFrame([*rows, {"batch_size": batch_size} | between]).sort_values("milliseconds", ascending=False)


def _operations(path: Path) -> tuple[collections.Counter, collections.Counter, float]:
    """Return milliseconds and calls by kind of operation from a profile, and the milliseconds of all of it."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    space.ParseFromString(path.read_bytes())
    time, calls, whole = collections.Counter(), collections.Counter(), 0.0
    for plane in space.planes:
        if "CPU" not in plane.name:
            continue
        for line in plane.lines:
            for event in line.events:
                # "name of the node:kind of operation"; events without a kind enclose others.
                name, found, kind = plane.event_metadata[event.metadata_id].name.split("#")[0].rpartition(":")
                if not (found and name and kind.isidentifier()):
                    continue
                whole += event.duration_ps / 1e9 * (kind == WHOLE)
                if kind not in ENCLOSING:
                    time[kind] += event.duration_ps / 1e9
                    calls[kind] += 1
    return time, calls, whole


def main(arguments: list[str]) -> None:
    """Profile both batch sizes, each in a process of its own, and write the table."""
    if arguments:
        print(profile(int(arguments[0])).to_json(orient="records"))
        return
    from smallbatch.study.files import write_if_changed

    tables = []
    for batch_size in (1, 32):
        command = [sys.executable, "-m", "bench.profile", str(batch_size)]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        tables.append(pd.DataFrame(json.loads(done.stdout.splitlines()[-1])))
    table = pd.concat(tables)
    write_if_changed(ROOT / "results" / "bench" / "profile.csv", table.to_csv(index=False))
    print(table.groupby(["batch_size", "group"])[["milliseconds", "calls"]].sum().to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
