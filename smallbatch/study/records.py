"""Records: what a run leaves behind, written whole or not at all, and read only if it is whole (see `integrity`)."""

import contextlib
import errno
import math
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from smallbatch.errors import RecordError
from smallbatch.parameters import Parameters
from smallbatch.paths import in_project, write_whole
from smallbatch.study import accelerators, integrity
from smallbatch.study.environment import code_version, environment, memory_peak_mib
from smallbatch.study.files import disk_errors
from smallbatch.study.notebooks import table_name
from smallbatch.training.checkpoint import Checkpoint
from smallbatch.training.config import RunConfig

if TYPE_CHECKING:  # Pages and workflow read records without waiting for Keras.
    from smallbatch.training.evaluation import EvaluationResult
    from smallbatch.training.loop import TrainingResult

# The evaluations on the way through a training, a row per step, evaluation and split.
SNAPSHOTS = "snapshots.csv"


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
        **({"continued_after": fitted.continued_after} if fitted.continued_after else {}),
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
    here = environment()
    on_gpu = accelerators.memory_peak_mib(here["backend"])
    return {
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "memory_peak_mib": memory_peak_mib(),
        **({} if on_gpu is None else {"gpu_memory_peak_mib": on_gpu}),
        "environment": here,
        "code": code_version(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write_record(config: RunConfig, record: dict, history: list[dict], snapshots: Sequence[dict] = ()) -> Path:
    """Write `record.json` and `history.csv` into `<record_folder>/runs/<run>`; return that folder.

    Evaluations on the way, if there are any, are `snapshots.csv` beside them. The folder is filled beside its place and
    then renamed, so a reader never sees half a record.
    """
    tables = {table_name(config.NOTEBOOK): pd.DataFrame(history)}
    if snapshots:
        tables[SNAPSHOTS] = pd.DataFrame(snapshots)
    folder = _write_folder(config, record, tables)
    _checkpoint_path(config).unlink(missing_ok=True)
    return folder


def checkpoint(config: RunConfig) -> Checkpoint:
    """Return the checkpoint of a run, which `write_record` deletes.

    It is only used where the numbers cannot differ from those of an uninterrupted run: with the same parameters, code,
    versions and kind of processor and accelerator.
    """
    here = environment()
    origin = {
        "parameters": config.identity() | {"notebook": config.NOTEBOOK},
        "code": code_version()["sources"],
        "packages": here["packages"],
        "hardware": {name: here[name] for name in ("backend", "system", "processor", "instructions", "accelerators")},
    }
    return Checkpoint(_checkpoint_path(config), origin)


def _checkpoint_path(config: RunConfig) -> Path:
    return in_project(config.record_folder) / "checkpoints" / f"{config.run_id()}.npz"


def write_measurement(config: Parameters, record: dict, table: pd.DataFrame) -> Path:
    """Write `record.json` and `measurements.csv`, whole or not at all like `write_record`; return their folder.

    `table` is tidy: a row per measured point. Gathering adds the columns `experiment`, `run` and the parameters; it
    raises `ValueError` where the table has `experiment` or `run` itself, or no rows.
    """
    taken = [name for name in ("experiment", "run") if name in table]
    if taken or table.empty:
        raise ValueError(f"The table of a measurement needs rows, and no columns {taken or ['experiment', 'run']}.")
    return _write_folder(config, record, {table_name(config.NOTEBOOK): table})


def _write_folder(config: Parameters, record: dict, tables: dict[str, pd.DataFrame]) -> Path:
    texts = {file: table.to_csv(index=False).encode() for file, table in tables.items()}
    sealed = integrity.sealed(_for_json(record), texts, {file: len(table) for file, table in tables.items()})
    return _publish(config, {integrity.RECORD: sealed, **texts})


def _publish(config: Parameters, files: dict[str, bytes]) -> Path:
    """Write the folder of a run: filled beside its place, and then renamed."""
    with disk_errors():
        runs = in_project(config.record_folder) / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        target = runs / config.run_id()
        work = Path(tempfile.mkdtemp(prefix=".partial-", dir=runs))
        try:
            for name, content in files.items():
                write_whole(work / name, content)
            work.chmod(0o755)
            _replace_folder(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return target


def _replace_folder(new: Path, target: Path) -> None:
    """Rename a folder into place. An older one there is moved out of the way first, as folders cannot be swapped.

    A process that is killed between the two leaves the older one in `.old-*`, from where `recover` puts it back.
    """
    while True:
        try:
            new.rename(target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        old = Path(tempfile.mkdtemp(prefix=".old-", dir=target.parent))
        try:
            with contextlib.suppress(FileNotFoundError):  # where another process is replacing it at this moment
                target.rename(old / target.name)
            new.rename(target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            if (old / target.name).exists() and not target.exists():
                (old / target.name).rename(target)
            shutil.rmtree(old, ignore_errors=True)


def recover(runs: Path) -> None:
    """Clear up after processes that were killed while they wrote; call it only where none can be writing.

    A record that was about to be replaced is put back, and what was not written to its end goes.
    """
    for old in runs.glob(".old-*"):
        for folder in old.iterdir():
            if not (runs / folder.name).exists():
                folder.rename(runs / folder.name)
        shutil.rmtree(old, ignore_errors=True)
    for partial in runs.glob(".partial-*"):
        shutil.rmtree(partial, ignore_errors=True)


def read_record(folder: Path) -> dict | None:
    """Return the record in a run's folder; None where there is none. Raises `RecordError` where it is damaged."""
    found = integrity.checked(folder)
    return found and found[0]


@dataclass(frozen=True)
class Found:
    """What lies in the folders of a study's runs: whole records and, by file, their tables; why others are not used."""

    records: dict[str, dict]
    tables: dict[str, dict[str, bytes]]
    damaged: dict[str, RecordError]


def read_all(runs: Path, names: Iterable[str]) -> Found:
    """Return the records of these runs, in their order; a damaged one is set aside with its reason."""
    found = Found({}, {}, {})
    for run in names:
        try:
            whole = integrity.checked(runs / run)
        except RecordError as error:
            found.damaged[run] = error
            continue
        if whole:
            found.records[run], found.tables[run] = whole
    return found


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
