"""Reruns of published runs: the same metrics pass, others are named."""

import copy as copying
import json
import math

import pytest
from papermill.exceptions import PapermillExecutionError

from smallbatch.study.environment import environment
from workflow import verify

RECORD = {
    "run": "b4-s0", "steps": 3, "seconds": {"training": 60},
    "metrics": {"moving": {"test": {"accuracy": 0.5, "loss": 1.0}}},
}  # fmt: skip


def test_the_same_metrics_have_no_differences():
    assert verify.differences(RECORD, copying.deepcopy(RECORD)) == {}


def test_what_differs_is_named_with_both_values():
    other = copying.deepcopy(RECORD)
    other["metrics"]["moving"]["test"]["accuracy"] = 0.5 + 1e-12
    assert verify.differences(RECORD, other) == {"moving_test_accuracy": (0.5, 0.5 + 1e-12)}
    assert list(verify.differences(RECORD, RECORD | {"steps": 4})) == ["steps"]
    assert list(verify.differences(RECORD, RECORD | {"metrics": {}})) == ["moving_test_accuracy", "moving_test_loss"]


def test_more_runs_than_there_are_cannot_be_picked(capsys):
    assert verify.main(["laptop", "100000"]) == 2
    assert "n = 100000 is not allowed. Allowed: 1 to" in capsys.readouterr().err


def test_runs_of_other_kinds_of_processor_are_left_out_and_those_that_do_not_say_it_come_second():
    here = environment()
    assert here["instructions"] and here["processor"]
    environments = {
        "here": here,
        "older": {name: value for name, value in here.items() if name != "instructions"},
        "others": here | {"instructions": "another"},
        "elsewhere": here | {"processor": "another"},
    }
    records = {name: RECORD | {"environment": environment} for name, environment in environments.items()}
    assert list(verify.on_such_a_machine(records)) == ["here"]
    del records["here"]
    assert list(verify.on_such_a_machine(records)) == ["older"]
    del records["older"]
    assert verify.on_such_a_machine(records) == {}


def test_picks_come_from_this_kind_of_processor_where_there_are_any(monkeypatch, capsys):
    here = environment()
    other = RECORD | {"run": "other", "environment": here | {"instructions": "another"}}
    records = {"b4-s0": RECORD | {"environment": here}, "other": other}
    monkeypatch.setattr(verify, "published", lambda study: records)
    monkeypatch.setattr(verify, "rerun", lambda record, folder: record)
    assert verify.main(["laptop", "1"]) == 0
    out = capsys.readouterr().out
    assert "Picking among 1 of 2 runs" in out and "b4-s0: the same 2 metrics" in out
    records.pop("b4-s0")
    assert verify.main(["laptop", "1"]) == 0
    assert "No run was recorded on a processor like this one" in capsys.readouterr().out


def test_runs_of_another_backend_or_accelerator_are_left_out_in_one_line():
    here = {"backend": "tensorflow", "accelerators": []}
    h100 = {"backend": "jax", "accelerators": ["NVIDIA H100"]}
    environments = {"cpu": here, "gpu": h100, "jax": here | {"backend": "jax"}}
    records = {name: {"environment": environment} for name, environment in environments.items()}
    alike, line = verify.computed_alike(records, here)
    assert list(alike) == ["cpu"] and line == (
        "2 of 3 runs were computed with jax on NVIDIA H100; jax on a CPU and cannot be checked here, "
        "with tensorflow on a CPU"
    )
    assert verify.computed_alike({"cpu": records["cpu"]}, here) == ({"cpu": records["cpu"]}, "")
    assert list(verify.computed_alike(records, h100)[0]) == ["gpu"]


def test_the_published_gpu_study_is_not_trained_on_a_cpu(monkeypatch, capsys):
    monkeypatch.setattr(verify, "rerun", None)  # would take hours
    assert verify.main(["gpu"]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert "were computed with jax on NVIDIA H100" in line and "cannot be checked here" in line


def test_long_runs_can_be_left_out(capsys):
    records = {name: RECORD | {"seconds": {"training": seconds}} for name, seconds in (("short", 60), ("long", 61))}
    assert list(verify.within(records, 1)) == ["short"] and list(verify.within(records, math.inf)) == ["short", "long"]
    assert verify.main(["laptop", "1", "--minutes", "0"]) == 2
    assert "minutes = 0.0 is not allowed. Allowed: at least" in capsys.readouterr().err


def test_a_run_that_cannot_be_trained_here_says_why(monkeypatch, capsys):
    def execute_notebook(config, log):
        raise PapermillExecutionError(
            0, 1, "", "DataError", "no photographs", ["way there", "DataError: no photographs"]
        )

    record = {"run": "b4-s0", "parameters": {"seed": 0}, "seconds": {"training": 1}}
    monkeypatch.setattr(verify, "published", lambda study: {"b4-s0": record})
    monkeypatch.setattr(verify, "on_such_a_machine", lambda records: records)
    monkeypatch.setattr(verify, "execute_notebook", execute_notebook)
    assert verify.main(["laptop", "1"]) == 2
    said = capsys.readouterr().err
    assert said == "run b4-s0 could not be trained again: DataError: no photographs\n"


@pytest.mark.slow
def test_a_run_is_trained_again_from_its_record_and_a_wrong_record_is_found(built, monkeypatch, capsys, tmp_path):
    path = next((built.folder / "results/tiny/runs").glob("b20-s0-*/record.json"))
    monkeypatch.chdir(built.folder)
    record = json.loads(path.read_text())
    again = verify.rerun(record, tmp_path)
    assert verify.differences(record, again) == {}
    record["metrics"]["moving"]["test"]["accuracy"] += 0.001
    monkeypatch.setattr(verify, "rerun", lambda record, folder: again)
    monkeypatch.setattr(verify, "published", lambda study: {record["run"]: record})
    monkeypatch.setattr(verify, "ROOT", built.folder)
    assert verify.main(["tiny", "1"]) == 1
    assert "1 metrics differ" in capsys.readouterr().out
