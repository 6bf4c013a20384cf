"""Do published runs come out again? Rerun some, picked at random, from the parameters in their records.

python workflow/verify.py laptop 3
"""

import argparse
import importlib
import math
import os
import random
import sys
import tempfile
from pathlib import Path

from papermill.exceptions import PapermillExecutionError

from smallbatch.errors import UserError, require
from smallbatch.study.environment import environment, processor_name
from smallbatch.study.execute import execute_notebook, reason_of
from smallbatch.study.notebooks import RETRAIN, notebook_of
from smallbatch.study.overview import Overview
from smallbatch.study.records import read_record
from smallbatch.study.tables import flatten
from smallbatch.training.config import RunConfig

ROOT = Path(__file__).resolve().parent.parent
# What of a machine decides how sums are rounded, as far as records say it.
KIND = ("system", "processor", "instructions")


def published(study: str) -> dict[str, dict]:
    """Return the records of a study's training runs by name."""
    return {run: record for run, record in Overview(study).records.items() if notebook_of(record) == RETRAIN}


def within(records: dict[str, dict], minutes: float) -> dict[str, dict]:
    """Return the records of runs whose training took no longer."""
    return {run: record for run, record in records.items() if record["seconds"]["training"] <= 60 * minutes}


def on_such_a_machine(records: dict[str, dict]) -> dict[str, dict]:
    """Return the records from a machine of this kind or, where there is none, those that do not say all of theirs."""
    here = environment()

    def agreeing(*unsaid: None) -> dict[str, dict]:
        return {
            run: record
            for run, record in records.items()
            if all(record["environment"].get(name) in (here[name], *unsaid) for name in KIND)
        }

    return agreeing() or agreeing(None)


def computed_alike(records: dict[str, dict], here: dict) -> tuple[dict[str, dict], str]:
    """Return the records from this backend and these accelerators, and a line on the others (empty if there are none).

    A network that took a GPU minutes would take a CPU hours, and another framework rounds differently.
    """

    def computed_with(environment: dict) -> str:
        on = ", ".join(sorted(set(environment.get("accelerators", [])))) or "a CPU"
        return f"{environment.get('backend') or here['backend']} on {on}"

    mine = computed_with(here)
    kinds = {run: computed_with(record.get("environment", {})) for run, record in records.items()}
    others = sorted(set(kinds.values()) - {mine})
    alike = {run: record for run, record in records.items() if kinds[run] == mine}
    if not others:
        return alike, ""
    return alike, (
        f"{len(records) - len(alike)} of {len(records)} runs were computed with {'; '.join(others)} and cannot be "
        f"checked here, with {mine}"
    )


def rerun(record: dict, folder: Path) -> dict:
    """Train a run again with the parameters in its record; return the new record.

    Raises `UserError` where it cannot be trained here, for want of its data for instance.
    """
    config = RunConfig.create(**record["parameters"], record_folder=str(folder))
    try:
        execute_notebook(config, folder / f"{record['run']}.ipynb")
    except PapermillExecutionError as error:
        raise UserError(f"run {record['run']} could not be trained again: {reason_of(error)}") from None
    return read_record(folder / "runs" / config.run_id())


def differences(recorded: dict, again: dict) -> dict[str, tuple[float, float]]:
    """Return the metrics, and the number of steps, that are not exactly the same: by name, recorded and again."""
    old, new = ({"steps": r["steps"]} | flatten(r["metrics"]) for r in (recorded, again))
    names = sorted(old.keys() | new.keys())
    return {
        name: (old.get(name, math.nan), new.get(name, math.nan)) for name in names if old.get(name) != new.get(name)
    }


def main(arguments: list[str] | None = None) -> int:
    """Rerun some runs of a study, picked at random, and compare their metrics with the recorded ones.

    Processors of different kinds round differently, so runs from other kinds are left out where there are others.
    """
    parser = argparse.ArgumentParser(prog="python workflow/verify.py", description=main.__doc__)
    parser.add_argument("study")
    parser.add_argument("n", type=int, nargs="?", default=3, help="how many (default: 3)")
    parser.add_argument("--seed", type=int, default=None, help="of the choice of runs (default: another every time)")
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="leave out runs whose training took longer (default: none)"
    )
    given = parser.parse_args(arguments)
    os.chdir(ROOT)
    importlib.import_module("keras")  # which backend computes here is known once it is loaded
    try:
        trained, elsewhere = computed_alike(published(given.study), environment())
        if elsewhere:
            print(elsewhere, flush=True)
        if elsewhere and not trained:
            return 2
        every = within(trained, given.minutes)
        shortest = min((record["seconds"]["training"] / 60 for record in trained.values()), default=0)
        require("minutes", given.minutes, bool(every), f"at least {shortest:.1f}, which the shortest run took")
        alike = on_such_a_machine(every)
        records = alike or every
        require("n", given.n, 1 <= given.n <= len(records), f"1 to {len(records)}, the training runs to pick from")
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    if not alike:
        print("No run was recorded on a processor like this one: expect small differences.", flush=True)
    elif len(records) < len(every):
        print(
            f"Picking among {len(records)} of {len(every)} runs; the others are, or may be, from other processors.",
            flush=True,
        )
    chosen = random.Random(given.seed).sample(sorted(records), given.n)
    try:
        return 1 if sum([_verify(records[run]) for run in chosen]) else 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _verify(record: dict) -> bool:
    """Rerun one run, say what came out, and return whether anything differs."""
    with tempfile.TemporaryDirectory() as folder:
        again = rerun(record, Path(folder))
    found = differences(record, again)
    if not found:
        print(f"{record['run']}: the same {len(flatten(record['metrics']))} metrics", flush=True)
        return False
    environments = (record["environment"], again["environment"])
    then, now = (f"{processor_name(each)}, {each['backend']}" for each in environments)
    print(f"{record['run']}: {len(found)} metrics differ (recorded on {then}; now on {now})")
    for name, (old, new) in found.items():
        print(f"  {name}: {old} recorded, {new} now", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
