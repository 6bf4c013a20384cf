"""The table of hours on other GPUs: an estimate that follows from the studies; one study fits its twelve hours."""

import pandas as pd
import pytest

from bench import gpu_hours
from smallbatch.study.file import load_study

T4 = next(gpu for gpu in gpu_hours.GPUS if gpu.name == "T4")


def test_the_published_table_holds_every_study_and_gpu_as_an_estimate():
    table = pd.read_csv(gpu_hours.FILE)
    assert set(table["status"]) == {"estimate"} and (table["hours"] > 0).all()
    pairs = {(study, gpu.name) for study in gpu_hours.STUDIES for gpu in gpu_hours.GPUS}
    assert set(zip(table["study"], table["gpu"], strict=True)) == pairs and len(table) == len(pairs)
    t4 = table[table["gpu"] == "T4"].set_index("study")["hours"]
    assert 2 < t4["twelve_hours"] < 6  # half of the time is left for evaluations, start-up and what the model misses


def test_hours_are_steps_times_the_time_of_a_step(monkeypatch):
    monkeypatch.setattr(gpu_hours, "seconds_per_step", lambda gpu, side, width, depth, batch: 0.36 * batch)
    study = load_study("quick")
    # 512 images an epoch at any batch size.
    images = sum(run.epochs * 512 for run in study.runs.values())
    assert gpu_hours.hours(study, T4) == pytest.approx(images * 0.36 / 3600, rel=1e-3)


@pytest.mark.slow
def test_the_table_follows_from_the_studies():
    row = pd.read_csv(gpu_hours.FILE).set_index(["study", "gpu"]).loc[("quick", "T4")]
    assert gpu_hours.hours(load_study("quick"), T4) == pytest.approx(row["hours"], abs=0.006)
