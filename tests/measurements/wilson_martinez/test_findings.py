"""The rules that decide whether a result is replicated."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.measurements.wilson_martinez.findings import (
    NOT_DECIDED,
    NOT_REPLICATED,
    REPLICATED,
    decide_accuracy,
    decide_speed,
    findings,
)
from smallbatch.measurements.wilson_martinez.summary import summarize
from tests.wilson_martinez import made_table


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (-0.9, 0.9, REPLICATED),
        (0.2, 0.9, REPLICATED),
        (-1.1, 0.9, NOT_DECIDED),
        (0.2, 1.1, NOT_REPLICATED),
        (-3.0, -0.1, NOT_REPLICATED),
        (np.nan, np.nan, NOT_DECIDED),
    ],
)
def test_the_rule_for_accuracy(low, high, finding):
    assert decide_accuracy(low, high) == finding


@pytest.mark.parametrize(
    ("low", "high", "smallest", "largest", "finding"),
    [
        (2.1, 9.0, 0.0, 0.0, REPLICATED),
        (2.1, 9.0, 0.05, 1.0, REPLICATED),  # the true ratio is even larger
        (2.1, 9.0, 0.2, 0.0, NOT_DECIDED),
        (1.9, 9.0, 0.0, 0.0, NOT_DECIDED),
        (0.5, 1.9, 0.0, 0.0, NOT_REPLICATED),
        (0.5, 1.9, 0.0, 0.2, NOT_DECIDED),
    ],
)
def test_the_rule_for_speed(low, high, smallest, largest, finding):
    assert decide_speed(low, high, smallest, largest) == finding


def test_findings_agree_over_data_sets_or_stay_open():
    def run(dataset, slope, ratio):
        table = made_table(error_slope=slope, ratio=ratio)
        return {"dataset": dataset, "gradient": "sum"} | summarize(table)

    table = findings(pd.DataFrame([run("iris", 0.1, 8.0), run("wine", 1.0, 8.0)]))
    found = table.set_index(["result", "dataset"])["finding"]
    assert found["accuracy"].to_dict() == {
        "iris": REPLICATED, "wine": NOT_REPLICATED, "all": NOT_DECIDED,
    }  # fmt: skip
    assert set(found["speed"]) == {REPLICATED}
    assert table["gradient"].unique().tolist() == ["sum"]


def test_gathered_summaries_of_default_runs_are_those_of_iris_and_means():
    """Gathering leaves out the parameters that all runs have at their defaults."""
    table = findings(pd.DataFrame([summarize(made_table())]))
    assert table["dataset"].tolist() == ["iris", "all"] * 2 and set(table["gradient"]) == {"mean"}
