"""What figures are drawn from: the tables of a study, those published beside it, and the runs behind each figure.

Knows no figure and draws nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from smallbatch import claims
from smallbatch.claims import NotMeasured, Tables, Verdicts, read
from smallbatch.claims.store import read_verdicts
from smallbatch.claims.tables import runs_of
from smallbatch.paths import in_project
from smallbatch.statistics import error_points
from smallbatch.study.notebooks import config_class
from smallbatch.study.tables import read_measurements, read_tables

# The study whose records are committed: pages take from it what the study that they are built for did not measure.
PUBLISHED = "laptop"
ARTEFACTS = "artefacts"
# The published network on a CPU: one experiment, of the same name as the miniature's among the artefacts.
FULL = "full"
# The published network on a GPU: the main experiment of the published study, and the question's two batch sizes.
GPU = "gpu"


@dataclass(frozen=True)
class FigureData:
    """The table that one figure is drawn from, the study that it comes from, and the rows of its runs.

    A table that is computed and rests on no study has an empty `study`; one that rests on several names them with
    commas between.
    """

    table: pd.DataFrame
    study: str
    runs: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def studies(self) -> list[str]:
        """The names of the studies."""
        return self.study.split(", ")

    def sentence(self) -> str:
        """Return which network, images, seeds and hardware the figure rests on, in one sentence."""
        if not self.study:
            return "Computed, not measured."
        if self.runs.empty:
            return f"Data: results/{self.study}."
        runs = self.runs
        n_runs, n_seeds = runs["run"].nunique(), runs["seed"].nunique()
        parts = [
            _network(runs),
            _images(runs),
            f"{n_runs} run{'s' * (n_runs > 1)}, {n_seeds} seed{'s' * (n_seeds > 1)}",
            _hardware(runs),
        ]
        named = f"studies {' and '.join(self.studies)}" if len(self.studies) > 1 else f"study {self.study}"
        return f"Data: {named}; {'; '.join(filter(None, parts))}."


def _network(runs: pd.DataFrame) -> str:
    if "width" not in runs or "hidden_units" in runs:
        return ""
    whole = (runs["width"] == 1) & (runs["depth"] == 1)
    if whole.all():
        return "Inception-ResNet-v2"
    size = f"(width {_values(runs[~whole], 'width')}, depth {_values(runs[~whole], 'depth')})"
    if whole.any():
        return f"Inception-ResNet-v2 and a miniature of it {size}"
    return f"miniature of Inception-ResNet-v2 {size}"


def _images(runs: pd.DataFrame) -> str:
    if "dataset" not in runs:
        return ""
    text = f"data set {_values(runs, 'dataset')}"
    if "image_size" in runs:
        text += f" at {_values(runs, 'image_size')} px"
    if "images_train" in runs:
        text += f", {_values(runs, 'images_train')} training images"
    elif "n_train" in runs and runs["n_train"].notna().all():
        text += f", {_values(runs, 'n_train')} training images"
    return text


def _hardware(runs: pd.DataFrame) -> str:
    """Return what computed: the GPUs, and the CPUs of the runs that had none."""
    without = runs[runs["accelerators"].fillna("") == ""] if "accelerators" in runs else runs
    return ", ".join(filter(None, (_values(runs, "accelerators"), _values(without, "processor"))))


def _values(runs: pd.DataFrame, column: str) -> str:
    if column not in runs:
        return ""
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in sorted(runs[column].dropna().unique()))


class Evidence:
    """The tables of a study by name, read once. What is not there raises `NotMeasured` with the reason."""

    def __init__(self, study: str):
        self.study = study

    @property
    def folder(self) -> Path:
        """The folder of the study's tables."""
        return in_project("results") / self.study

    @cached_property
    def tables(self) -> Tables:
        """The tables that claims are judged from."""
        return read(self.folder)

    @cached_property
    def verdicts(self) -> Verdicts:
        """The verdicts of all claims: those kept beside the tables, if they are of these; else judged now."""
        kept = read_verdicts(self.folder)
        return claims.judge(self.tables) if kept is None else kept

    @cached_property
    def amended(self) -> Verdicts:
        """The verdicts by the amended plans."""
        kept = read_verdicts(self.folder, "amended")
        return claims.judge(self.tables, claims.AMENDED_CLAIMS, "amended") if kept is None else kept

    def runs(self, experiment: str, **wanted) -> pd.DataFrame:
        """Return the rows of an experiment's training runs (see `claims.tables.runs_of`)."""
        return runs_of(self.tables, experiment, **wanted)

    def experiment(self, experiment: str, columns: list[str], **wanted) -> FigureData:
        """Return columns of an experiment's runs, with `run` and `seed` before them."""
        runs = self.runs(experiment, **wanted)
        return FigureData(_pick(runs, ["run", "seed", *columns]), self.study, runs)

    def histories(self, experiment: str, columns: list[str], **wanted) -> FigureData:
        """Return columns of the history of an experiment's runs, an epoch a row; parameters of the run are joined."""
        runs = self.runs(experiment, **wanted)
        if self.tables.history.empty:
            raise NotMeasured("there is no history of training")
        parameters = [c for c in columns if c not in self.tables.history]
        joined = self.tables.history.merge(runs[["run", "seed", *parameters]], on="run")
        return FigureData(_pick(joined, ["run", "seed", "epoch", *columns]), self.study, runs)

    def errors_by_evaluation(self, runs: pd.DataFrame, columns: list[str], evaluations: Iterable[str]) -> pd.DataFrame:
        """Return a row per run and evaluation: its seed, some columns, outcome and test error (points)."""
        parts = [
            runs[["run", "seed", *columns, "outcome"]].assign(
                evaluation=name, test_error=error_points(runs[f"{name}_test_accuracy"], self.tables.n_classes)
            )
            for name in evaluations
        ]
        return pd.concat(parts, ignore_index=True)

    def measurement(self, notebook: str) -> tuple[pd.DataFrame, pd.DataFrame, str]:
        """Return points, summaries and study of a measurement: of this study, else of the published one."""
        for study in dict.fromkeys((self.study, PUBLISHED)):
            if (in_project("results") / study / f"{notebook}.csv").is_file():
                return *read_measurements(f"results/{study}", notebook), study
        raise NotMeasured(f"no run of the notebook {notebook} is recorded")

    def measured(self, notebook: str) -> FigureData:
        """Return all points of a measurement notebook, with the runs behind them; see `measurement`.

        Gathered tables name only the parameters that are not at the notebook's default; `runs` of the data has them
        all.
        """
        points, runs, study = self.measurement(notebook)
        defaults = {name: field.default for name, field in config_class(notebook).model_fields.items()}
        missing = {
            name: default for name, default in defaults.items() if name not in runs and not isinstance(default, list)
        }
        head = pd.DataFrame([missing] * len(runs), index=runs.index)
        return FigureData(points, study, pd.concat([head, runs], axis=1))

    def beside(self, study: str) -> "Evidence":
        """Return the evidence of a published study, whatever study the book is built for."""
        if not (in_project("results") / study / "runs.csv").is_file():
            raise NotMeasured(f"the study {study} has no published runs")
        return Evidence(study)

    def published(self, study: str, experiment: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return runs and history of an experiment of a published study, whatever study the book is built for."""
        self.beside(study)
        runs, history = read_tables(f"results/{study}")
        rows = runs[runs["experiments"].str.split().map(lambda names: experiment in names)]
        history = history.merge(rows[["run", "used_batch_norm_momentum"]], on="run")
        return rows, history


def _pick(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    missing = [name for name in columns if name not in table]
    if missing:
        raise NotMeasured(f"the tables have no column {', '.join(missing)}")
    return table[list(dict.fromkeys(columns))].reset_index(drop=True)
