"""Records: what a run leaves behind, written whole or not at all, and the tables gathered from them."""

import contextlib
import hashlib
import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import smallbatch
from smallbatch.parameters import Parameters
from smallbatch.paths import in_project
from smallbatch.study.notebooks import CONFIGS, RETRAIN, config_class
from smallbatch.training.config import RunConfig

if TYPE_CHECKING:  # Pages and workflow read records without waiting for Keras.
    from smallbatch.training.evaluation import EvaluationResult
    from smallbatch.training.loop import TrainingResult

# The evaluations on the way through a training, a row per step, evaluation and split.
SNAPSHOTS = "snapshots.csv"
PACKAGES = ("smallbatch", "keras", "tensorflow", "jax", "keras-cv", "numpy", "scikit-learn")


def make_record(
    config: RunConfig,
    fitted: "TrainingResult",
    evaluated: "EvaluationResult",
    images: dict[str, int],
    seconds: dict[str, float],
) -> dict:
    """Return the record of a finished run.

    `images` holds the size of each split, `seconds` the wall time of each stage beside the evaluations.
    """
    return {
        "run": config.run_id(),
        "parameters": config.identity(),
        "used": {
            "learning_rate": config.scaled_learning_rate(),
            "batch_norm_momentum": config.momentum_of_averages(),
            "sgd_batch_size": config.sgd_batch_size,
            "normalization_batch_size": config.normalization_batch_size,
        },
        "outcome": "diverged" if fitted.diverged else "finished",
        "metrics": evaluated.metrics,
        "images": images,
        "test_correct": {name: pack_correct(correct) for name, correct in evaluated.test_correct.items()},
        "epochs": len(fitted.history),
        "kept_epoch": fitted.kept_epoch,
        "steps": fitted.history[-1]["steps"],
        **_circumstances(seconds | evaluated.seconds),
    }


def make_measurement(config: Parameters, summary: dict, seconds: dict[str, float]) -> dict:
    """Return the record of a finished run of a measurement notebook.

    `summary` holds the numbers that the run comes down to, in nested dicts where that helps; `seconds` the wall time
    of each stage.
    """
    return {
        "run": config.run_id(),
        "notebook": config.NOTEBOOK,
        "parameters": config.identity(),
        "summary": summary,
        **_circumstances(seconds),
    }


def _circumstances(seconds: dict[str, float]) -> dict:
    """Return what every record ends with: cost, environment, code and time."""
    return {
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "memory_peak_mib": _memory_peak_mib(),
        "environment": environment(),
        "code": code_version(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write_record(config: RunConfig, record: dict, history: list[dict], snapshots: Sequence[dict] = ()) -> Path:
    """Write `record.json` and `history.csv` into `<record_folder>/runs/<run>`; return that folder.

    Evaluations on the way, if there are any, are `snapshots.csv` beside them. The folder is filled beside its place and
    then renamed, so a reader never sees half a record.
    """
    return _write_folder(config, record, pd.DataFrame(history), pd.DataFrame(snapshots))


def write_measurement(config: Parameters, record: dict, table: pd.DataFrame) -> Path:
    """Write `record.json` and `measurements.csv`, whole or not at all like `write_record`; return their folder.

    `table` is tidy: a row per measured point. Gathering adds the columns `experiment`, `run` and the parameters; it
    raises `ValueError` where the table has `experiment` or `run` itself, or no rows.
    """
    taken = [name for name in ("experiment", "run") if name in table]
    if taken or table.empty:
        raise ValueError(f"The table of a measurement needs rows, and no columns {taken or ['experiment', 'run']}.")
    return _write_folder(config, record, table)


def table_name(notebook: str) -> str:
    """Return the file that runs of this notebook leave beside `record.json`."""
    return "history.csv" if notebook == RETRAIN else "measurements.csv"


def _write_folder(config: Parameters, record: dict, table: pd.DataFrame, snapshots: pd.DataFrame | None = None) -> Path:
    runs = in_project(config.record_folder) / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    target = runs / record["run"]
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=runs))
    try:
        (work / "record.json").write_text(json.dumps(_for_json(record), indent=1, allow_nan=False) + "\n")
        table.to_csv(work / table_name(config.NOTEBOOK), index=False)
        if snapshots is not None and not snapshots.empty:
            snapshots.to_csv(work / SNAPSHOTS, index=False)
        work.chmod(0o755)
        _replace_folder(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _replace_folder(new: Path, target: Path) -> None:
    """Rename a folder into place. An older one there is moved out of the way first, as folders cannot be swapped."""
    if target.is_dir():
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=target.parent))
        target.rename(old / target.name)
        new.rename(target)
        shutil.rmtree(old)
    else:
        new.rename(target)


