"""The tables of a study: gathered from the records of its runs, and read again by whoever judges or draws."""

from pathlib import Path

import pandas as pd

from smallbatch.paths import in_project
from smallbatch.study.environment import processor_name
from smallbatch.study.files import write_if_changed
from smallbatch.study.notebooks import CONFIGS, RETRAIN, config_class
from smallbatch.study.records import notebook_of, read_record, table_name
from smallbatch.training.config import RunConfig


def gather(folder: Path, run_ids: list[str], experiments: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write the tables of a study; return `runs` (a row per training run) and `history` (a row per run and epoch).

    `runs.csv`, `history.csv` and `test_correct.csv` hold the training runs. Each measurement notebook has two tables
    of its own, see `_gather_measurements`. Runs without a record are left out: they have failed or are still to come;
    a table without rows is no file. Column `experiments` (`experiment` in measurements) names the experiments that a
    run belongs to, separated by spaces.
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
    _write_table(folder / "runs.csv", runs)
    _write_table(folder / "history.csv", history)
    _write_table(folder / "test_correct.csv", pd.DataFrame(correct))
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
