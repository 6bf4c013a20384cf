"""What figures are drawn from: the runs asked for, and one sentence that says what they are."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.figures.evidence import PUBLISHED, Evidence, FigureData, NotMeasured
from tests import simulated
from tests.figures.drawn import Measured, evidence_of
from tests.stable_rates import points

RUNS = pd.DataFrame(
    {"run": ["a", "b", "c"], "seed": [0, 1, 1], "width": 0.25, "depth": 0.2, "dataset": "digits", "image_size": 107,
     "images_train": 512, "accelerators": [np.nan, np.nan, "a GPU"], "processor": ["CPU 1", "CPU 1", "CPU 2"]}
)  # fmt: skip


def test_the_sentence_counts_runs_and_seeds_and_names_network_images_and_hardware():
    assert FigureData(pd.DataFrame(), "mine", RUNS).sentence() == (
        "Data: study mine; miniature of Inception-ResNet-v2 (width 0.25, depth 0.2); data set digits at 107 px, 512 "
        "training images; 3 runs, 2 seeds; a GPU, CPU 1."
    )
    assert "1 run, 1 seed;" in FigureData(pd.DataFrame(), "mine", RUNS.head(1)).sentence()


def test_a_whole_network_is_no_miniature_and_both_are_told_apart():
    whole = RUNS.assign(width=1.0, depth=1.0)
    assert "; Inception-ResNet-v2; data set" in FigureData(pd.DataFrame(), "mine", whole).sentence()
    both = FigureData(pd.DataFrame(), "mine, other", pd.concat([RUNS, whole]))
    assert both.studies == [
        "mine",
        "other",
    ] and "studies mine and other; Inception-ResNet-v2 and a miniature of it (" in (both.sentence())


def test_a_table_without_a_study_or_without_runs_says_so():
    assert FigureData(pd.DataFrame(), "").sentence() == "Computed, not measured."
    assert FigureData(pd.DataFrame(), "bench").sentence() == "Data: results/bench."


def test_parameters_left_at_their_defaults_are_named_too():
    sentence = Measured(points([0])).measured("stable_learning_rate").sentence()
    assert "width 0.25, depth 0.2" in sentence and "data set digits at 107 px, 512 training images" in sentence


def test_an_experiment_has_the_columns_asked_for_and_says_which_it_lacks():
    evidence = evidence_of(simulated.study(seeds=range(2), experiments=("batch_size", "ghost")))
    data = evidence.experiment("batch_size", ["batch_size", "outcome"])
    assert list(data.table) == ["run", "seed", "batch_size", "outcome"] and len(data.table) == len(data.runs) == 12
    with pytest.raises(NotMeasured, match="no column sharpness"):
        evidence.experiment("batch_size", ["sharpness"])
    with pytest.raises(NotMeasured, match="no runs of experiment tuned"):
        evidence.runs("tuned")


def test_histories_join_the_parameters_of_their_runs():
    evidence = evidence_of(simulated.study(seeds=range(2), experiments=("batch_size", "ghost")))
    data = evidence.histories("batch_size", ["batch_size", "train_loss"])
    assert list(data.table) == ["run", "seed", "epoch", "batch_size", "train_loss"]
    assert data.table["run"].nunique() == 12 and set(data.table["run"]) == set(data.runs["run"])


def test_errors_are_in_points_with_a_row_per_run_and_evaluation_and_a_diverged_one_at_chance_level():
    evidence = evidence_of(simulated.study(seeds=range(2), experiments=("batch_size",)))
    runs = evidence.runs("batch_size").reset_index(drop=True)
    runs.loc[0, "moving_test_accuracy"] = np.nan
    table = evidence.errors_by_evaluation(runs, ["batch_size"], ("moving", "batch"))
    assert list(table) == ["run", "seed", "batch_size", "outcome", "evaluation", "test_error"] and len(table) == 24
    moving = table[table["evaluation"] == "moving"].set_index("run")["test_error"]
    assert moving[runs.loc[0, "run"]] == 90
    assert moving[runs.loc[1, "run"]] == pytest.approx(100 * (1 - runs.loc[1, "moving_test_accuracy"]))


def test_a_measurement_that_a_study_lacks_is_that_of_the_published_one_or_not_measured(tmp_path, monkeypatch):
    assert Evidence("no such study").measured("gradient_noise").study == PUBLISHED
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotMeasured, match="no run of the notebook gradient_noise"):
        Evidence("no such study").measured("gradient_noise")
    with pytest.raises(NotMeasured, match="the study gpu has no published runs"):
        Evidence("no such study").beside("gpu")


def test_published_runs_are_those_of_the_experiment_with_their_histories():
    runs, history = Evidence("no such study").published("artefacts", "phantom")
    assert runs["experiments"].str.split().map(lambda names: "phantom" in names).all()
    assert set(history["run"]) == set(runs["run"]) and "used_batch_norm_momentum" in history
