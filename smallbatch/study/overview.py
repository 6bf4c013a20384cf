"""What a study consists of, as tables: its experiments, its runs, the machines and versions that they ran on.

For readers who want to check: what was planned and what is done, and every single run. It reads study files and
records; it computes no statistics and passes no verdict.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from smallbatch.study.environment import processor_name
from smallbatch.study.file import Study, load_study, read_file
from smallbatch.study.notebooks import notebook_of
from smallbatch.study.progress import OUT_OF_MEMORY, out_of_memory
from smallbatch.study.records import Found, read_all

COLUMNS = [
    "run", "experiments", "batch_size", "changed", "seed", "outcome", "test_error", "recalibrated_test_error",
    "recalibrated_train_error", "steps", "minutes",
]  # fmt: skip


@dataclass(frozen=True)
class Overview:
    """A study by name, with the records that it has so far. Raises `UserError` where there is no such study."""

    name: str

    @cached_property
    def study(self) -> Study:
        """The study as its file describes it."""
        return load_study(self.name)

    @cached_property
    def _found(self) -> Found:
        return read_all(self.study.folder / "runs", self.study.runs)

    @property
    def records(self) -> dict[str, dict]:
        """The records of the runs that are done, by run, in the order of the study file."""
        return self._found.records

    @property
    def damaged(self) -> list[str]:
        """The runs whose records are damaged and not used."""
        return list(self._found.damaged)

    @property
    def out_of_memory(self) -> list[str]:
        """The runs that ended for want of memory."""
        return [run for run in self.study.runs if run in out_of_memory(self.study) - self.records.keys()]

    @property
    def n_planned(self) -> int:
        """How many runs the study file asks for."""
        return len(self.study.runs)

    @property
    def n_done(self) -> int:
        """How many of them have a record."""
        return len(self.records)

    def experiments(self) -> pd.DataFrame:
        """Return a row per experiment: `experiment`, `title`, `notebook`, `varied` (in words), `planned`, `done`."""
        described = read_file(self.name).experiments
        rows = [
            {
                "experiment": name,
                "title": described[name].title or name,
                "notebook": described[name].notebook,
                "varied": varied(described[name].grid),
                "planned": len(runs),
                "done": sum(run in self.records for run in runs),
            }
            for name, runs in self.study.experiments.items()
        ]
        return pd.DataFrame(rows)

    def runs(self) -> pd.DataFrame:
        """Return a row per run that has ended: each that is done, and then those that ran out of memory.

        Columns: `run`, `experiments`, `batch_size`, `changed` (the parameters that most runs of the same notebook have
        otherwise, in words), `seed`, `outcome`, `test_error` and `recalibrated_test_error` and
        `recalibrated_train_error` (percent), `steps`, `minutes` (of training, or of the measurement). What a run does
        not have is empty.
        """
        usual = self._usual_parameters()
        rows = [self._row(run, record, usual[notebook_of(record)]) for run, record in self.records.items()]
        rows += [self._row_without_memory(run) for run in self.out_of_memory]
        return pd.DataFrame(rows, columns=COLUMNS)

    def _row_without_memory(self, run: str) -> dict:
        config = self.study.runs[run]
        size, names = getattr(config, "batch_size", None), " ".join(self._experiments[run])
        return {"run": run, "experiments": names, "batch_size": size, "changed": "", "seed": config.seed,
                "outcome": OUT_OF_MEMORY}  # fmt: skip

    @cached_property
    def _experiments(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name, runs in self.study.experiments.items():
            for run in runs:
                names.setdefault(run, []).append(name)
        return names

    def _row(self, run: str, record: dict, usual: dict[str, str]) -> dict:
        parameters = {name: str(value) for name, value in record["parameters"].items()}
        changed = [
            f"{name} = {'none' if value == 'None' else value}"
            for name, value in parameters.items()
            if name not in COLUMNS and value != usual.get(name)
        ]
        seconds = record["seconds"].get("training", record["seconds"].get("measuring"))
        return {
            "run": run,
            "experiments": " ".join(self._experiments[run]),
            "batch_size": record["parameters"].get("batch_size"),
            "changed": ", ".join(changed),
            "seed": record["parameters"].get("seed"),
            "outcome": record.get("outcome", "finished"),
            "test_error": _error(record, "moving", "test"),
            "recalibrated_test_error": _error(record, "recalibrated", "test"),
            "recalibrated_train_error": _error(record, "recalibrated", "train"),
            "steps": record.get("steps"),
            "minutes": None if seconds is None else seconds / 60,
        }

    def _usual_parameters(self) -> dict[str, dict[str, str]]:
        """Return, by notebook, the value that most runs have of each parameter, as text."""
        counts: dict[str, dict[str, Counter]] = {}
        for record in self.records.values():
            of_notebook = counts.setdefault(notebook_of(record), {})
            for name, value in record["parameters"].items():
                of_notebook.setdefault(name, Counter())[str(value)] += 1
        return {
            notebook: {name: values.most_common(1)[0][0] for name, values in of_notebook.items()}
            for notebook, of_notebook in counts.items()
        }

    def environments(self) -> pd.DataFrame:
        """Return a row per machine and set of versions: `runs`, `machine`, `system`, `versions`, `first`, `last`.

        The last two are the days on which the first and the last of its runs ended.
        """
        rows = [_environment(record) for record in self.records.values()]
        table = pd.DataFrame(rows, columns=["machine", "system", "versions", "day"])
        grouped = table.groupby(["machine", "system", "versions"], sort=False)["day"]
        found = grouped.agg(runs="size", first="min", last="max").reset_index()
        return found.sort_values("runs", ascending=False, ignore_index=True)


def varied(grid: dict[str, list]) -> str:
    """Return what a grid varies in words: "batch_size: 1, 32; seed: 0 to 5"."""
    return "; ".join(f"{name}: {_values(values)}" for name, values in grid.items())


def _values(values: list) -> str:
    whole = all(isinstance(value, int) for value in values)
    if len(values) > 2 and whole and values == list(range(values[0], values[0] + len(values))):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(_value(value) for value in values)


def _value(value) -> str:
    if isinstance(value, dict):
        return " and ".join(f"{name} = {_value(each)}" for name, each in value.items()) or "plain"
    return "none" if value is None else str(value)


def _error(record: dict, evaluation: str, split: str) -> float | None:
    accuracy = record.get("metrics", {}).get(evaluation, {}).get(split, {}).get("accuracy")
    return None if accuracy is None else 100 * (1 - accuracy)


def _environment(record: dict) -> dict:
    environment = record["environment"]
    accelerators = ", ".join(environment["accelerators"]) or "no accelerator"
    packages = {"Python": environment["python"], **environment["packages"]}
    return {
        "machine": f"{processor_name(environment)}, {environment['cores']} cores, {accelerators}",
        "system": environment["system"],
        "versions": ", ".join(f"{name} {version}" for name, version in packages.items() if version),
        "day": record["finished"][:10],
    }
