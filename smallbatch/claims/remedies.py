"""Remedies at batch size 32, each alone and the best together, against the baseline, which is training without any."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from smallbatch.claims.conditions import LARGEST
from smallbatch.claims.contrasts import ARTEFACT, Estimator, contrast, scattered
from smallbatch.claims.results import Result
from smallbatch.claims.tables import Cells, NotMeasured, Tables, count_runs, errors_of, runs_of
from smallbatch.statistics import paired_differences
from smallbatch.training.config import RunConfig

BASELINE = "plain"
RECALIBRATION = "recalibrate the moving averages"
# Parameters that make no difference to what is learned, or are paired.
NOT_A_REMEDY = ("seed", "threads", "data_folder", "record_folder")
# Points of validation error; what is less counts as nothing in the rules too.
WORTH_COMBINING = 1.0


@dataclass(frozen=True)
class Remedies:
    """Names of runs by seed (rows) and remedy (columns; `BASELINE` is one); gaps are NaN."""

    runs: pd.DataFrame

    def against_baseline(self, tables: Tables, evaluation: str, margin: float) -> dict[str, Result]:
        """Return, by remedy, the paired difference of its test error to the baseline, best first.

        Remedies that were tried alone are adjusted for each other (Holm, and joint sign flips). A combination is not
        one of these: validation images chose it, so on the test images it is a comparison by itself. With the moving
        averages, recalibrating those of the baseline is a remedy of its own, which needs no training.
        """
        errors = self.errors(tables, evaluation)
        combined = combinations(errors)
        results = {}
        for group in (errors.columns.difference([BASELINE, *combined]), combined):
            if len(group):
                compared = paired_differences(errors[[BASELINE, *group]], BASELINE, margin)
                results |= {
                    name: self._result(tables, name, row, len(group), evaluation) for name, row in compared.iterrows()
                }
        return dict(sorted(results.items(), key=lambda each: each[1].number))

    def errors(self, tables: Tables, evaluation: str, split: str = "test") -> pd.DataFrame:
        """Return errors (points) of the seeds that have a baseline run, by remedy; gaps are NaN."""
        errors = pd.DataFrame({name: self._errors(tables, name, evaluation, split) for name in self.runs})
        if evaluation == "moving":
            errors[RECALIBRATION] = self._errors(tables, BASELINE, "recalibrated", split)
        return errors[errors[BASELINE].notna()].dropna(axis="columns", how="all")

    def _errors(self, tables: Tables, name: str, evaluation: str, split: str) -> pd.Series:
        names = self.runs[[name]].dropna()
        return pd.Series(errors_of(tables, _cells(names), evaluation, split)[:, 0], index=names.index)

    def _result(self, tables: Tables, name: str, row: pd.Series, n_compared: int, evaluation: str) -> Result:
        both = self.runs[[BASELINE] if name == RECALIBRATION else [BASELINE, name]].dropna()
        weights = (1,) if name == RECALIBRATION else (1, -1)
        result = Result(
            row["difference"],
            *row[["low", "high", "p", "p_holm", "p_joint"]],
            n_seeds=int(row["n_seeds"]),
            experiment="remedies",
            **count_runs(tables, _cells(both)),
            n_compared=n_compared,
        )
        return scattered(result, ARTEFACT if name == RECALIBRATION else evaluation, weights)


def remedy_by_t(name: str, evaluation: str) -> Estimator:
    """Estimate what a remedy changes in the test error, with Student's t interval and nothing adjusted."""

    def estimate(tables: Tables) -> Result:
        runs = find_remedies(tables).runs
        if name not in runs:
            raise NotMeasured(f"experiment remedies has no runs with {name}")
        both = runs[[name, BASELINE]].dropna()
        cells = Cells(both, "remedies", tuple(runs.index.difference(both.index).tolist()))
        return contrast(tables, cells, [1, -1], evaluation, "t")

    return estimate


def _cells(names: pd.DataFrame) -> Cells:
    return Cells(names, "remedies")


