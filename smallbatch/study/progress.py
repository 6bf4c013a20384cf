"""How far a study is: which runs are done, to come, damaged, or ended for want of memory."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from smallbatch.errors import RecordError
from smallbatch.parameters import Parameters
from smallbatch.study.environment import code_version, environment
from smallbatch.study.file import Study
from smallbatch.study.files import disk_errors, write_if_changed
from smallbatch.study.records import read_all

OUT_OF_MEMORY = "out of memory"


@dataclass(frozen=True)
class Progress:
    """The runs of a study, each in one of four states, in the order of the study file."""

    done: list[str]
    missing: list[str]
    damaged: dict[str, RecordError]
    out_of_memory: list[str]

    @property
    def set_aside(self) -> list[str]:
        """The runs that are not tried again until asked for."""
        return [*self.damaged, *self.out_of_memory]


def progress(study: Study) -> Progress:
    """Return how far a study is; every record is read and checked."""
    runs = study.folder / "runs"
    found = read_all(runs, study.runs)
    others = [run for run in study.runs if run not in found.records and run not in found.damaged]
    ended = out_of_memory(study)
    return Progress(
        list(found.records), [r for r in others if r not in ended], found.damaged, [r for r in others if r in ended]
    )


def count_done(study: Study) -> int:
    """Return how many runs have left a record, without reading any: milliseconds for thousands of runs."""
    try:
        return sum(name in study.runs for name in os.listdir(study.folder / "runs"))
    except FileNotFoundError:
        return 0


def out_of_memory(study: Study) -> set[str]:
    """Return the runs that ended for want of memory when they were last tried."""
    return {file.stem for file in _outcomes(study).glob("*.json")}


def _outcomes(study: Study) -> Path:
    return study.folder / "out-of-memory"


def record_out_of_memory(study: Study, config: Parameters, reason: str) -> None:
    """Write as the outcome of a run that memory did not suffice."""
    outcome = {
        "run": config.run_id(),
        "notebook": config.NOTEBOOK,
        "parameters": config.identity(),
        "outcome": OUT_OF_MEMORY,
        "reason": reason,
        "environment": environment(),
        "code": code_version(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    with disk_errors():
        write_if_changed(_outcomes(study) / f"{config.run_id()}.json", json.dumps(outcome, indent=1) + "\n")


def clear(study: Study, runs: list[str]) -> None:
    """Make way for runs to be tried again: a record that is there is moved to `set-aside/` beside the study's runs."""
    with disk_errors():
        for run in runs:
            (_outcomes(study) / f"{run}.json").unlink(missing_ok=True)
            folder, target = study.folder / "runs" / run, study.folder / "set-aside" / run
            if folder.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(target)
