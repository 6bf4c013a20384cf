"""A study file into its list of runs: grids, defaults, stable run names; a run that several experiments share is
one run. Each experiment runs one notebook. Knows nothing of Keras, so that Snakemake can read it in every job."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smallbatch.errors import ParameterError, StudyError
from smallbatch.parameters import Parameters
from smallbatch.paths import in_project
from smallbatch.study.notebooks import RETRAIN, config_class
from smallbatch.training.config import RunConfig


class _Experiment(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    title: str = ""
    notebook: str = RETRAIN
    priority: int = 0
    fixed: dict[str, Any] = {}
    grid: dict[str, list[Any]] = Field(min_length=1)
    family: str = ""


class _StudyFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    title: str
    description: str = ""
    defaults: dict[str, Any] = {}
    experiments: dict[str, _Experiment] = Field(min_length=1)
    showcase: dict[str, Any] = {}
    published: bool = False


@dataclass(frozen=True)
class Study:
    """A study: its runs by name, the runs of each experiment, and the run whose notebook the book shows.

    Each run has the highest priority of its experiments. A study without training runs shows none. A published study
    has its records in the repository: the book is built from those, and only `make study` adds what is missing.
    """

    name: str
    title: str
    description: str
    runs: dict[str, Parameters]
    experiments: dict[str, list[str]]
    priorities: dict[str, int]
    showcase: str | None
    published: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the study's records and tables."""
        return in_project("results") / self.name

    def queue(self) -> list[str]:
        """Return the runs in the order in which they should start: by priority, and then seed by seed.

        A study that is stopped early so has whole seeds, rather than some experiments and nothing of the others.
        """
        return sorted(self.runs, key=lambda run: (-self.priorities[run], self.runs[run].seed))


def load_study(name: str) -> Study:
    """Read `studies/<name>.yaml`; raise `UserError` naming the file, the experiment and the parameter at fault."""
    path = in_project("studies") / f"{name}.yaml"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        raise StudyError(f"STUDY = {name!r}: there is no file studies/{name}.yaml. Allowed: {there}")
    return parse_study(name, path.read_text())


def parse_study(name: str, text: str) -> Study:
    """Return the study that a YAML text describes (see `load_study`)."""
    file = _parse_file(name, text)
    runs, experiments, priorities = {}, {}, {}
    for title, experiment in file.experiments.items():
        try:
            members = _runs_of(experiment, {"record_folder": f"results/{name}"}, file.defaults)
        except ParameterError as error:
            raise StudyError(f"studies/{name}.yaml, experiment {title!r}: {error}") from None
        runs |= members
        experiments[title] = list(members)
        for run in members:
            priorities[run] = max(experiment.priority, priorities.get(run, experiment.priority))
    showcase = _find_showcase(name, file.showcase, runs)
    return Study(name, file.title, file.description, runs, experiments, priorities, showcase, file.published)


def read_families(name: str) -> dict[str, tuple[str, ...]]:
    """Return, by experiment of `studies/<name>.yaml`, those that have it as their `family`; empty without such a file.

    An experiment with a family only adds runs to another one, which a single grid could not hold. Raises `StudyError`
    as `load_study` does.
    """
    path = in_project("studies") / f"{name}.yaml"
    if not path.is_file():
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for title, experiment in _parse_file(name, path.read_text()).experiments.items():
        if experiment.family:
            found[experiment.family] = (*found.get(experiment.family, ()), title)
    return found


def _runs_of(experiment: _Experiment, places: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Parameters]:
    """Return the runs of an experiment by name; the study's defaults are for notebooks that train a network."""
    kind = config_class(experiment.notebook)
    shared = defaults if issubclass(kind, RunConfig) else {}
    points = _grid_points(experiment.grid)
    configs = [kind.create(**(places | shared | experiment.fixed | point)) for point in points]
    return {config.run_id(): config for config in configs}


def _parse_file(name: str, text: str) -> _StudyFile:
    try:
        file = _StudyFile.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise StudyError(f"studies/{name}.yaml is not YAML: {error}") from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
        raise StudyError(f"studies/{name}.yaml: {'; '.join(problems)}") from None
    heads = [title for title, experiment in file.experiments.items() if not experiment.family]
    for title, experiment in file.experiments.items():
        if experiment.family and experiment.family not in heads:
            raise StudyError(
                f"studies/{name}.yaml, experiment {title!r}: family = {experiment.family!r} is no experiment of this "
                f"study without a family. Allowed: {', '.join(heads)}"
            )
    return file


def _grid_points(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return every combination of the grid's values, the last name varying slowest: seeds complete one by one.

    A value may itself be a mapping, of several parameters that change together; its name is then only a heading.
    """
    names = list(reversed(grid))
    points = []
    for values in itertools.product(*(grid[name] for name in names)):
        point = {}
        for name, value in zip(names, values, strict=True):
            point |= value if isinstance(value, dict) else {name: value}
        points.append(point)
    return points


def _find_showcase(name: str, wanted: dict[str, Any], runs: dict[str, Parameters]) -> str | None:
    """Return the first training run with the wanted parameters; None where nothing is wanted and nothing trained."""
    for run, config in runs.items():
        parameters = config.model_dump()
        if config.NOTEBOOK == RETRAIN and all(parameters.get(key, wanted) == value for key, value in wanted.items()):
            return run
    if not wanted:
        return None
    raise StudyError(f"studies/{name}.yaml, showcase {wanted}: no run of {RETRAIN} in the study has these parameters")
