"""A study of many runs: what it costs is counted in files that are read and runs that are unfolded, not in seconds."""

from collections import Counter
from pathlib import Path

import pytest

from smallbatch.errors import ParameterError
from smallbatch.study import tables
from smallbatch.study.file import load_study
from smallbatch.study.progress import count_done, progress
from smallbatch.training import data
from smallbatch.training.config import RunConfig
from smallbatch.training.data import digits
from tests.study.test_records import write
from workflow import stages

N = 30
STUDY = f"""
title: Many runs
defaults: {{n_train: 64, image_size: 107}}
experiments:
  seeds: {{grid: {{seed: {list(range(N))}}}}}
  some: {{grid: {{seed: [0, 1]}}}}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    (tmp_path / "studies" / "many.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    found = load_study("many")
    for config in found.runs.values():
        write(found.folder, **config.model_dump(exclude={"record_folder"}))
    return found


@pytest.fixture
def read(monkeypatch):
    """How often files of each name below `runs/` are read from here on."""
    counted, reading = Counter(), Path.read_bytes

    def read_bytes(path):
        counted[path.name] += "runs" in path.parts
        return reading(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    return counted


def test_gathering_reads_every_file_of_a_run_once(study, read):
    gathered = tables.gather(study.folder, list(study.runs), study.experiments)
    assert len(gathered.runs) == N and not gathered.damaged
    assert +read == {"record.json": N, "history.csv": N}


def test_a_study_in_which_nothing_is_missing_is_looked_through_once(study, read, monkeypatch):
    monkeypatch.setattr(stages, "ROOT", study.folder.parent.parent)
    monkeypatch.setattr(stages.data, "check_all", lambda configs: None)
    assert len(stages.train(study, again=False).done) == N
    assert +read == {"record.json": N, "history.csv": N}


def test_a_finished_run_costs_the_study_no_reading_of_others(study, read):
    assert count_done(study) == N
    assert not +read
    # Which runs are done is told by their folders; whether they are whole, where they are used.
    assert len(progress(study).done) == N


def test_the_name_of_a_run_is_worked_out_once_for_each_time_that_it_stands_in_the_file(study, monkeypatch):
    named, name = [], RunConfig.run_id
    monkeypatch.setattr(RunConfig, "run_id", lambda config: named.append(config) or name(config))
    assert list(load_study("many").runs) == list(study.runs)
    assert len(named) == N + 2


def test_planning_looks_labels_up_once_and_for_each_run_once_whether_it_is_done(tmp_path, monkeypatch, read):
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "_say_device", lambda: False)  # then nothing is trained
    looked_up, train_labels = [], digits.train_labels
    monkeypatch.setattr(digits, "train_labels", lambda config: looked_up.append(config) or train_labels(config))
    for n in (N, 2 * N):
        (tmp_path / "studies" / "new.yaml").write_text(STUDY.replace(str(list(range(N))), str(list(range(n)))))
        study = load_study("new")
        read.clear()
        looked_up.clear()
        assert len(stages.train(study, again=False).missing) == len(study.runs) == n
        assert len(looked_up) == 1 and +read == {"record.json": n}


def test_every_run_is_checked_that_differs_in_what_the_check_depends_on():
    def check(*changes):
        data.check_all(RunConfig.create(n_train=64, **change) for change in changes)

    check({"seed": 1}, {"seed": 2}, {"batch_size": 64})
    for wrong in ({"n_test_from_train": 5}, {"classes": ["0", "no such"]}):
        with pytest.raises(ParameterError):
            check({"seed": 1}, wrong)
