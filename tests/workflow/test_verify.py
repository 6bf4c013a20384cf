"""Reruns of published runs: the same metrics pass, others are named."""

import copy as copying
import json

import pytest

from workflow import verify

RECORD = {"run": "b4-s0", "steps": 3, "metrics": {"moving": {"test": {"accuracy": 0.5, "loss": 1.0}}}}


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
