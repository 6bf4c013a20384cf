"""Records: whole or not at all, tables that say what the records say, nothing about the machine's folders."""

import json

import numpy as np
import pandas as pd
import pytest

from smallbatch.study import records, tables
from smallbatch.training.config import RunConfig
from smallbatch.training.evaluation import EvaluationResult
from smallbatch.training.loop import TrainingResult

HISTORY = [
    {"epoch": 1, "steps": 5, "images": 20, "seconds": 1.0, "train_loss": 2.0, "train_accuracy": 0.1,
     "validation_loss": 2.1, "validation_accuracy": 0.2},
    {"epoch": 2, "steps": 10, "images": 40, "seconds": 2.0, "train_loss": 1.0, "train_accuracy": 0.5,
     "validation_loss": 1.5, "validation_accuracy": 0.4},
]  # fmt: skip


def metrics(test_accuracy=0.75, loss=0.5):
    return {"moving": {s: {"loss": loss, "accuracy": test_accuracy} for s in ("train", "validation", "test")}}


def write(folder, test_accuracy=0.75, diverged=False, loss=0.5, **parameters):
    config = RunConfig.create(record_folder=str(folder), **parameters)
    images = {"train": 20, "validation": 4, "test": 4}
    fitted = TrainingResult(HISTORY, diverged, kept_epoch=2)
    correct = {"moving": np.array([True, False, True, True])}
    evaluated = EvaluationResult(metrics(test_accuracy, loss), correct, {"moving": 0.5})
    record = records.make_record(config, fitted, evaluated, images, {"training": 2.0})
    return config, records.write_record(config, record, HISTORY)


def test_a_record_holds_what_is_needed_to_repeat_and_judge_the_run(tmp_path):
    config, folder = write(tmp_path, batch_size=4, seed=3)
    record = records.read_record(folder)
    assert folder == tmp_path / "runs" / config.run_id()
    again = RunConfig.create(**record["parameters"])
    assert again.run_id() == config.run_id() == record["run"]
    assert record["outcome"] == "finished" and record["steps"] == 10 and record["epochs"] == 2
    assert record["seconds"] == {"training": 2.0, "moving": 0.5}
    assert record["memory_peak_mib"] > 50
    assert {"keras", "tensorflow", "numpy"} <= set(record["environment"]["packages"])
    assert record["environment"]["instructions"]
    assert record["code"]["version"] and len(record["code"]["sources"]) == 16
    assert str(tmp_path) not in json.dumps(record)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "history.csv"), pd.DataFrame(HISTORY))


@pytest.mark.parametrize("n", [1, 8, 2372])
def test_correct_images_survive_packing(n):
    correct = np.random.default_rng(n).random(n) < 0.4
    np.testing.assert_array_equal(records.unpack_correct(records.pack_correct(correct), n), correct)


def test_correct_test_images_are_gathered_by_run(tmp_path):
    configs = [write(tmp_path, seed=seed)[0] for seed in (0, 1)]
    tables.gather(tmp_path, [config.run_id() for config in configs], {})
    table = pd.read_csv(tmp_path / "test_correct.csv", dtype=str)
    assert table["run"].tolist() == [config.run_id() for config in configs]
    assert records.unpack_correct(table["moving"][1], 4).tolist() == [True, False, True, True]


def test_a_diverged_run_is_recorded_and_its_losses_are_empty_and_not_numbers_made_up(tmp_path):
    config, folder = write(tmp_path, diverged=True, loss=float("nan"))
    record = records.read_record(folder)
    assert record["outcome"] == "diverged"
    assert record["metrics"]["moving"]["test"]["loss"] is None
    runs = tables.gather(tmp_path, [config.run_id()], {}).runs
    assert runs["outcome"].tolist() == ["diverged"] and runs["moving_test_loss"].isna().all()


def test_an_interrupted_write_leaves_no_record(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(records, "_replace_folder", fail)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_second_record_replaces_the_first_whole(tmp_path):
    _, folder = write(tmp_path, test_accuracy=0.5)
    _, again = write(tmp_path, test_accuracy=0.6)
    assert folder == again and records.read_record(folder)["metrics"]["moving"]["test"]["accuracy"] == 0.6
    assert [f.name for f in (tmp_path / "runs").iterdir()] == [folder.name]


def test_half_a_record_counts_as_none(tmp_path):
    _, folder = write(tmp_path)
    (folder / "history.csv").unlink()
    assert records.read_record(folder) is None


def test_gathered_tables_say_what_the_records_say(tmp_path):
    configs = [write(tmp_path, test_accuracy=a, batch_size=b)[0] for a, b in ((0.7, 4), (0.9, 32))]
    ids = [config.run_id() for config in configs]
    tables.gather(tmp_path, [*ids, "b8-s0-missing"], {"one": ids, "two": ids[1:]})
    runs, history = tables.read_tables(tmp_path)
    assert runs["run"].tolist() == ids
    assert runs["experiments"].tolist() == ["one", "one two"]
    assert runs["moving_test_accuracy"].tolist() == [0.7, 0.9]
    assert runs["batch_size"].tolist() == [4, 32] and runs["dataset"].tolist() == ["digits", "digits"]
    assert runs["learning_rate_scaling"].tolist() == ["none", "none"]  # the word, not a missing value
    assert len(history) == 4 and set(history["batch_size"]) == {4, 32}


def test_tables_that_say_the_same_are_left_alone(tmp_path):
    config, _ = write(tmp_path)
    tables.gather(tmp_path, [config.run_id()], {})
    before = (tmp_path / "runs.csv").stat().st_mtime_ns
    tables.gather(tmp_path, [config.run_id()], {})
    assert (tmp_path / "runs.csv").stat().st_mtime_ns == before
