"""The scatter of repeated trainings: its interval, and what of it reaches a number."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from smallbatch.claims import NotMeasured, Tables
from smallbatch.claims.noise_floor import noise_of, pooled_scatter, scatter
from smallbatch.claims.results import Result
from tests.simulated import judged, study


def repeated(deviation, n=12, seed=0):
    generator = np.random.default_rng(seed)
    rows = [
        {"run": f"b{size}-{k}", "experiments": "noise_floor", "batch_size": size, "seed": 0,
         "recalibrated_test_accuracy": 1 - generator.normal(40, deviation) / 100,
         "moving_test_accuracy": 1 - generator.normal(42, 2 * deviation) / 100}
        for size in (4, 32) for k in range(n)
    ]  # fmt: skip
    return Tables(runs=pd.DataFrame(rows))


def test_standard_deviation_and_interval_are_those_of_scipy():
    tables = repeated(2.0)
    errors = 100 * (1 - tables.runs[tables.runs["batch_size"] == 4]["recalibrated_test_accuracy"])
    found = scatter(tables, "recalibrated", 4)
    assert found.deviation == pytest.approx(errors.std()) and found.n == 12
    low, high = np.sqrt(11 * errors.var() / stats.chi2.ppf([0.975, 0.025], 11))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_interval_covers_the_truth():
    found = [scatter(repeated(2, seed=k), "recalibrated", 4) for k in range(300)]
    assert 0.91 <= np.mean([each.low <= 2 <= each.high for each in found]) <= 0.98


def test_a_difference_has_the_noise_of_both_and_that_of_fewer_seeds_more():
    tables = repeated(2.0)
    one = pooled_scatter(tables, "recalibrated")
    verdict = judged(study(), "batch-32-worse", "main")["batch-32-worse"]
    assert noise_of(verdict.result, tables) == pytest.approx(one * np.sqrt(2 / 6))
    moving = dataclasses.replace(verdict.result, scatter=("moving", 1.0))
    assert noise_of(moving, tables) == pytest.approx(pooled_scatter(tables, "moving"))


def test_what_is_not_known_is_not_a_number():
    assert np.isnan(noise_of(Result(1.0), repeated(2.0)))
    assert np.isnan(noise_of(Result(1.0, scatter=("recalibrated", 1.0)), Tables()))
    assert np.isnan(noise_of(Result(1.0, scatter=("as deployed", 1.0)), repeated(2.0)))
    with pytest.raises(NotMeasured, match="fewer than 3 runs"):
        scatter(repeated(2.0, n=2), "recalibrated", 4)
