"""A study file into its list of runs: grids, defaults, stable run names; a run that several experiments share is
one run. Knows nothing of Keras, so that Snakemake can read it in every job."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smallbatch.config import RunConfig
from smallbatch.errors import ParameterError, StudyError
from smallbatch.paths import in_project


class _Experiment(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    title: str = ""
    fixed: dict[str, Any] = {}
    grid: dict[str, list[Any]] = Field(min_length=1)


class _StudyFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    title: str
    description: str = ""
    defaults: dict[str, Any] = {}
    experiments: dict[str, _Experiment] = Field(min_length=1)
    showcase: dict[str, Any] = {}


@dataclass(frozen=True)
class Study:
    """A study: its runs by name, the runs of each experiment, and the run whose notebook the book shows."""

    name: str
    title: str
    description: str
    runs: dict[str, RunConfig]
    experiments: dict[str, list[str]]
    showcase: str

    @property
    def folder(self) -> Path:
        """The folder of the study's records and tables."""
        return in_project("results") / self.name


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
    runs, experiments = {}, {}
    for title, experiment in file.experiments.items():
        members = []
        for point in _grid_points(experiment.grid):
            parameters = {**file.defaults, **experiment.fixed, **point}
            try:
                config = RunConfig.create(**{"record_folder": f"results/{name}", **parameters})
            except ParameterError as error:
                raise StudyError(f"studies/{name}.yaml, experiment {title!r}: {error}") from None
            runs[config.run_id()] = config
            members.append(config.run_id())
        experiments[title] = list(dict.fromkeys(members))
    showcase = _find_showcase(name, file.showcase, runs)
    return Study(name, file.title, file.description, runs, experiments, showcase)


def _parse_file(name: str, text: str) -> _StudyFile:
    try:
        return _StudyFile.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise StudyError(f"studies/{name}.yaml is not YAML: {error}") from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors()]
        raise StudyError(f"studies/{name}.yaml: {'; '.join(problems)}") from None


def _grid_points(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return every combination of the grid's values, the last name varying slowest: seeds complete one by one."""
    names = list(reversed(grid))
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(grid[n] for n in names))]


def _find_showcase(name: str, wanted: dict[str, Any], runs: dict[str, RunConfig]) -> str:
    for run, config in runs.items():
        parameters = config.model_dump()
        if all(parameters.get(key, wanted) == value for key, value in wanted.items()):
            return run
    raise StudyError(f"studies/{name}.yaml, showcase {wanted}: no run of the study has these parameters")
