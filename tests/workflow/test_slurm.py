"""A study through Slurm, with the profile as it is published: a cluster of one node is booted, two runs are trained."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml

from smallbatch.study import records
from smallbatch.study.file import parse_study
from smallbatch.study.needs import minutes, ram_mib
from tests.workflow import slurm

# The plugin's own waits are tens of seconds each, which two tiny runs would mostly spend waiting; and without an
# accounting database, sacct never hears that a job has ended.
IMPATIENT = {
    "slurm-init-seconds-before-status-checks": 3, "seconds-between-status-checks": 3, "latency-wait": 5,
    "slurm-status-command": "squeue",
}  # fmt: skip
PAIR = """
title: Two runs on a cluster
defaults: {dataset: digits, n_train: 20, image_size: 107, width: 0.125, depth: 0.1, epochs: 1}
experiments:
  batch_size: {grid: {batch_size: [10, 20]}}
"""


@pytest.fixture
def commands():
    """The commands of a cluster that lives as long as the test; skipped, with the reason, where none can be started."""
    if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
        pytest.skip("Snakemake's plugin for Slurm is not installed (extra `slurm`)")
    if slurm.missing():
        pytest.skip(f"not installed: {', '.join(slurm.missing())} (on Debian: apt install slurm-wlm munge)")
    # Not pytest's folder: the name of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        with slurm.cluster(folder) as found:
            yield found
    except slurm.CannotStartError as error:
        pytest.skip(f"Slurm cannot be started on this machine: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_to_the_end(command, timeout, **options):
    """Return exit status and output of a command; nothing that it started outlives it."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                          **options) as process:  # fmt: skip
        try:
            said = process.communicate(timeout=timeout)[0]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said


@pytest.mark.slow
def test_two_runs_are_trained_through_slurm(copy, commands):
    (copy.folder / "studies" / "pair.yaml").write_text(PAIR)
    profile = copy.folder / "workflow/profiles/slurm/config.yaml"
    profile.write_text(yaml.safe_dump(yaml.safe_load(profile.read_text()) | IMPATIENT))
    settings = {"SNAKEMAKE_PROFILE": "workflow/profiles/slurm", "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    status, said = run_to_the_end(
        copy.command("study", "pair"), timeout=900, cwd=copy.folder, env=copy.environment | settings
    )
    assert status == 0, said
    runs = parse_study("pair", PAIR).runs
    assert all(records.read_record(copy.folder / "results/pair/runs" / run)["outcome"] == "finished" for run in runs)
    # Each was a job with a GPU for itself, and with the memory and the time that its parameters call for.
    ended = slurm.jobs(commands)
    assert [job["JobState"] for job in ended] == ["COMPLETED"] * len(runs), ended
    asked = {(int(job["MinMemoryNode"].removesuffix("M")), job["TimeLimit"], job["TresPerJob"]) for job in ended}
    limits = {(ram_mib(config), f"{minutes(config) // 60:02}:{minutes(config) % 60:02}:00", "gres:gpu:1")
              for config in runs.values()}  # fmt: skip
    assert asked == limits
    # What runs say on their way is kept, a file per job.
    logs = sorted((copy.folder / "logs/slurm").rglob("*.log"))
    assert len(logs) == len(runs) and all("epoch 1 of 1" in log.read_text() for log in logs)