def best_together(tables: Tables) -> dict[str, str]:
    """Return the parameters of the remedies that are worth combining, values as text: the best of each parameter.

    Worth combining is a remedy at batch size 32 whose validation error, with the moving averages, is below that of
    the baseline by more than `WORTH_COMBINING` points, averaged over seeds. The test images have no say. Of those
    that change the same parameter the best is taken. Raises `NotMeasured` where that leaves fewer than two.
    """
    remedies = find_remedies(tables)
    errors = remedies.errors(tables, "moving", "validation").drop(columns=RECALIBRATION)
    gains = errors.rsub(errors[BASELINE], axis="index").mean().drop(BASELINE).sort_values(ascending=False)
    combined = combinations(gains.index)
    chosen: list[dict[str, str]] = []
    for name in gains.index[gains > WORTH_COMBINING]:
        changed = changes(name)
        taken = {parameter for other in chosen for parameter in other}
        if name not in combined and not changed.keys() & {"batch_size", *taken}:
            chosen.append(changed)
    if len(chosen) < 2:
        raise NotMeasured(
            f"fewer than two remedies lower the validation error by more than {WORTH_COMBINING:g} points: nothing to "
            "combine"
        )
    return {name: value for changed in chosen for name, value in changed.items()}


def changes(name: str) -> dict[str, str]:
    """Return the parameters that a remedy changes, by its name, with their values as text."""
    return dict(each.split(" = ") for each in name.split(", ") if " = " in each)


def in_words(remedy: str) -> str:
    """Return the name of a remedy, which is what it changes in the parameters, as a text shows it."""
    # Ghost batches say already what normalizes.
    parts = [_one_in_words(part) for part in remedy.split(", ") if part != "normalization = ghost"]
    return " + ".join(parts)


def _one_in_words(change: str) -> str:
    name, _, value = change.partition(" = ")
    if name == "ghost_batch_size":
        return f"ghost batches of {value} images"
    return f"{name} {value}".strip().replace("_", " ").replace("recalibrate the", "recalibrate")


def combinations(names: Iterable[str]) -> list[str]:
    """Return those of some remedies that contain another one of them: all that it changes, and more."""
    changed = {name: changes(name).items() for name in names}
    return [name for name, own in changed.items() if any(other and other < own for other in changed.values())]


@lru_cache(maxsize=8)
def against_baseline(tables: Tables, evaluation: str, margin: float) -> dict[str, Result]:
    """Return `Remedies.against_baseline` of these tables, which several analyses ask for."""
    return find_remedies(tables).against_baseline(tables, evaluation, margin)


def find_remedies(tables: Tables) -> Remedies:
    """Return the runs of experiment `remedies` by seed and remedy.

    All but a combination change one thing, so the baseline is what most runs at batch size 32 have in each parameter. A
    remedy is named by the parameters in which it differs from that. Raises `NotMeasured` where runs of the baseline are
    missing.
    """
    rows = runs_of(tables, "remedies")
    columns = [name for name in RunConfig.model_fields if name in rows and name not in NOT_A_REMEDY]
    texts = pd.DataFrame({name: [_as_text(name, value) for value in rows[name]] for name in columns}, index=rows.index)
    baseline = {name: _commonest(name, texts[name][texts["batch_size"] == str(LARGEST)]) for name in columns}
    labels = [_label(values, baseline) for values in texts.to_dict("records")]
    if BASELINE not in labels:
        raise NotMeasured(f"experiment remedies has no plain runs at batch size {LARGEST}")
    rows = rows.assign(remedy=labels)
    if rows.duplicated(["seed", "remedy"]).any():
        raise NotMeasured("experiment remedies has more than one run for a remedy and a seed: ambiguous")
    if len(set(labels)) < 2:
        raise NotMeasured("experiment remedies has no run but plain ones")
    return Remedies(rows.pivot(index="seed", columns="remedy", values="run").sort_index())


def _as_text(name: str, value) -> str:
    """Return a parameter's value as it is shown, the same whether a table was read as numbers or as words.

    Records that are older than a parameter do not have it: what is missing is its default.
    """
    if not isinstance(value, list) and pd.isna(value):
        value = RunConfig.model_fields[name].default
    if value is None:
        return "none"
    try:
        return f"{float(value):g}"
    except (ValueError, TypeError):
        return str(value)


def _commonest(name: str, values: pd.Series) -> str:
    """Return the value of most runs, and of equals the parameter's default."""
    counts = values.value_counts()
    if counts.empty:
        raise NotMeasured(f"experiment remedies has no runs at batch size {LARGEST}")
    equals = counts.index[counts == counts.max()]
    default = _as_text(name, None)
    return default if default in equals else equals[0]


def _label(values: dict[str, str], baseline: dict[str, str]) -> str:
    changed = [f"{name} = {value}" for name, value in values.items() if value != baseline[name]]
    return ", ".join(changed) or BASELINE
