"""How far a study is: which runs are done, to come, damaged, or ended for want of memory."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from smallbatch.errors import RecordError
from smallbatch.parameters import Parameters
from smallbatch.study import integrity
from smallbatch.study.environment import code_version, environment
from smallbatch.study.file import Study
from smallbatch.study.files import disk_errors, write_if_changed
from smallbatch.study.records import read_all

OUTCOME = "outcome.json"
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
    ended = [run for run in others if ran_out_of_memory(runs / run)]
    missing = [run for run in others if run not in set(ended)]
    return Progress(list(found.records), missing, found.damaged, ended)


def count_done(study: Study) -> int:
    """Return how many runs have a record, without reading any: milliseconds for thousands of runs."""
    try:
        with os.scandir(study.folder / "runs") as entries:
            return sum(e.name in study.runs and os.path.exists(f"{e.path}/{integrity.RECORD}") for e in entries)
    except FileNotFoundError:
        return 0


def ran_out_of_memory(folder: Path) -> bool:
    """Return whether a run, by its folder, ended for want of memory and has not been done since."""
    return (folder / OUTCOME).is_file() and not (folder / integrity.RECORD).is_file()


def record_out_of_memory(config: Parameters, folder: Path, reason: str) -> None:
    """Write as the outcome of a run that memory did not suffice; a record that is there stays."""
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
        write_if_changed(folder / OUTCOME, json.dumps(outcome, indent=1) + "\n")


def clear(study: Study, runs: list[str]) -> None:
    """Make way for runs to be tried again: what they left is moved to `set-aside/` beside the study's runs."""
    with disk_errors():
        for run in runs:
            target = study.folder / "set-aside" / run
            shutil.rmtree(target, ignore_errors=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            (study.folder / "runs" / run).rename(target)
