"""Profiles, container and Binder: what they name is there; Snakemake plans a study with those that need no plugin."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from smallbatch.study.file import parse_study
from smallbatch.study.needs import minutes, ram_mib
from tests.conftest import ROOT
from workflow.bundle import requirements

TWO = "title: T\nexperiments: {e: {grid: {batch_size: [4, 320], n_train: [640]}}}"
PROFILES = ("local", "gpu", "slurm", "kubernetes")


def profile(name):
    return yaml.safe_load((ROOT / "workflow" / "profiles" / name / "config.yaml").read_text())


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_goes_on_where_a_study_stopped(name):
    found = profile(name)
    assert found["keep-going"] and found["ignore-incomplete"] and found["rerun-triggers"] == ["mtime"]
    assert found.get("executor", name) in (name, "gpu")


def test_clusters_try_a_run_again_that_was_cut_off_and_ask_for_a_gpu():
    assert profile("slurm")["retries"] and profile("kubernetes")["retries"]
    # Memory and time are each run's own (test_needs).
    assert profile("slurm")["default-resources"].keys() == {"gpu"}


@pytest.mark.parametrize("name", ["local", "gpu"])
def test_snakemake_plans_a_study_with_the_profile(name, tmp_path):
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "two.yaml").write_text(TWO)
    (tmp_path / "notebooks").mkdir()
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile"), "--config",
               "study=two", "--profile", str(ROOT / "workflow/profiles" / name), "--dry-run"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "gpu_mb" in said and "retrain" in said
    for config in parse_study("two", TWO).runs.values():
        assert f"mem_mb={ram_mib(config)}," in said and f"runtime={minutes(config)}" in said


def test_the_container_and_the_devcontainer_are_made_from_the_locks():
    lines = (ROOT / "Containerfile").read_text()
    assert "FROM python:3.12-slim" in lines and "ARG LOCK=requirements.txt" in lines
    made = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert (ROOT / ".devcontainer" / made["build"]["dockerfile"]).resolve() == ROOT / "Containerfile"


def test_binder_has_what_a_run_on_jax_needs_and_nothing_of_tensorflow():
    listed = {line for line in (ROOT / "binder/requirements.txt").read_text().splitlines() if line[0] not in "#-"}
    assert not any("tensorflow" in name or name == "keras-cv" for name in listed)
    assert set(requirements("jax", gpu=False)) - {"snakemake"} <= listed
