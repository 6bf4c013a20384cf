"""Runs that belong together: experiments by their exact names, families, seeds without gaps, shared test images."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims.tables import (
    NotMeasured,
    Tables,
    cells_across,
    cells_of,
    correct_images_of,
    count_runs,
    errors_of,
    read,
    runs_of,
)
from smallbatch.errors import StudyError, UserError
from tests.simulated import SIZES, primary, write_tables


def renamed(tables, experiment, new):
    """Return the tables with another name for an experiment, given by run: `new(row)`."""
    names = [
        " ".join(new(row) if name == experiment else name for name in row.experiments.split())
        for row in tables.runs.itertuples()
    ]
    return dataclasses.replace(tables, runs=tables.runs.assign(experiments=names))


@pytest.mark.parametrize("other", ["tuned_1", "tuned_", "tunedx", "untuned", "tune", "TUNED"])
def test_an_experiment_is_found_by_its_exact_name(usual, other):
    with pytest.raises(NotMeasured, match="there are no runs of experiment tuned"):
        runs_of(renamed(usual, "tuned", lambda row: other), "tuned")
    # Nor does one that is there count for another.
    with pytest.raises(NotMeasured, match=f"no runs of experiment {other}"):
        runs_of(usual, other)


def test_a_family_is_one_experiment_and_its_members_are_experiments_too(usual):
    split = renamed(usual, "tuned", lambda row: f"tuned_{row.batch_size}" if row.batch_size > 1 else "tuned")
    families = {"tuned": tuple(f"tuned_{size}" for size in SIZES[1:])}
    gathered = dataclasses.replace(split, families=families)
    assert set(runs_of(gathered, "tuned")["run"]) == set(runs_of(usual, "tuned")["run"])
    assert set(runs_of(gathered, "tuned_8")["batch_size"]) == {8}
    assert primary(gathered, "regularization").result == primary(usual, "regularization").result
    # Without a family, the name stands for its own runs.
    assert set(runs_of(split, "tuned")["batch_size"]) == {1}


def test_families_are_those_of_the_study_file(usual, tmp_path, monkeypatch):
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    grid = "grid: {batch_size: [4, 20]}"
    text = (
        f"title: Made up\nexperiments:\n  a: {{{grid}}}\n  a_low: {{family: a, {grid}}}\n  b: {{family: a, {grid}}}\n"
    )
    (tmp_path / "studies/made-up.yaml").write_text(text)
    for name in ("made-up", "without-file"):
        write_tables(tmp_path / "results" / name, usual)
    assert read("results/made-up").families == {"a": ("a_low", "b")}
    assert read("results/without-file").families == {}
    (tmp_path / "studies/made-up.yaml").write_text(text.replace("family: a, ", "family: c, ", 1))
    with pytest.raises(StudyError, match=r"experiment 'a_low': family = 'c'.*Allowed: a$"):
        read("results/made-up")


def test_a_seed_that_lacks_a_run_is_left_out_and_named(usual):
    runs = usual.runs
    gone = runs["experiments"].str.contains("tuned") & (runs["seed"] == 3) & (runs["batch_size"] == 4)
    tables = dataclasses.replace(usual, runs=runs[~gone])
    cells = cells_across(tables, "tuned", "used_sgd_batch_size")
    assert cells.seeds_left_out == (3,) and cells.runs.index.tolist() == [0, 1, 2, 4, 5]
    verdict = primary(tables, "regularization")
    assert verdict.result.n_seeds == 5 and verdict.result.n_runs == 30
    assert "seeds left out, as runs are missing: 3" in verdict.notes
    assert "with 5 seeds the sign-flip p cannot be below 0.0625" in verdict.notes


def test_more_runs_than_one_for_a_cell_are_refused(usual):
    runs = usual.runs
    twice = runs[runs["experiments"].str.contains("tuned")].assign(run=lambda rows: rows["run"] + "-again")
    verdict = primary(dataclasses.replace(usual, runs=pd.concat([runs, twice])), "regularization")
    assert verdict.result.experiment == "batch_size" and "ambiguous" in verdict.notes


def test_wanted_values_are_numbers_words_or_nothing(usual):
    assert set(runs_of(usual, "momentum_lag", batch_norm_momentum="scaled")["batch_norm_momentum"]) == {"scaled"}
    # The column holds words too, so that numbers in it may be texts.
    assert len(runs_of(usual, "momentum_lag", batch_norm_momentum=0.9997, batch_size=10)) == 6
    assert runs_of(usual, "duration", early_stopping_patience=None)["early_stopping_patience"].isna().all()
    with pytest.raises(NotMeasured, match="experiment momentum_lag has no runs with batch_size = 7"):
        runs_of(usual, "momentum_lag", batch_size=7)
    with pytest.raises(NotMeasured, match="no column colour"):
        runs_of(usual, "momentum_lag", colour=7)


def test_errors_are_those_of_the_cells_and_a_missing_one_is_chance(usual):
    cells = cells_of(usual, {"a": ("tuned", {"batch_size": 1}), "b": ("tuned", {"batch_size": 32})})
    by_run = usual.runs.set_index("run")["moving_test_accuracy"]
    expected = 100 * (1 - np.array([[by_run[run] for run in row] for row in cells.names]))
    np.testing.assert_allclose(errors_of(usual, cells, "moving"), expected)
    lost = usual.runs.assign(outcome="diverged", moving_test_accuracy=np.nan)
    tables = dataclasses.replace(usual, runs=lost, n_classes=4)
    assert (errors_of(tables, cells, "moving") == 75).all()
    assert count_runs(tables, cells) == {"n_runs": 12, "n_diverged": 12}


def test_runs_from_elsewhere_are_added_where_there_are_none(usual):
    plus = ("batch_size", {"batch_size": 32})
    cells = cells_across(usual, "masked_loss", "used_sgd_batch_size", plus=plus)
    assert list(cells.runs) == [1, 4, 16, 32]
    assert list(cells_across(usual, "masked_loss", "used_sgd_batch_size").runs) == [1, 4, 16]
    # One that is there already is not taken twice, and one that is missing is no error.
    assert list(cells_across(usual, "tuned", "used_sgd_batch_size", plus=plus).runs) == SIZES
    nowhere = ("no_such", {})
    assert list(cells_across(usual, "masked_loss", "used_sgd_batch_size", plus=nowhere).runs) == [1, 4, 16]


def test_images_count_only_where_all_seeds_have_the_same(usual):
    cells = cells_of(usual, {"a": ("tuned", {"batch_size": 1})})
    correct = correct_images_of(usual, cells, "recalibrated")
    np.testing.assert_allclose(100 * (1 - correct.mean(axis=2)), errors_of(usual, cells, "recalibrated"), atol=0.5)
    for change, message in [
        ({"runs": usual.runs.assign(dataset="digits")}, "test images of digits"),
        ({"test_correct": pd.DataFrame()}, "not recorded"),
        ({"test_correct": usual.test_correct[usual.test_correct["run"] != cells.names[0, 0]]}, "all of these runs"),
    ]:
        with pytest.raises(NotMeasured, match=message):
            correct_images_of(dataclasses.replace(usual, **change), cells, "recalibrated")


def test_tables_read_from_files_give_the_same_verdicts(usual, usual_verdicts, tmp_path):
    write_tables(tmp_path / "made-up", usual)
    again = dataclasses.replace(read(tmp_path / "made-up"), families=usual.families)
    pd.testing.assert_frame_equal(claims.judge(again).table, usual_verdicts.table)


def test_a_study_without_results_names_those_there_are(usual, tmp_path, monkeypatch):
    (tmp_path / "studies").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    write_tables(tmp_path / "results/made-up", usual)
    with pytest.raises(UserError, match=r"'nothing': no results of such a study\. Allowed: made-up"):
        read("results/nothing")
    (tmp_path / "results/empty").mkdir()
    assert all(getattr(read("results/empty"), name).empty for name in ("runs", "history", "wilson_martinez"))
    assert Tables().runs.empty
