"""`make study` and `make book` past what went wrong, with made-up trainings: named, set aside, and tried again."""

import errno
import os
import threading
import time

import papermill
import pytest

from smallbatch.study import files
from smallbatch.study.execute import execute
from smallbatch.study.progress import progress
from tests.study.test_execute import ending, failing, finish, study  # noqa: F401
from workflow import stages

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def project(study, monkeypatch, tmp_path):  # noqa: F811
    """The stages at work in the made-up project, where runs are executed one after the other by this process."""
    monkeypatch.setattr(stages, "ROOT", tmp_path)
    monkeypatch.setattr(stages, "times", {})
    monkeypatch.delenv("AGAIN", raising=False)

    def one_by_one(study, lock):
        for run in progress(study).missing:
            execute(study, run)

    monkeypatch.setattr(stages, "_snakemake", one_by_one)
    monkeypatch.setattr(stages, "_say_device", lambda: True)


def runs_in(folder):
    return [line.split(",")[0] for line in (folder / "runs.csv").read_text().splitlines()[1:]]


def test_a_damaged_record_is_named_left_out_and_trained_again_only_when_asked(study, monkeypatch, capfd):  # noqa: F811
    left = ending(monkeypatch, finish, finish, finish)
    assert stages.main("study", "two") == 0
    one, other = study.runs
    table = study.folder / "runs" / one / "history.csv"
    table.write_bytes(table.read_bytes()[:-20])
    capfd.readouterr()
    assert stages.main("study", "two") == 0 and len(left) == 1
    said = capfd.readouterr()
    assert "2 runs, 1 done, 0 to do, 1 set aside" in said.out
    (line,) = said.err.splitlines()
    assert line.startswith(f"results/two/runs/{one}/history.csv is damaged: ")
    assert "set aside and not used; to train it again: make study STUDY=two AGAIN=1" in line
    assert runs_in(study.folder) == [other]
    monkeypatch.setenv("AGAIN", "1")
    assert stages.main("study", "two") == 0 and not left
    assert runs_in(study.folder) == [one, other]
    assert (study.folder / "set-aside" / one / "history.csv").is_file()


def test_a_run_without_enough_memory_is_an_outcome_and_the_study_complete(study, monkeypatch, capfd):  # noqa: F811
    left = ending(monkeypatch, failing("ResourceExhaustedError", "OOM when allocating\n" * 60), finish, finish)
    assert stages.main("study", "two") == 0
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2 and "ran out of memory with batch_size" in said[0] and "ended earlier" in said[1]
    assert stages.main("study", "two") == 0 and len(left) == 1  # not tried again
    assert "2 runs, 1 done, 0 to do, 1 set aside" in capfd.readouterr().out
    monkeypatch.setenv("AGAIN", "1")
    assert stages.main("study", "two") == 0 and not left
    assert runs_in(study.folder) == list(study.runs)


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "two.yaml", "a b", "", "$(touch x)", "x" * 101, "-"])
def test_a_name_that_is_not_one_word_is_refused_with_those_there_are(name, capfd, tmp_path):
    assert stages.main("study", name) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "STUDY = " in line and "one word of letters, digits, - and _" in line and line.endswith("There are: two")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notebooks", "studies"]


def test_a_project_without_studies_says_so(tmp_path, capfd):
    (tmp_path / "studies" / "two.yaml").unlink()
    assert stages.main("study", "three") == 1
    assert "Allowed: none yet, studies/ holds no .yaml file" in capfd.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_ends_a_command_with_a_sentence_and_the_next_goes_on(monkeypatch, capfd, number):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number), "results/two/runs.csv")

    left = ending(monkeypatch, finish, finish)
    with monkeypatch.context() as patched:
        patched.setattr(files.Path, "replace", refuse)
        assert stages.main("study", "two") == 1 and not left
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"StorageError: {os.strerror(number)}: results/two/runs.csv. Nothing half-written is used")
    monkeypatch.setattr(papermill, "execute_notebook", None)  # the runs are there
    assert stages.main("study", "two") == 0


def test_two_builds_at_once_follow_each_other(study, monkeypatch, capfd):  # noqa: F811
    inside, most = [], []

    def built(study):
        inside.append(study)
        most.append(len(inside))
        time.sleep(0.3)
        inside.pop()
        return True

    ending(monkeypatch, finish, finish)
    assert stages.main("study", "two") == 0
    (study.folder / "one-run.ipynb").write_text("{}")
    monkeypatch.setattr(stages, "_built", built)
    threads = [threading.Thread(target=stages.build, args=[study]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1]
    assert "the book is being built by another process; waiting for it" in capfd.readouterr().out
