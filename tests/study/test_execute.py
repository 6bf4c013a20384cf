"""One run that goes wrong: a line that names it, tried once more or recorded as it ended, and never for ever."""

import json
import os

import papermill
import pytest
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from smallbatch.errors import RecordError
from smallbatch.study import execute as execution
from smallbatch.study.file import load_study
from smallbatch.study.progress import clear, count_done, progress
from tests.study.test_records import write as write_training_run

STUDY = """
title: Two runs
defaults: {n_train: 64, image_size: 107}
experiments: {sizes: {grid: {batch_size: [4, 32]}}}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    (tmp_path / "studies" / "two.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return load_study("two")


def ending(monkeypatch, *ends):
    """Let notebooks end as given, one after the other: with an error, or by a function of the parameters."""
    left = list(ends)

    def execute_notebook(notebook, log, parameters, **options):
        end = left.pop(0)
        if isinstance(end, BaseException):
            raise end
        end(parameters)

    monkeypatch.setattr(papermill, "execute_notebook", execute_notebook)
    return left


def finish(parameters):
    write_training_run(parameters.pop("record_folder"), **parameters)


def failing(name, text):
    return PapermillExecutionError(0, 1, "", name, text, ["the way there", f"{name}: {text}"])


def test_a_killed_kernel_is_named_in_a_line_with_its_messages_and_tried_once_more(study, monkeypatch, capfd):
    run = study.queue()[0]
    left = ending(monkeypatch, DeadKernelError("Kernel died"), finish)
    assert execution.execute(study, run) and not left
    said = capfd.readouterr()
    assert len(said.err.splitlines()) == 1 and f"run {run}: its kernel was killed or died" in said.err
    assert f"logs/two/{run}.stderr" in said.err and "tried once more" in said.err
    assert f"run {run} finished: 1 of 2 runs done" in said.out


def test_a_kernel_that_is_killed_again_is_left_out(study, monkeypatch, capfd):
    run = study.queue()[0]
    left = ending(monkeypatch, DeadKernelError("Kernel died"), DeadKernelError("Kernel died"), finish)
    assert not execution.execute(study, run) and len(left) == 1
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2 and "tried twice and is left out" in said[1]
    assert run in progress(study).missing  # the same command tries it again


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ResourceExhaustedError", "OOM when allocating tensor with shape[32,299,299,3]\n and 60 lines more"),
        ("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 13 bytes"),
        ("_ArrayMemoryError", "Unable to allocate 9 TiB for an array"),
        ("MemoryError", ""),
    ],
)
def test_out_of_memory_is_an_outcome_that_is_not_tried_again_until_asked(study, monkeypatch, capfd, name, text):
    run, other = study.queue()
    left = ending(monkeypatch, failing(name, text), finish, finish)
    assert not execution.execute(study, run)
    (line,) = capfd.readouterr().err.splitlines()
    sizes = f"batch_size = {study.runs[run].batch_size}, image_size = 107, width = 0.25"
    assert line.startswith(f"run {run} ran out of memory with {sizes}") and "lower one of them" in line
    outcome = json.loads((study.folder / "out-of-memory" / f"{run}.json").read_text())
    assert outcome["run"] == run and outcome["outcome"] == "out of memory"
    assert not execution.execute(study, run) and len(left) == 2  # not tried
    assert execution.execute(study, other)
    now = progress(study)
    assert (now.done, now.missing, now.out_of_memory) == ([other], [], [run])
    clear(study, now.set_aside)
    assert progress(study).missing == [run]
    assert execution.execute(study, run)
    assert progress(study).done == list(study.runs)


def test_other_failures_say_why_and_keep_the_notebook(study, monkeypatch, capfd):
    ending(monkeypatch, failing("DataError", "no photographs"))
    run = study.queue()[0]
    assert not execution.execute(study, run)
    assert capfd.readouterr().err.splitlines() == [
        f"run {run} failed: DataError: no photographs", f"Its notebook is kept: logs/two/{run}.ipynb"
    ]  # fmt: skip
    assert progress(study).missing == list(study.runs)


def test_a_damaged_record_is_named_set_aside_and_trained_again_when_asked(study, monkeypatch, capsys):
    ending(monkeypatch, finish, finish)
    run = study.queue()[0]
    assert execution.execute(study, run)
    (study.folder / "runs" / run / "history.csv").write_text("epoch\n1\n")
    with pytest.raises(RecordError, match=rf"results/two/runs/{run}/history.csv is damaged"):
        execution.execute(study, run)
    assert execution.main(["two", run]) == 1
    assert "history.csv is damaged" in capsys.readouterr().err
    now = progress(study)
    assert list(now.damaged) == [run] and run not in now.missing and run not in now.done
    clear(study, now.set_aside)
    assert (study.folder / "set-aside" / run / "record.json").is_file()
    assert execution.execute(study, run) and progress(study).done == [run]


def test_a_name_that_is_no_run_or_no_study_is_refused_before_anything_is_touched(study, capsys):
    for arguments in (["two", "../../outside"], ["../two", "b4-s0"], ["two.yaml", "x"]):
        assert execution.main(arguments) == 1
        assert "is not allowed" in capsys.readouterr().err
    assert not os.path.exists("logs") and not os.path.exists("results")


def test_finished_runs_are_counted_without_reading_any(study, monkeypatch):
    ending(monkeypatch, finish)
    execution.execute(study, study.queue()[0])
    for name in (".partial-x", "of-another-study"):
        (study.folder / "runs" / name).mkdir()
    monkeypatch.setattr("builtins.open", None)
    assert count_done(study) == 1


def test_a_folder_that_cannot_be_written_is_one_sentence(study, monkeypatch, capsys):
    (study.folder).parent.mkdir()
    study.folder.write_text("a file where the study's folder should be")
    ending(monkeypatch, failing("MemoryError", ""))
    assert execution.main(["two", study.queue()[0]]) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "Nothing half-written is used" in said
