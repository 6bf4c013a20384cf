"""Learning rates chosen for each batch size: by validation alone, of rates that all seeds have tried."""

import dataclasses

import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims.tuning import deciding_experiment
from tests.simulated import SIZES, primary


def test_the_rate_is_chosen_by_validation_and_never_by_test(usual):
    chosen = claims.chosen_learning_rates(usual).set_index("batch_size")
    assert chosen["learning_rate"].to_dict() == {1: 0.005} | dict.fromkeys(SIZES[1:], 0.02)
    assert not chosen["at_edge"].any() and (chosen["n_seeds"] == 6).all() and (chosen["n_rates"] == 4).all()
    tests = [name for name in usual.runs if "_test_accuracy" in name]
    other = usual.runs.assign(**{name: 1 - usual.runs[name] for name in tests})
    pd.testing.assert_frame_equal(
        claims.chosen_learning_rates(dataclasses.replace(usual, runs=other)).set_index("batch_size"), chosen
    )


def test_a_rate_that_not_all_seeds_have_tried_is_not_chosen(usual):
    runs = usual.runs
    gone = (runs["experiments"] == "search") & (runs["used_learning_rate"] == 0.005) & (runs["seed"] > 2)
    chosen = claims.chosen_learning_rates(dataclasses.replace(usual, runs=runs[~gone]))
    assert 0.005 not in chosen["learning_rate"].tolist()


def searched_at(tables, *rates):
    """Return the tables with a search at these rates only; runs of other experiments stay."""
    runs = tables.runs
    names = runs["experiments"].str.split()
    kept = [[name for name in each if name != "search" or rate in rates]
            for each, rate in zip(names, runs["used_learning_rate"], strict=True)]  # fmt: skip
    runs = runs.assign(experiments=[" ".join(each) for each in kept])
    return dataclasses.replace(tables, runs=runs[runs["experiments"] != ""])


@pytest.mark.parametrize(("kept", "chosen"), [([0.005, 0.02, 0.04], 0.005), ([0.0025, 0.005], 0.005)])
def test_the_end_of_the_rates_tried_is_an_edge_on_either_side(usual, kept, chosen):
    found = claims.chosen_learning_rates(searched_at(usual, *kept)).set_index("batch_size").loc[1]
    assert found["learning_rate"] == chosen and found["at_edge"]


def test_tuned_runs_decide_and_what_search_says_of_their_rates_is_told(usual):
    experiment, notes = deciding_experiment(usual)
    # Made up: `tuned` has 0.02 at every batch size.
    assert experiment == "tuned" and notes == ("tuned at 0.02 at 1, search chooses 0.005",)
    assert primary(usual, "batch-one").setting == notes
    _, notes = deciding_experiment(searched_at(usual, 0.0025, 0.005, 0.02))
    assert "the rate chosen at 32 is the end of those tried" in notes
    _, notes = deciding_experiment(searched_at(usual))
    assert notes == ("tuned at rates that this study's tables cannot check",)


def test_without_tuned_runs_the_fixed_rate_decides(usual):
    runs = usual.runs[~usual.runs["experiments"].str.contains("tuned")]
    experiment, notes = deciding_experiment(dataclasses.replace(usual, runs=runs))
    assert experiment == "batch_size"
    assert notes == ("at a fixed learning rate, as there are no runs of experiment tuned",)
