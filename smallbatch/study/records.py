"""Records: what a run leaves behind, written whole or not at all."""

import json
import math
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from smallbatch.parameters import Parameters
from smallbatch.paths import in_project
from smallbatch.study.environment import code_version, environment, memory_peak_mib
from smallbatch.study.notebooks import RETRAIN
from smallbatch.training.config import RunConfig

if TYPE_CHECKING:  # Pages and workflow read records without waiting for Keras.
    from smallbatch.training.evaluation import Evaluated
    from smallbatch.training.loop import Fitted


def make_record(
    config: RunConfig, fitted: "Fitted", evaluated: "Evaluated", images: dict[str, int], seconds: dict[str, float]
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
        "memory_peak_mib": memory_peak_mib(),
        "environment": environment(),
        "code": code_version(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write_record(config: RunConfig, record: dict, history: list[dict]) -> Path:
    """Write `record.json` and `history.csv` into `<record_folder>/runs/<run>`; return that folder.

    The folder is filled beside its place and then renamed, so a reader never sees half a record.
    """
    return _write_folder(config, record, pd.DataFrame(history))


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


def _write_folder(config: Parameters, record: dict, table: pd.DataFrame) -> Path:
    runs = in_project(config.record_folder) / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    target = runs / record["run"]
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=runs))
    try:
        (work / "record.json").write_text(json.dumps(_for_json(record), indent=1, allow_nan=False) + "\n")
        table.to_csv(work / table_name(config.NOTEBOOK), index=False)
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


def pack_correct(correct: np.ndarray) -> str:
    """Return which images are classified correctly, bool (n,), as hexadecimal digits, a bit per image."""
    return np.packbits(correct).tobytes().hex()


def unpack_correct(digits: str, n: int) -> np.ndarray:
    """Return what `pack_correct` was given: bool (n,)."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=n).astype(bool)


def _for_json(value):
    """Return the same as JSON can hold it: plain numbers for NumPy's, None for those without a value (diverged)."""
    if isinstance(value, dict):
        return {str(key): _for_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
