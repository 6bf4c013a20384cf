"""A study file into its list of runs: grids, defaults, stable run names; a run that several experiments share is
one run. Each experiment runs one notebook. Knows nothing of Keras, so that Snakemake can read it in every job."""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from smallbatch.errors import ParameterError, StudyError, require_word
from smallbatch.parameters import Parameters
from smallbatch.paths import in_project
from smallbatch.study.notebooks import RETRAIN, config_class
from smallbatch.study.yaml_text import read_yaml
from smallbatch.training.config import FROM_RUN, RunConfig

# Thousands of runs are a study; a hundred thousand, a slip of the keyboard. The file is unfolded in every job.
MOST_RUNS = 20_000
# Given by where the study is.
PLACES = ("record_folder",)


class Experiment(BaseModel):
    """An experiment as a study file describes it."""

    model_config = ConfigDict(strict=True, extra="forbid")
    title: str = ""
    notebook: str = RETRAIN
    priority: int = 0
    fixed: dict[str, Any] = {}
    grid: dict[str, list[Any]] = Field(min_length=1)
    family: str = ""


class StudyFile(BaseModel):
    """A study file."""

    model_config = ConfigDict(strict=True, extra="forbid")
    title: str
    description: str = ""
    defaults: dict[str, Any] = {}
    experiments: dict[str, Experiment] = Field(min_length=1)
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

    def before(self, run: str) -> str | None:
        """Return the run whose weights a run starts from, if there is one."""
        weights = getattr(self.runs[run], "weights", "")
        return weights.removeprefix(FROM_RUN) if weights.startswith(FROM_RUN) else None

    def queue(self) -> list[str]:
        """Return the runs in the order in which they should start: by priority, and then seed by seed.

        A study that is stopped early so has whole seeds, rather than some experiments and nothing of the others.
        """
        return sorted(self.runs, key=lambda run: (-self.priorities[run], self.runs[run].seed))


def load_study(name: str) -> Study:
    """Read `studies/<name>.yaml`; raise `UserError` naming the file, the experiment and the parameter at fault."""
    return unfolded(name, read_file(name))


def parse_study(name: str, text: str) -> Study:
    """Return the study that a YAML text describes (see `load_study`)."""
    return unfolded(name, parse_file(name, text))


def read_file(name: str) -> StudyFile:
    """Return `studies/<name>.yaml` as it stands (see `load_study`); nothing is touched unless the name is a word."""
    folder = in_project("studies")
    there = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
    allowed = there or f"none yet, {'studies/ holds no .yaml file' if folder.is_dir() else 'there is no studies/'}"
    require_word("STUDY", name, f". There are: {allowed}")
    path = folder / f"{name}.yaml"
    try:
        return parse_file(name, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise StudyError(f"studies/{name}.yaml is not text in UTF-8") from None
    except FileNotFoundError:
        raise StudyError(f"STUDY = {name!r}: there is no file studies/{name}.yaml. Allowed: {allowed}") from None
    except OSError as error:
        raise StudyError(f"studies/{name}.yaml cannot be read: {error.strerror}") from None


def unfolded(name: str, file: StudyFile) -> Study:
    """Return the study that a file describes; raise `StudyError` naming the experiment and the parameter at fault."""
    _check_size(name, file)
    runs, experiments, priorities = {}, {}, {}
    for title, experiment in file.experiments.items():
        try:
            members = _runs_of(experiment, {"record_folder": f"results/{name}"}, file.defaults)
        except ParameterError as error:
            raise StudyError(f"studies/{name}.yaml, experiment {title!r}: {error}") from None
        members = _with_weights(
            name, title, members, {key: [runs[run] for run in ids] for key, ids in experiments.items()}
        )
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
    for title, experiment in parse_file(name, path.read_text()).experiments.items():
        if experiment.family:
            found[experiment.family] = (*found.get(experiment.family, ()), title)
    return found


def _runs_of(experiment: Experiment, places: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Parameters]:
    """Return the runs of an experiment by name; the study's defaults are for notebooks that train a network."""
    kind = config_class(experiment.notebook)
    shared = defaults if issubclass(kind, RunConfig) else {}
    given = [shared | experiment.fixed | point for point in _grid_points(experiment.grid)]
    for name in {name for parameters in given for name in parameters}:
        if not isinstance(name, str) or name in PLACES:
            raise ParameterError(f"{name!r} is no parameter that a study sets. Allowed: those of {experiment.notebook}")
    configs = [kind.create(**places, **parameters) for parameters in given]
    return {config.run_id(): config for config in configs}


def _with_weights(
    study: str, title: str, members: dict[str, Parameters], earlier: dict[str, list[Parameters]]
) -> dict[str, Parameters]:
    """Return the runs with `weights: run:<experiment>` replaced by that experiment's run of the same seed."""
    found = {}
    for run, config in members.items():
        if isinstance(config, RunConfig) and config.weights.startswith(FROM_RUN):
            config = config.model_copy(
                update={"weights": FROM_RUN + _first_run(study, title, config, earlier).run_id()}
            )
            run = config.run_id()
        found[run] = config
    return found


def _first_run(study: str, title: str, config: RunConfig, earlier: dict[str, list[Parameters]]) -> RunConfig:
    """Return the run that a run starts from; raise `StudyError` unless there is exactly one and it keeps weights."""
    wanted = config.weights.removeprefix(FROM_RUN)
    runs = [run for run in earlier.get(wanted, []) if run.seed == config.seed and getattr(run, "keep_weights", False)]
    if len(runs) != 1:
        raise StudyError(
            f"studies/{study}.yaml, experiment {title!r}: weights = {config.weights!r} with seed = {config.seed} names "
            f"{len(runs)} runs. Allowed: {FROM_RUN} and an experiment further up ({', '.join(earlier) or 'none'}) that "
            "has one run of that seed, with keep_weights: true"
        )
    return runs[0]


def parse_file(name: str, text: str) -> StudyFile:
    """Return what a study file says, each entry of the right kind; raise `StudyError` naming those that are not."""
    try:
        file = StudyFile.model_validate(read_yaml(text, f"studies/{name}.yaml"))
        for experiment in file.experiments:
            require_word("the name of an experiment", experiment)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))[:100] or 'file'}: {e['msg']}" for e in error.errors()[:5]]
        raise StudyError(f"studies/{name}.yaml: {'; '.join(problems)}") from None
    except ParameterError as error:
        raise StudyError(f"studies/{name}.yaml: {error}") from None
    _check_families(name, file)
    return file


def _check_size(name: str, file: StudyFile) -> None:
    """Refuse a study of too many runs before they are unfolded."""
    total = 0
    for title, experiment in file.experiments.items():
        size = math.prod(len(values) for values in experiment.grid.values())
        if not size:
            raise StudyError(f"studies/{name}.yaml: experiment {title!r} has no run, since a list of its grid is empty")
        total += size
        if total > MOST_RUNS:
            raise StudyError(
                f"studies/{name}.yaml unfolds to {total:,} runs or more with experiment {title!r}. "
                f"Allowed: {MOST_RUNS:,}"
            )


def _check_families(name: str, file: StudyFile) -> None:
    """Refuse a family that is no experiment, or that has a family itself."""
    heads = [title for title, experiment in file.experiments.items() if not experiment.family]
    for title, experiment in file.experiments.items():
        if experiment.family and experiment.family not in heads:
            raise StudyError(
                f"studies/{name}.yaml, experiment {title!r}: family = {experiment.family!r} is no experiment of this "
                f"study without a family. Allowed: {', '.join(heads)}"
            )


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
