"""A sweep at the rates that a search chooses: within the evaluation reported, by the seeds of the search alone."""

import dataclasses

import pytest

from smallbatch.claims import NotMeasured
from smallbatch.claims.searched import deployed, in_evaluation, rates_to_run
from tests.claims.second_round import BEST, RATES, sweep


def test_each_evaluation_has_the_rate_that_its_own_validation_errors_choose():
    tables = sweep()
    for name, (rate, error) in BEST.items():
        chosen = in_evaluation(name)(tables)
        assert {label for label, _ in chosen.choices.values()} <= {f"{rate:g}", f"{rate:g}, an end of those tried"}
        assert chosen.errors.to_numpy().mean() == pytest.approx(error) and len(chosen.errors) == 6
        assert all(f"-{rate:g}-" in run for run in chosen.cells.names.ravel())
    assert rates_to_run(tables) == {size: list(RATES) for size in (1, 2, 4, 8)}


def test_as_deployed_only_batch_size_1_is_evaluated_by_its_own_images():
    choices = deployed(sweep()).choices
    assert choices[1] == ("0.02, an end of those tried", "batch")
    assert {choices[size] for size in (2, 4, 8)} == {("0.005, an end of those tried", "recalibrated")}


def test_test_errors_and_other_seeds_choose_nothing():
    tables = sweep()
    runs = tables.runs
    tests = [name for name in runs if "_test_" in name]
    validations = [name for name in runs if "_validation_" in name]
    tuned = runs["experiments"] == "tuned"
    other = runs.assign(**{name: 1 - runs[name] for name in tests})
    other.loc[tuned, validations] = 1 - other.loc[tuned, validations]
    assert deployed(dataclasses.replace(tables, runs=other)).choices == deployed(tables).choices


def test_a_seed_that_lacks_a_chosen_run_is_left_out_and_said():
    tables = sweep()
    runs = tables.runs[tables.runs["run"] != "tuned-b4-0.005-s3"]
    chosen = in_evaluation("recalibrated")(dataclasses.replace(tables, runs=runs))
    assert 3 not in chosen.errors.index and chosen.cells.seeds_left_out == (3,)


def test_what_is_not_there_is_not_measured():
    tables = sweep()
    search_only = dataclasses.replace(tables, runs=tables.runs[tables.runs["experiments"] == "search"])
    with pytest.raises(NotMeasured, match="tuned"):
        deployed(search_only)
    assert rates_to_run(search_only)[8] == list(RATES)
    one_rate = tables.runs[tables.runs["used_learning_rate"] == RATES[0]]
    with pytest.raises(NotMeasured, match="fewer than two learning rates at batch size 1, 2, 4, 8"):
        rates_to_run(dataclasses.replace(tables, runs=one_rate))
