"""What a batch size costs: time and memory measured on the machine at hand, and estimated for a graphics card.

Measured are networks that fit on a laptop, each batch size in a process of its own (`process`). The card is not
at hand: everything that is said of it is an estimate, from a count of the layers (`counting`) and a few stated
assumptions, and is marked "estimate" in every row, number and figure.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
from pydantic import model_validator

from smallbatch.errors import UserError
from smallbatch.parameters import parameter
from smallbatch.training.config import RunConfig

MEASURED, ESTIMATE = "measured", "estimate"
HERE, CARD = "this machine", "card"
# How an amount of memory was found. The last three are estimates for the card.
PROCESS, COUNTED, COMPILED, EXTRAPOLATED = "process", "counted", "compiled", "extrapolated"
MINIATURE, FULL = "miniature", "full"
# The training's parameters that decide what a step costs. The others are ignored, or refused where they would matter.
USED = ("image_size", "width", "depth", "allow_one_value_per_channel", "seed", "threads")
REFUSED = ("normalization", "masked_loss_batch_size", "augmentation", "trainable")
# A process holds so much memory before it trains, and what it takes to train is known this well only.
FRAMEWORK_MIB, CAUTION = 1500, 1.5
# Other programs that keep more cores busy than this spoil the times.
MOST_BUSY = 0.2
MIB_PER_GIB = 1024
SECONDS_PER_HOUR = 3600


class Network(NamedTuple):
    """A network that is measured or estimated; `name` is miniature or full."""

    name: str
    image_size: int
    width: float
    depth: float

    @property
    def label(self) -> str:
        """The network in a word, for the keys of a summary."""
        return f"{self.name}_{self.image_size}px"


def _network(image_size: int, width: float = 1.0, depth: float = 1.0) -> Network:
    return Network(FULL if (width, depth) == (1.0, 1.0) else MINIATURE, image_size, width, depth)


class Config(RunConfig):
    """The parameters of the notebook: of a training, the size of network and images and the threads; and its own."""

    NOTEBOOK: ClassVar[str] = "cost"

    batch_sizes: list[int] = parameter(
        [1, 2, 4, 8, 16, 32],
        "Batch sizes that are measured and estimated.",
        "images",
        allowed="list of two or more numbers, ≥ 1",
    )
    also_image_size: int | None = parameter(
        299, "Measure and estimate at this image size too, that of the published network; none: no other.", "pixels",
        ge=75, le=1024,
    )  # fmt: skip
    full_network_batch_sizes: list[int] = parameter(
        [1, 4],
        "Batch sizes at which the full network is measured too, at the larger image size; empty: at none.",
        "images",
        allowed="list of numbers, ≥ 1, perhaps empty",
    )
    compiled_batch_sizes: list[int] = parameter(
        [1, 8, 32],
        "Batch sizes for which the full network is compiled by JAX, to read its memory; empty: for none.",
        "images",
        allowed="list of numbers, ≥ 1, perhaps empty",
    )
    rounds: int = parameter(3, "Each time is measured so often.", ge=1)
    seconds_of_a_round: float = parameter(1.0, "A round is as many steps as fit in this time, at least one.", "s", gt=0)
    most_seconds: float = parameter(
        60.0,
        "A batch size whose steps would take longer than this, judged from the one before, is left out.",
        "s",
        gt=0,
    )
    images_of_a_run: int = parameter(5000, "Training images of the run whose hours are asked for.", "images", ge=1)
    epochs_of_a_run: int = parameter(60, "Epochs of the run whose hours are asked for.", "epochs", ge=1)
    card_memory_gib: float = parameter(11.4, "Memory of the card that a program can use (assumed).", "GiB", gt=0)
    card_tflops: float = parameter(4.0, "The card's peak in float32 (assumed).", "TFLOP/s", gt=0)
    card_gb_per_second: float = parameter(240.0, "The card's peak memory bandwidth (assumed).", "GB/s", gt=0)
    card_efficiency: float = parameter(0.35, "Share of both peaks that training reaches (assumed).", gt=0, le=1)
    card_start_microseconds: float = parameter(
        10.0, "Time that the card takes at least for one operation of a layer (assumed).", "µs", ge=0
    )

    @model_validator(mode="after")
    def _check_measurement(self):
        for name in REFUSED:
            default = RunConfig.model_fields[name].default
            if getattr(self, name) != default:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r}: this notebook measures plain training. Allowed: {default!r}"
                )
        every = [*self.batch_sizes, *self.full_network_batch_sizes, *self.compiled_batch_sizes]
        if len(set(self.batch_sizes)) < 2 or min(every) < 1 or max(every) > self.images_of_a_run:
            raise ValueError(
                f"batch_sizes = {self.batch_sizes}, full_network_batch_sizes = {self.full_network_batch_sizes}, "
                f"compiled_batch_sizes = {self.compiled_batch_sizes} with images_of_a_run = {self.images_of_a_run} are "
                "not allowed. Allowed: numbers from 1 to the images of the run, two or more in batch_sizes"
            )
        for network, sizes in self.measured().items():
            for size in sizes:
                RunConfig.create(**self.run(network, size))
        return self

    def label(self) -> str:
        """Return the readable start of the run's name; it has no one batch size."""
        return f"{self.NOTEBOOK}-s{self.seed}"

    @property
    def image_sizes(self) -> list[int]:
        """The image sizes, that of the study first."""
        return list(dict.fromkeys([self.image_size, self.also_image_size or self.image_size]))

    def measured(self) -> dict[Network, list[int]]:
        """Return the networks to measure, with their batch sizes, ascending."""
        sizes = {_network(size, self.width, self.depth): self.batch_sizes for size in self.image_sizes}
        full = _network(self.image_sizes[-1])
        sizes[full] = [*sizes.get(full, []), *self.full_network_batch_sizes]
        return {network: sorted(set(some)) for network, some in sizes.items() if some}

    def estimated(self) -> list[Network]:
        """Return the networks whose cost on the card is estimated."""
        return [_network(size) for size in self.image_sizes]

    def run(self, network: Network, batch_size: int) -> dict:
        """Return the parameters of a training of a network, for `RunConfig`."""
        same = {name: getattr(self, name) for name in USED}
        sizes = {"image_size": network.image_size, "width": network.width, "depth": network.depth}
        return same | sizes | {"batch_size": batch_size}

    def steps_of_a_run(self, batch_size: int) -> int:
        """Return the steps of the run whose hours are asked for; as in training, incomplete batches are left out."""
        return self.epochs_of_a_run * (self.images_of_a_run // batch_size)


# --- Layers ---


class Counted(NamedTuple):
    """A network's layers as `counting.layers` counts them, and its numbers of trainable weights and of others."""

    layers: pd.DataFrame
    trainable: int
    others: int

    def memory_mib(self, batch_size: int) -> float:
        """Return the memory of a training step (see `counting.memory_mib`)."""
        from smallbatch.measurements.cost import counting

        return counting.memory_mib(self.layers, batch_size, self.trainable, self.others)


def count(config: Config) -> dict[Network, Counted]:
    """Return the counted layers of every network that is measured or estimated. Builds them without values."""
    from smallbatch.measurements.cost import counting
    from smallbatch.measurements.cost.process import N_CLASSES
    from smallbatch.training import model

    found = {}
    for network in dict.fromkeys([*config.measured(), *config.estimated()]):
        with model.without_values():
            built = model.build(RunConfig.create(**config.run(network, max(2, *config.batch_sizes))), N_CLASSES)
        numbers = [sum(int(np.prod(v.shape)) for v in some) for some in (built.trainable_variables, built.variables)]
        found[network] = Counted(counting.layers(built), numbers[0], numbers[1] - numbers[0])
    return found


# --- Measuring here ---


def measure(config: Config, counted: dict[Network, Counted]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measure every network at its batch sizes; return the table and, by name, why something was left out.

    The table has a row per number: `status` (measured), `machine`, `network`, `image_size`, `batch_size`, `method`,
    `round` (from 0; none where there is one number only), `quantity` and `value`. Quantities: those of `_time_rows`;
    `evaluation_seconds_per_image`, at the smallest batch size only, since evaluation has batches of its own;
    `start_up_seconds`, from the import of the framework to the end of the first step; `memory_before_mib`, held before
    the first step, with network and images in place; `memory_peak_mib`, the most until the end of training;
    `memory_mib`, the difference: what training itself takes; and `busy_cores_before`, by other programs, just before:
    where it is not about zero, the times are too long.
    """
    tables, left_out = [], {}
    for network, sizes in config.measured().items():
        slowest = None  # (batch size, seconds per step) of the one before
        for size in sizes:
            reason = _reason_to_leave_out(config, counted[network], size, slowest)
            if reason:
                left_out[f"{network.label}_batch_{size}"] = reason
                print(f"{network.label}, batch size {size}: left out, {reason}", flush=True)
                continue
            busy = busy_cores()
            found = ask(
                "train",
                config=config.run(network, size),
                rounds=config.rounds,
                seconds_of_a_round=config.seconds_of_a_round,
                evaluate=size == sizes[0],
            )
            slowest = size, float(np.median(found["seconds_per_step"]))
            tables.append(_measured_rows(config, network, size, found | {"busy_cores_before": busy}))
            doubt = f" (too long: other programs kept {busy:.1f} cores busy)" if busy and busy > MOST_BUSY else ""
            print(f"{network.label}, batch size {size}: {1000 * slowest[1]:.0f} ms a step{doubt}", flush=True)
    if not tables:
        raise UserError("Nothing could be measured: " + "; ".join(f"{name}, {why}" for name, why in left_out.items()))
    return pd.concat(tables, ignore_index=True), left_out


def _reason_to_leave_out(config: Config, counted: Counted, size: int, before: tuple[int, float] | None) -> str:
    """Return why a batch size cannot be measured here, or nothing."""
    if before:
        seconds = (config.rounds + 2) * before[1] * size / before[0]
        if seconds > config.most_seconds:
            return f"its steps would take about {seconds:.0f} s"
    needed, available = FRAMEWORK_MIB + CAUTION * counted.memory_mib(size), available_mib()
    if available is not None and needed > available:
        return f"it may need {needed:.0f} MiB of memory, and {available:.0f} are free"
    return ""


def available_mib() -> float | None:
    """Return the memory that programs can still have here, in MiB; None where the system does not say."""
    file = Path("/proc/meminfo")
    if not file.is_file():
        return None
    lines = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) / 1024


def busy_cores(seconds: float = 1.0) -> float | None:
    """Return how many cores are busy while this process sleeps for a while; None where the system does not say."""
    file = Path("/proc/stat")
    if not file.is_file():
        return None

    def ticks() -> float:
        spent = [int(number) for number in file.read_text().split("\n")[0].split()[1:9]]
        idle, waiting = spent[3:5]
        return sum(spent) - idle - waiting

    before, start = ticks(), time.perf_counter()
    time.sleep(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - start)


def ask(task: str, backend: str | None = None, **request) -> dict:
    """Return the answer of `cost_process` to a request, from a fresh process; raise `RuntimeError` where it fails."""
    environment = os.environ | ({"KERAS_BACKEND": backend} if backend else {}) | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    done = subprocess.run(
        [sys.executable, "-m", "smallbatch.measurements.cost.process"],
        input=json.dumps({"task": task} | request), env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-3:])
        raise RuntimeError(f"{task} {request} ended with status {done.returncode}: {last}")
    return json.loads(done.stdout)


def _measured_rows(config: Config, network: Network, size: int, found: dict) -> pd.DataFrame:
    rows = []
    for number, seconds in enumerate(found["seconds_per_step"]):
        rows += [(number, *row) for row in _time_rows(config, size, seconds)]
    per_image = found["evaluation_seconds_per_image"]
    rows += [(number, "evaluation_seconds_per_image", seconds) for number, seconds in enumerate(per_image)]
    before, peak = found["memory_before_mib"], found["memory_peak_mib"]
    rows += [(None, name, found[name]) for name in ("start_up_seconds", "busy_cores_before")]
    rows += [(None, "memory_before_mib", before), (None, "memory_peak_mib", peak), (None, "memory_mib", peak - before)]
    return _table(MEASURED, HERE, PROCESS, network, size, rows)


def _time_rows(config: Config, batch_size: int, seconds_per_step: float) -> list[tuple[str, float]]:
    """Return what follows from the time of a step, by quantity: an epoch and the whole run are training alone."""
    steps = config.steps_of_a_run(batch_size)
    return [
        ("seconds_per_step", seconds_per_step),
        ("images_per_second", batch_size / seconds_per_step),
        ("seconds_per_epoch", steps / config.epochs_of_a_run * seconds_per_step),
        ("hours_of_run", steps * seconds_per_step / SECONDS_PER_HOUR),
    ]


def _table(status: str, machine: str, method: str, network: Network, size: int, rows: list) -> pd.DataFrame:
    """Return the tidy table of some (round, quantity, value)."""
    head = {"status": status, "machine": machine, "network": network.name, "image_size": network.image_size}
    table = pd.DataFrame(rows, columns=["round", "quantity", "value"]).astype({"round": "Int64"})
    return pd.DataFrame(head | {"batch_size": size, "method": method}, index=table.index).join(table)


# --- Estimating for the card ---


def estimate(config: Config, counted: dict[Network, Counted]) -> pd.DataFrame:
    """Return what the count of layers gives, as a table like that of `measure`; all of it is an estimate.

    `memory_mib`, `weights_mib` (of which the weights alone) and `operations` of a step, for the networks measured here
    and for the full network on the card; for the card also its times.
    """
    pairs = [(HERE, network, config.measured()[network]) for network in config.measured()]
    pairs += [(CARD, network, config.batch_sizes) for network in config.estimated()]
    tables = []
    for machine, network, sizes in pairs:
        for size in sizes:
            rows = _counted_rows(counted[network], size)
            if machine == CARD:
                rows += _time_rows(config, size, _seconds_on_the_card(config, counted[network], size))
            rows = [(None, *row) for row in rows]
            tables.append(_table(ESTIMATE, machine, COUNTED, network, size, rows))
    return pd.concat(tables, ignore_index=True)


def _counted_rows(counted: Counted, size: int) -> list[tuple[str, float]]:
    from smallbatch.measurements.cost import counting

    return [
        ("memory_mib", counted.memory_mib(size)),
        ("weights_mib", counting.FLOAT * (counted.trainable + counted.others) / counting.MIB),
        ("operations", float(counting.work(counted.layers, size)["operations"].sum())),
    ]


def _seconds_on_the_card(config: Config, counted: Counted, size: int) -> float:
    from smallbatch.measurements.cost import counting

    return counting.seconds(
        counted.layers,
        size,
        operations_per_second=config.card_efficiency * config.card_tflops * 1e12,
        bytes_per_second=config.card_efficiency * config.card_gb_per_second * 1e9,
        seconds_to_start=config.card_start_microseconds / 1e6,
    )


def compile_without_running(config: Config) -> pd.DataFrame:
    """Return the memory and the operations of a step that XLA states after compiling the full network, by batch size.

    At the larger image size. A table like that of `measure`, without rows where JAX is not installed or no batch sizes
    are asked for.
    """
    network, sizes = config.estimated()[-1], sorted(set(config.compiled_batch_sizes))
    if not sizes or importlib.util.find_spec("jax") is None:
        return pd.DataFrame(columns=list(_table(ESTIMATE, CARD, COMPILED, network, 1, [])))
    start = time.perf_counter()
    found = ask("compiled_memory", backend="jax", image_size=network.image_size, batch_sizes=sizes)
    print(f"compiled for batch sizes {sizes} in {time.perf_counter() - start:.0f} s", flush=True)
    tables = []
    for size in sizes:
        rows = [(None, quantity, found[str(size)][quantity]) for quantity in ("memory_mib", "operations")]
        tables.append(_table(ESTIMATE, CARD, COMPILED, network, size, rows))
    return pd.concat(tables, ignore_index=True)


# --- Memory against batch size ---


def fit_memory(points: pd.Series) -> dict[str, float]:
    """Return the straight line through memory (MiB) by batch size: `constant_mib`, `per_image_mib`, and the largest
    distance of a point from it, `off_by_mib`. Takes two batch sizes or more."""
    sizes = points.index.to_numpy(float)
    slope, constant = np.polyfit(sizes, points.to_numpy(float), 1)
    off = np.abs(constant + slope * sizes - points.to_numpy(float)).max()
    return {"constant_mib": float(constant), "per_image_mib": float(slope), "off_by_mib": float(off)}


def by_batch_size(table: pd.DataFrame, network: Network, method: str, quantity: str = "memory_mib") -> pd.Series:
    """Return a quantity by batch size that one method gives for a network; empty where it gives none."""
    same = (table["network"] == network.name) & (table["image_size"] == network.image_size)
    rows = table[same & (table["quantity"] == quantity) & (table["method"] == method)]
    # The network may stand there twice, as one measured here and as one on the card.
    return rows.groupby("batch_size")["value"].median()


def memory_on_the_card(config: Config, table: pd.DataFrame) -> pd.DataFrame:
    """Return what the full network needs on the card, an estimate by each method: a row per image and batch size.

    `counted` counts layers. `compiled` is the line through what XLA states, `extrapolated` the one through what the
    training took on this machine, with the weights added, that were there before; both only where two batch sizes or
    more are known. Columns: `status` (estimate), `method`, `image_size`, `batch_size`, `memory_gib`, `card_memory_gib`,
    `margin_gib` (what is left of the card's), `fits`, and the line's `constant_mib`, `per_image_mib` and `off_by_mib`.
    """
    rows = []
    for network in config.estimated():
        counted, compiled, here = (by_batch_size(table, network, way) for way in (COUNTED, COMPILED, PROCESS))
        here = here + by_batch_size(table, network, COUNTED, "weights_mib").median()
        for method, points in ((COUNTED, counted), (COMPILED, compiled), (EXTRAPOLATED, here)):
            if len(points) < 2:
                continue
            line = fit_memory(points)
            for size in config.batch_sizes:
                # What is known needs no line.
                gib = points.get(size, line["constant_mib"] + size * line["per_image_mib"]) / MIB_PER_GIB
                margin = config.card_memory_gib - gib
                head = {"status": ESTIMATE, "method": method, "image_size": network.image_size, "batch_size": size}
                found = {"memory_gib": gib, "card_memory_gib": config.card_memory_gib}
                found |= {"margin_gib": margin, "fits": bool(margin >= 0)}
                rows.append(head | found | line)
    return pd.DataFrame(rows)


def largest_that_fits(config: Config, line: dict[str, float]) -> int:
    """Return the largest batch size whose memory, on the line of `fit_memory`, the card has; 0 where it has none."""
    room = config.card_memory_gib * MIB_PER_GIB - line["constant_mib"]
    return max(0, int(room // line["per_image_mib"]))


# --- What it comes down to ---


def medians(table: pd.DataFrame, machine: str, quantities: list[str]) -> pd.DataFrame:
    """Return a row per network, image size and batch size with the medians over rounds, a column per quantity.

    Of this machine what was measured, of the card what was estimated from the count.
    """
    method = {HERE: PROCESS, CARD: COUNTED}[machine]
    rows = table[(table["machine"] == machine) & (table["method"] == method) & table["quantity"].isin(quantities)]
    keys = ["network", "image_size", "batch_size"]
    wide = rows.pivot_table(index=keys, columns="quantity", values="value", aggfunc="median")
    return wide.reindex(columns=quantities).sort_index(ascending=[False, True, True])


def hours_of_a_run(config: Config, table: pd.DataFrame) -> pd.DataFrame:
    """Return the hours of the run that is asked for: a row per machine, network, image size and batch size.

    Medians over rounds, measured here and then estimated for the card. Columns: those keys, `hours_of_run`, and of the
    run itself `epochs_of_a_run` and `images_of_a_run`.
    """
    parts = [medians(table, machine, ["hours_of_run"]).dropna().reset_index().assign(machine=machine)
             for machine in (HERE, CARD)]  # fmt: skip
    return pd.concat(parts, ignore_index=True).assign(
        epochs_of_a_run=config.epochs_of_a_run, images_of_a_run=config.images_of_a_run
    )


def check_of_the_count(config: Config, table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return how much memory an image more takes here, measured and counted, for networks with two sizes or more."""
    found = {}
    for network in config.measured():
        points, counted = by_batch_size(table, network, PROCESS), by_batch_size(table, network, COUNTED)
        if len(points) > 1:
            slopes = [fit_memory(some)["per_image_mib"] for some in (points, counted)]
            names = ("measured_mib_per_image", "counted_mib_per_image")
            found[network.label] = dict(zip(names, slopes, strict=True)) | {"ratio": slopes[0] / slopes[1]}
    return found


def summarize(config: Config, table: pd.DataFrame, left_out: dict[str, str]) -> dict:
    """Return the numbers that a page would quote. Everything under a key that starts with `estimate` is one.

    `table` holds the rows of `measure`, `estimate` and `compile_without_running`.
    """
    times = ["seconds_per_step", "images_per_second", "seconds_per_epoch", "hours_of_run"]
    here = medians(table, HERE, [*times, "start_up_seconds", "memory_before_mib", "memory_peak_mib", "memory_mib"])
    card = medians(table, CARD, [*times, "memory_mib"])
    evaluation = table[table["quantity"] == "evaluation_seconds_per_image"].groupby(["network", "image_size"])["value"]
    on_card = memory_on_the_card(config, table)
    larger = config.estimated()[-1]
    counted, compiled = (by_batch_size(table, larger, way, "operations") for way in (COUNTED, COMPILED))
    return {
        "measured": _by_label(here),
        "measured_busy_cores_before": float(table.loc[table["quantity"] == "busy_cores_before", "value"].max()),
        "measured_hours_smallest_over_largest": _ratios(here),
        "measured_evaluation_seconds_per_image": {
            f"{network}_{size}px": float(value) for (network, size), value in evaluation.median().items()
        },
        "check_of_counted_memory": check_of_the_count(config, table),
        "check_of_counted_operations": float((compiled / counted).median()) if len(compiled) else None,
        "estimate_gflop_per_image": {network.label: _gflop_per_image(table, network) for network in config.estimated()},
        "estimate_card": _by_label(card),
        "estimate_card_hours_smallest_over_largest": _ratios(card),
        "estimate_card_memory": {
            f"{FULL}_{image_size}px": {method: _what_fits(config, part) for method, part in rows.groupby("method")}
            for image_size, rows in on_card.groupby("image_size")
        },
        "left_out": left_out,
    }


def _gflop_per_image(table: pd.DataFrame, network: Network) -> float:
    operations = by_batch_size(table, network, COUNTED, "operations")
    return float((operations / operations.index).median() / 1e9)


def _what_fits(config: Config, rows: pd.DataFrame) -> dict:
    line = rows.iloc[0][["constant_mib", "per_image_mib", "off_by_mib"]].astype(float).to_dict()
    margins = {f"margin_gib_batch_{row.batch_size}": float(row.margin_gib) for row in rows.itertuples()}
    fits = ", ".join(str(size) for size in rows.loc[rows["fits"], "batch_size"])
    return line | {"fits": fits, "largest_that_fits": largest_that_fits(config, line)} | margins


def _by_label(wide: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    found = {}
    for (network, image_size, batch_size), row in wide.iterrows():
        found.setdefault(f"{network}_{image_size}px", {})[f"batch_{batch_size}"] = row.dropna().to_dict()
    return found


def _ratios(wide: pd.DataFrame) -> dict[str, float]:
    """Return the hours at the smallest batch size over those at the largest, by network."""
    hours = wide["hours_of_run"].dropna()
    return {
        f"{network}_{size}px": float(part.iloc[0] / part.iloc[-1])
        for (network, size), part in hours.groupby(level=["network", "image_size"])
    }
