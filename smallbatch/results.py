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
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import smallbatch
from smallbatch.config import RunConfig
from smallbatch.paths import in_project

if TYPE_CHECKING:  # Pages and workflow read records without waiting for Keras.
    from smallbatch.training import Fitted

PACKAGES = ("smallbatch", "keras", "tensorflow", "jax", "keras-cv", "numpy", "scikit-learn")


def make_record(
    config: RunConfig, fitted: "Fitted", metrics: dict, images: dict[str, int], seconds: dict[str, float]
) -> dict:
    """Return the record of a finished run.

    `metrics` holds {evaluation: {split: {metric: value}}}, `images` the size of each split, `seconds` the wall time
    of each stage.
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
        "metrics": metrics,
        "images": images,
        "epochs": len(fitted.history),
        "kept_epoch": fitted.kept_epoch,
        "steps": fitted.history[-1]["steps"],
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "memory_peak_mib": _memory_peak_mib(),
        "environment": environment(),
        "code": code_version(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write_record(config: RunConfig, record: dict, history: list[dict]) -> Path:
    """Write `record.json` and `history.csv` into `<record_folder>/runs/<run>`; return that folder.

    The folder is filled beside its place and then renamed, so a reader never sees half a record.
    """
    runs = in_project(config.record_folder) / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    target = runs / record["run"]
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=runs))
    try:
        (work / "record.json").write_text(json.dumps(_without_nan(record), indent=1, allow_nan=False) + "\n")
        pd.DataFrame(history).to_csv(work / "history.csv", index=False)
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
    return json.loads(path.read_text()) if path.is_file() and (folder / "history.csv").is_file() else None


def gather(folder: Path, run_ids: list[str], experiments: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write `runs.csv` (a row per run) and `history.csv` (a row per run and epoch) of a study; return both tables.

    Runs without a record are left out: they have failed or are still to come. Column `experiments` names the
    experiments that a run belongs to, separated by spaces.
    """
    run_rows, histories = [], []
    for run in run_ids:
        record = read_record(folder / "runs" / run)
        if record is None:
            continue
        names = " ".join(name for name, members in experiments.items() if run in members)
        run_rows.append(_flat(record, names))
        history = pd.read_csv(folder / "runs" / run / "history.csv")
        histories.append(history.assign(run=run)[["run", *history.columns]])
    runs = pd.DataFrame(run_rows)
    history = pd.concat(histories, ignore_index=True) if histories else pd.DataFrame()
    write_if_changed(folder / "runs.csv", runs.to_csv(index=False))
    write_if_changed(folder / "history.csv", history.to_csv(index=False))
    return runs, history


def read_tables(folder: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the gathered tables of a study: runs, and history with the parameters of its run joined to it."""
    folder = in_project(folder)
    runs = pd.read_csv(folder / "runs.csv", keep_default_na=False, na_values=[""])
    history = pd.read_csv(folder / "history.csv")
    parameters = [name for name in RunConfig.model_fields if name in runs]
    return runs, history.merge(runs[["run", "outcome", *parameters]], on="run", validate="many_to_one")


def _flat(record: dict, experiments: str) -> dict:
    metrics = {
        f"{evaluation}_{split}_{metric}": value
        for evaluation, splits in record["metrics"].items()
        for split, values in splits.items()
        for metric, value in values.items()
    }
    environment = record["environment"]
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
        **{f"seconds_{name}": value for name, value in record["seconds"].items()},
        "memory_peak_mib": record["memory_peak_mib"],
        "backend": environment["backend"],
        "processor": environment["processor"],
        "accelerators": "; ".join(environment["accelerators"]),
    }


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
    import keras

    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "accelerators": _accelerators(),
        "backend": keras.backend.backend(),
        "packages": versions,
    }


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


def _accelerators() -> list[str]:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]
    return []


def _memory_peak_mib() -> int:
    """Return the most memory that this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024))


def _without_nan(value):
    """Return the same with None for numbers that JSON cannot hold: losses of diverged runs."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