def read_record(folder: Path) -> dict | None:
    """Return the record in a run's folder; None where there is none."""
    path = folder / "record.json"
    if not path.is_file():
        return None
    record = json.loads(path.read_text())
    return record if (folder / table_name(notebook_of(record))).is_file() else None


def notebook_of(record: dict) -> str:
    """Return the notebook that left a record; those of training runs do not name it."""
    return record.get("notebook", RETRAIN)


def gather(folder: Path, run_ids: list[str], experiments: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the tables of a study; return `runs` (a row per training run) and `history` (a row per run and epoch).

    `runs.csv`, `history.csv`, `test_correct.csv` and `snapshots.csv` hold the training runs. Each measurement notebook
    has two tables of its own, see `_gather_measurements`. Runs without a record are left out: they have failed or are
    still to come; a table without rows is no file. Column `experiments` (`experiment` in measurements) names the
    experiments that a run belongs to, separated by spaces.
    """
    found = {run: record for run in run_ids if (record := read_record(folder / "runs" / run))}
    names = {run: " ".join(name for name, members in experiments.items() if run in members) for run in found}
    for notebook in CONFIGS:
        if notebook != RETRAIN:
            measured = {run: record for run, record in found.items() if notebook_of(record) == notebook}
            _gather_measurements(folder, notebook, measured, names)
    trained = {run: record for run, record in found.items() if notebook_of(record) == RETRAIN}
    runs = pd.DataFrame([_flat(record, names[run]) for run, record in trained.items()])
    history = _of_all_runs(folder, "history.csv", {run: {"run": run} for run in trained})
    correct = [{"run": run, **record.get("test_correct", {})} for run, record in trained.items()]
    with_snapshots = [run for run in trained if (folder / "runs" / run / SNAPSHOTS).is_file()]
    snapshots = _of_all_runs(folder, SNAPSHOTS, {run: {"run": run} for run in with_snapshots})
    _write_table(folder / "runs.csv", runs)
    _write_table(folder / "history.csv", history)
    _write_table(folder / "test_correct.csv", pd.DataFrame(correct))
    _write_table(folder / SNAPSHOTS, snapshots)
    return runs, history


def _gather_measurements(folder: Path, notebook: str, records: dict[str, dict], names: dict[str, str]) -> None:
    """Write `<notebook>.csv`, all rows of all its runs, and `<notebook>-summary.csv`, a row per run.

    Both have the columns `experiment` and `run`, then the parameters that are not at their default in all the runs,
    and the seed. A parameter whose name the table itself uses is called `parameter_<name>`.
    """
    points, summary = pd.DataFrame(), pd.DataFrame()
    if records:
        parameters = _telling_parameters(notebook, records)
        heads = {run: {"experiment": names[run], "run": run, **parameters[run]} for run in records}
        points = _of_all_runs(folder, table_name(notebook), heads)
        summaries = [pd.DataFrame([flatten(record["summary"]) | _flat_cost(record)]) for record in records.values()]
        summary = _with_heads(summaries, heads)
    _write_table(folder / f"{notebook}.csv", points)
    _write_table(folder / f"{notebook}-summary.csv", summary)


def _telling_parameters(notebook: str, records: dict[str, dict]) -> dict[str, dict]:
    """Return of each run the seed and the parameters that some run has not at its default."""
    defaults = {name: field.default for name, field in config_class(notebook).model_fields.items()}
    values = {run: {name: record["parameters"].get(name, default) for name, default in defaults.items()}
              for run, record in records.items()}  # fmt: skip
    telling = [n for n in defaults if n == "seed" or any(given[n] != defaults[n] for given in values.values())]
    return {run: {name: given[name] for name in telling} for run, given in values.items()}


def _of_all_runs(folder: Path, file: str, heads: dict[str, dict]) -> pd.DataFrame:
    """Return the tables of several runs as one, in front of each row its run's head (column: value)."""
    tables = [_read_table(folder / "runs" / run / file) for run in heads]
    return _with_heads(tables, heads)


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table exactly as it was written; "none" and the like are words."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], float_precision="round_trip")


def _with_heads(tables: list[pd.DataFrame], heads: dict[str, dict]) -> pd.DataFrame:
    own = {name for table in tables for name in table}
    parts = []
    for table, head in zip(tables, heads.values(), strict=True):
        named = {f"parameter_{name}" if name in own else name: value for name, value in head.items()}
        parts.append(pd.concat([pd.DataFrame([named] * len(table)), table], axis=1))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table; one without rows is no file, so that none of an earlier state of the study stays."""
    if table.empty:
        path.unlink(missing_ok=True)
    else:
        write_if_changed(path, table.to_csv(index=False))


def read_tables(folder: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the gathered tables of a study: runs, and history with the parameters of its run joined to it."""
    folder = in_project(folder)
    runs, history = (_read_table(folder / name) for name in ("runs.csv", "history.csv"))
    parameters = [name for name in RunConfig.model_fields if name in runs]
    return runs, history.merge(runs[["run", "outcome", *parameters]], on="run", validate="many_to_one")


def read_measurements(folder: str | Path, notebook: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the gathered tables of a measurement notebook: a row per measured point, and a row per run."""
    points, summary = (_read_table(in_project(folder) / f"{notebook}{end}.csv") for end in ("", "-summary"))
    return points, summary


def _flat(record: dict, experiments: str) -> dict:
    metrics = {
        f"{evaluation}_{split}_{metric}": value
        for evaluation, splits in record["metrics"].items()
        for split, values in splits.items()
        for metric, value in values.items()
    }
    return {
        "run": record["run"],
        "experiments": experiments,
        "outcome": record["outcome"],
        **record["parameters"],
        **{f"used_{name}": value for name, value in record["used"].items()},
        **metrics,
        **{f"images_{split}": n for split, n in record["images"].items()},
        "epochs_done": record["epochs"],
        "kept_epoch": record["kept_epoch"],
        "steps_done": record["steps"],
        **_flat_cost(record),
    }


def flatten(nested: dict, start: str = "") -> dict:
    """Return {"a_b": 1} for {"a": {"b": 1}}."""
    flat = {}
    for key, value in nested.items():
        flat |= flatten(value, f"{start}{key}_") if isinstance(value, dict) else {f"{start}{key}": value}
    return flat


def _flat_cost(record: dict) -> dict:
    environment = record["environment"]
    return {
        **{f"seconds_{name}": value for name, value in record["seconds"].items()},
        "memory_peak_mib": record["memory_peak_mib"],
        "backend": environment["backend"],
        "processor": processor_name(environment),
        "accelerators": "; ".join(environment["accelerators"]),
    }


def pack_correct(correct: np.ndarray) -> str:
    """Return which images are classified correctly, bool (n,), as hexadecimal digits, a bit per image."""
    return np.packbits(correct).tobytes().hex()


def unpack_correct(digits: str, n: int) -> np.ndarray:
    """Return what `pack_correct` was given: bool (n,)."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=n).astype(bool)


def write_if_changed(path: Path, text: str) -> None:
    """Write a file whole or not at all; one that says the same already keeps its time stamp."""
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text)
    partial.replace(path)


def environment() -> dict:
    """Return versions and hardware: what another reader needs to judge a difference in results."""
    keras = sys.modules.get("keras")  # a measurement without a network does not load it
    backend = keras.backend.backend() if keras else None
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": _instructions(),
        "cores": os.cpu_count(),
        "accelerators": _accelerators(backend),
        "backend": backend,
        "packages": versions,
    }


def processor_name(environment: dict) -> str:
    """Return the processor of a record's environment with its instructions, which older records do not have."""
    instructions = environment.get("instructions")
    return environment["processor"] + (f" ({instructions})" if instructions else "")


def code_version() -> dict:
    """Return the version, the commit where git knows it, and a hash of this package's source files."""
    package = Path(smallbatch.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return {"version": smallbatch.__version__, "commit": _commit(package), "sources": digest.hexdigest()[:16]}


def _commit(folder: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty"],
            cwd=folder, capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _instructions() -> str:
    """Return the widest vector instructions of the processor by NumPy's name: `X86_V3` has AVX2, `X86_V4` AVX-512.

    Processors of one model name can differ in them, and sums are then taken in another order.
    """
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    return [*found["baseline"], *found["found"]][-1]


def _accelerators(backend: str | None) -> list[str]:
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    if backend == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]
    return []


def _memory_peak_mib() -> int:
    """Return the most memory that this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024))


def _for_json(value):
    """Return the same as JSON can hold it: plain numbers for NumPy's, None for those without a value (diverged)."""
    if isinstance(value, dict):
        return {str(key): _for_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
