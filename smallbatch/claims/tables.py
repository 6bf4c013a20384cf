"""What claims are judged from: the gathered tables of a study, and the runs in them that belong together.

Experiments are asked for by their names, and one that others have as their `family` in the study file stands for all of
them: `search_low` can belong to `search`, because a grid can hold only one range of rates for all batch sizes. Runs are
compared within seeds; a seed that lacks a run of a comparison is left out of that comparison, and a note says so. A run
that diverged is not left out.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.errors import EmptyDataError

from smallbatch.errors import UserError, require_word
from smallbatch.paths import in_project
from smallbatch.statistics import error_points
from smallbatch.study.file import read_families
from smallbatch.study.records import unpack_correct

# Data sets whose test images are the same at every seed; the others are split by the seed.
SAME_TEST_IMAGES = ("clothing", "folder")


# The gathered tables that are read, by the field of `Tables` that holds them.
FILES = {
    "runs": "runs.csv",
    "history": "history.csv",
    "snapshots": "snapshots.csv",
    "test_correct": "test_correct.csv",
    "stable_learning_rate": "stable_learning_rate.csv",
    "wilson_martinez": "wilson_martinez-summary.csv",
}


class NotMeasured(Exception):
    """The study lacks what an analysis needs; says what."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The gathered tables of a study, any of them empty; how many classes there are; and the families of experiments.

    `wilson_martinez` has a row per run of that notebook, the other tables are those of the same name. `families` names,
    by family, the other experiments that belong to it. They are not to be changed: what was found in them is kept. Make
    others with `dataclasses.replace`.
    """

    runs: pd.DataFrame = field(default_factory=pd.DataFrame)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    test_correct: pd.DataFrame = field(default_factory=pd.DataFrame)
    stable_learning_rate: pd.DataFrame = field(default_factory=pd.DataFrame)
    n_classes: int = 10
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    wilson_martinez: pd.DataFrame = field(default_factory=pd.DataFrame)
    snapshots: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Cells:
    """Names of runs, a row per seed and a column per condition, without gaps, and the seeds that were left out."""

    runs: pd.DataFrame
    experiments: str
    seeds_left_out: tuple[int, ...] = ()

    @property
    def names(self) -> np.ndarray:
        """Names of all runs, (seeds, conditions)."""
        return self.runs.to_numpy()


def read(folder: str | Path, n_classes: int = 10) -> Tables:
    """Return the gathered tables in a study's folder, and the families that the study file of this name spells out.

    A table that is not there is empty. `n_classes` matters only where a run diverged so that its accuracy is missing.
    Raises `UserError` where there is no such folder.
    """
    folder = in_project(folder)
    if not folder.is_dir():
        raise UserError(f"{folder.name!r}: no results of such a study. Allowed: {_studies_in(folder.parent)}")
    found = {name: _read_table(folder / file, name == "test_correct") for name, file in FILES.items()}
    return Tables(**found, n_classes=n_classes, families=read_families(folder.name))


def require_study_name(name: str) -> None:
    """Raise `UserError` unless a study's name is one plain word, with those there are; call it before any path is made.

    A name such as `../elsewhere` would be read, and written beside, outside `results/`.
    """
    require_word("study", name, f". There are: {_studies_in(in_project('results'))}")


def _studies_in(results: Path) -> str:
    return ", ".join(sorted(path.parent.name for path in results.glob("*/runs.csv"))) or "none is there yet"


def _read_table(path: Path, as_text: bool) -> pd.DataFrame:
    """Read a table; "none" and the like are words, and packed images could pass for numbers."""
    try:
        return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=str if as_text else None)
    except (FileNotFoundError, EmptyDataError):
        return pd.DataFrame()


def runs_of(tables: Tables, experiment: str, **wanted) -> pd.DataFrame:
    """Return the rows of the runs of an experiment, or family, whose columns have the wanted values.

    None stands for an empty cell. Raises `NotMeasured` where there are none.
    """
    runs = tables.runs
    if runs.empty:
        raise NotMeasured("there are no runs")
    members = {experiment, *tables.families.get(experiment, ())}
    rows = runs[[not members.isdisjoint(names.split()) for names in runs["experiments"].fillna("")]]
    if rows.empty:
        raise NotMeasured(f"there are no runs of experiment {experiment}")
    for column, value in wanted.items():
        rows = rows[_equals(rows, column, value)]
    if rows.empty:
        asked = ", ".join(f"{column} = {value}" for column, value in wanted.items())
        raise NotMeasured(f"experiment {experiment} has no runs with {asked}")
    return rows


def _equals(rows: pd.DataFrame, column: str, value) -> pd.Series:
    if column not in rows:
        raise NotMeasured(f"the runs have no column {column}")
    if value is None:
        return rows[column].isna()
    if isinstance(value, str):
        return rows[column].astype(str) == value
    # A column that also holds words, such as "scaled", is read as text.
    return np.isclose(pd.to_numeric(rows[column], errors="coerce"), value, rtol=1e-9)


def cells_across(
    tables: Tables, experiment: str, column: str, smallest: float = 0, plus: tuple[str, dict] | None = None, **wanted
) -> Cells:
    """Return the runs of an experiment by seed and by the values of a numeric column, from `smallest` on.

    `plus`, an experiment and the values wanted there, adds runs from elsewhere at values that this one does not have.
    """
    rows = runs_of(tables, experiment, **wanted)
    if column not in rows or rows[column].nunique() < 2:
        raise NotMeasured(f"experiment {experiment} does not vary {column}")
    if plus:
        with contextlib.suppress(NotMeasured):
            more = runs_of(tables, plus[0], **plus[1])
            rows = pd.concat([rows, more[~more[column].isin(rows[column])]])
    return _complete(dict(list(rows[rows[column] >= smallest].groupby(column))), experiment)


def cells_of(tables: Tables, conditions: dict[str, tuple[str, dict]]) -> Cells:
    """Return the runs of several conditions by seed; a condition is an experiment and the values wanted there."""
    rows = {name: runs_of(tables, experiment, **wanted) for name, (experiment, wanted) in conditions.items()}
    experiments = dict.fromkeys(experiment for experiment, _ in conditions.values())
    return _complete(rows, ", ".join(experiments))


def _complete(rows_by_condition: dict, experiments: str) -> Cells:
    """Line up the runs of conditions by seed, and keep the seeds that have all of them."""
    columns = {}
    for name, rows in rows_by_condition.items():
        if rows["seed"].duplicated().any():
            raise NotMeasured(f"experiment {experiments} has more than one run for {name} and a seed: ambiguous")
        columns[name] = rows.set_index("seed")["run"]
    cells = pd.DataFrame(columns).sort_index()
    whole = cells.dropna()
    if whole.empty:
        raise NotMeasured(f"experiment {experiments} has no seed with all of its runs yet")
    return Cells(whole, experiments, tuple(cells.index.difference(whole.index).tolist()))


def count_runs(tables: Tables, cells: Cells) -> dict[str, int]:
    """Return how many runs the cells have, and how many of them diverged, as the fields of a `Result`."""
    outcomes = tables.runs.loc[tables.runs["run"].isin(cells.names.ravel()), "outcome"]
    return {"n_runs": len(outcomes), "n_diverged": int((outcomes == "diverged").sum())}


def values_of(tables: Tables, cells: Cells, column: str) -> np.ndarray:
    """Return a column of the table of runs for every cell: (seeds, conditions)."""
    if column not in tables.runs:
        raise NotMeasured(f"the runs have no column {column}")
    by_run = tables.runs.set_index("run")[column]
    return by_run.loc[cells.names.ravel()].to_numpy().reshape(cells.names.shape)


def errors_of(tables: Tables, cells: Cells, evaluation: str, split: str = "test") -> np.ndarray:
    """Return errors in points, (seeds, conditions); what a diverged run lacks counts as chance level."""
    accuracy = values_of(tables, cells, f"{evaluation}_{split}_accuracy")
    return error_points(pd.Series(accuracy.ravel()), tables.n_classes).to_numpy().reshape(accuracy.shape)


def correct_images_of(tables: Tables, cells: Cells, evaluation: str) -> np.ndarray:
    """Return which test images are classified correctly: bool (seeds, conditions, images).

    Raises `NotMeasured` where the runs do not share their test images or did not record them.
    """
    rows = tables.runs.set_index("run").loc[cells.names.ravel()]
    datasets = ", ".join(sorted(set(rows["dataset"].astype(str)) - set(SAME_TEST_IMAGES)))
    if datasets:
        raise NotMeasured(f"the test images of {datasets} are not known to be the same at every seed")
    packed = tables.test_correct
    if packed.empty or evaluation not in packed:
        raise NotMeasured("which test images are correct was not recorded")
    digits = packed.set_index("run")[evaluation].reindex(rows.index)
    if digits.isna().any() or rows["images_test"].nunique() != 1:
        raise NotMeasured("which test images are correct was not recorded for all of these runs")
    n_images = int(rows["images_test"].iloc[0])
    correct = np.stack([unpack_correct(each, n_images) for each in digits])
    return correct.reshape(*cells.names.shape, n_images)
