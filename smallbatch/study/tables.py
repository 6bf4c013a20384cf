"""The tables of a study: gathered from the records of its runs, and read again by whoever judges or draws."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from smallbatch.errors import RecordError
from smallbatch.paths import in_project
from smallbatch.study.environment import processor_name
from smallbatch.study.files import disk_errors, write_if_changed
from smallbatch.study.notebooks import CONFIGS, RETRAIN, config_class, notebook_of, table_name
from smallbatch.study.records import SNAPSHOTS, read_all
from smallbatch.training.config import RunConfig


class Gathered(NamedTuple):
    """What was gathered: `runs`, a row per training run, `history`, a row per run and epoch, and what was not used."""

    runs: pd.DataFrame
    history: pd.DataFrame
    damaged: dict[str, RecordError]


def gather(folder: Path, run_ids: list[str], experiments: dict[str, list[str]]) -> Gathered:
    """Write the tables of a study and return those of its training runs.

    `runs.csv`, `history.csv`, `test_correct.csv` and `snapshots.csv` hold the training runs. Each measurement notebook
    has two tables of its own, see `_gather_measurements`. Runs without a record, which have failed or are still to
    come, and damaged ones are left out; a table without rows is no file. Column `experiments` (`experiment` in
    measurements) names the experiments that a run belongs to, separated by spaces.
    """
    found = read_all(folder / "runs", run_ids)
    names = _experiments_of(found.records, experiments)
    for notebook in CONFIGS:
        if notebook != RETRAIN:
            measured = {run: record for run, record in found.records.items() if notebook_of(record) == notebook}
            _gather_measurements(folder, notebook, measured, _named(found.tables, table_name(notebook)), names)
    trained = {run: record for run, record in found.records.items() if notebook_of(record) == RETRAIN}
    runs = pd.DataFrame([_flat(record, names[run]) for run, record in trained.items()])
    history, snapshots = (_of_training_runs(trained, _named(found.tables, file)) for file in ("history.csv", SNAPSHOTS))
    correct = [{"run": run, **record.get("test_correct", {})} for run, record in trained.items()]
    _write_table(folder / "runs.csv", runs)
    _write_table(folder / "history.csv", history)
    _write_table(folder / "test_correct.csv", pd.DataFrame(correct))
    _write_table(folder / SNAPSHOTS, snapshots)
    return Gathered(runs, history, found.damaged)


def _named(tables: dict[str, dict[str, bytes]], file: str) -> dict[str, bytes]:
    """Return the tables of this name of the runs that have one."""
    return {run: files[file] for run, files in tables.items() if file in files}


def _of_training_runs(trained: dict[str, dict], tables: dict[str, bytes]) -> pd.DataFrame:
    return _of_all_runs(tables, {run: {"run": run} for run in trained if run in tables})


def _experiments_of(runs: dict[str, dict], experiments: dict[str, list[str]]) -> dict[str, str]:
    """Return, of each run, the names of its experiments."""
    names: dict[str, list[str]] = {run: [] for run in runs}
    for name, members in experiments.items():
        for run in members:
            if run in names:
                names[run].append(name)
    return {run: " ".join(each) for run, each in names.items()}


def _gather_measurements(
    folder: Path, notebook: str, records: dict[str, dict], tables: dict[str, bytes], names: dict[str, str]
) -> None:
    """Write `<notebook>.csv`, all rows of all its runs, and `<notebook>-summary.csv`, a row per run.

    Both have the columns `experiment` and `run`, then the parameters that are not at their default in all the runs,
    and the seed. A parameter whose name the table itself uses is called `parameter_<name>`.
    """
    points, summary = pd.DataFrame(), pd.DataFrame()
    if records:
        parameters = _telling_parameters(notebook, records)
        heads = {run: {"experiment": names[run], "run": run, **parameters[run]} for run in records}
        points = _of_all_runs(tables, heads)
        summary = pd.DataFrame([flatten(record["summary"]) | _flat_cost(record) for record in records.values()])
        summary = _with_heads(summary, heads, [1] * len(heads))
    _write_table(folder / f"{notebook}.csv", points)
    _write_table(folder / f"{notebook}-summary.csv", summary)


def _telling_parameters(notebook: str, records: dict[str, dict]) -> dict[str, dict]:
    """Return of each run the seed and the parameters that some run has not at its default."""
    defaults = {name: field.default for name, field in config_class(notebook).model_fields.items()}
    values = {run: {name: record["parameters"].get(name, default) for name, default in defaults.items()}
              for run, record in records.items()}  # fmt: skip
    telling = [n for n in defaults if n == "seed" or any(given[n] != defaults[n] for given in values.values())]
    return {run: {name: given[name] for name in telling} for run, given in values.items()}


def _of_all_runs(tables: dict[str, bytes], heads: dict[str, dict]) -> pd.DataFrame:
    """Return the tables of several runs as one, in front of each row its run's head (column: value)."""
    alike: dict[bytes, list[str]] = {}
    for run in heads:
        alike.setdefault(tables[run].partition(b"\n")[0], []).append(run)
    if not alike:
        return pd.DataFrame()
    # Tables with the same columns are read as one text: thousands of them take no longer than their rows do.
    lengths, parts = {}, []
    for head, runs in alike.items():
        rows = [tables[run].partition(b"\n")[2] for run in runs]
        part = _read_table(io.BytesIO(head + b"\n" + b"".join(rows)))
        lengths |= dict(zip(runs, _lengths(rows, len(part)), strict=True))
        order = pd.Series(runs).repeat([lengths[run] for run in runs])
        parts.append(part.set_index(order.map({run: k for k, run in enumerate(heads)}).to_numpy()))
    whole = pd.concat(parts).sort_index(kind="stable") if len(parts) > 1 else parts[0]
    return _with_heads(whole.reset_index(drop=True), heads, [lengths[run] for run in heads])


def _lengths(rows: list[bytes], total: int) -> list[int]:
    """Return the number of rows of each text; they are `total` in all."""
    lengths = [text.count(b"\n") for text in rows]
    if sum(lengths) != total:  # a text in quotes runs over several lines
        lengths = [sum(1 for _ in csv.reader(io.StringIO(text.decode()))) for text in rows]
    return lengths


def _read_table(source: Path | io.BytesIO) -> pd.DataFrame:
    """Read a table exactly as it was written; "none" and the like are words."""
    return pd.read_csv(source, keep_default_na=False, na_values=[""], float_precision="round_trip", low_memory=False)


def _with_heads(table: pd.DataFrame, heads: dict[str, dict], lengths: list[int]) -> pd.DataFrame:
    """Return a table with the head of each run in front of its rows, of which it has as many as `lengths` says."""
    columns = {}
    for name in next(iter(heads.values())):
        values = [head[name] for head, length in zip(heads.values(), lengths, strict=True) for _ in range(length)]
        columns[f"parameter_{name}" if name in table else name] = pd.Series(values, dtype=object)
    return pd.concat([pd.DataFrame(columns), table], axis=1)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table; one without rows is no file, so that none of an earlier state of the study stays."""
    with disk_errors():
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
