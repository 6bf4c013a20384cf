"""Claim *stability*: the largest stable rates, and limits that were not seen."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import words
from smallbatch.measurements.stable_learning_rate import estimator
from smallbatch.measurements.stable_learning_rate.summary import tidy
from tests.simulated import RATES, SIZES, assert_answer, primary, study, verdict_of


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({"limit": (-2.0, 0.5)}, "supported", "Yes. Training at batch size 1 breaks down"),
        ({"limit": (2.0, 0.5)}, "opposite", "No, the opposite. Training at batch size 1 survives larger"),
        ({"limit": (0.0, 0.1)}, "nothing", "No. Batch sizes 1 and 32 survive the same learning rates, to within a "
         "factor of 1.4"),
        ({"limit": (-0.5, 0.5)}, "not decided", "It is not decided whether batch size 1 needs a smaller"),
    ],
)  # fmt: skip
def test_verdict_and_answer_follow_the_truth(truth, kind, beginning):
    assert_answer(study(**truth), "stability", kind, beginning)


def test_gradient_noise_alone_is_measured_with_fixed_statistics(usual):
    limits = usual.stable_learning_rate
    fixed = (limits["batch_norm"] == "recalibrated") & (limits["batch_size"] == 1)
    # With fixed statistics, batch size 1 survives an eighth of the rates.
    stable = limits["stable"].where(~fixed, limits["learning_rate"] <= 2.0**-6)
    tables = dataclasses.replace(usual, stable_learning_rate=limits.assign(stable=stable))
    assert verdict_of(tables, "stability", "gradient noise alone").result.number < -2.5
    assert primary(tables, "stability").result.number == pytest.approx(0)


@pytest.mark.parametrize(
    ("size", "seen", "least", "most", "kind", "said"),
    [
        # Even a rate 4 times below the limit at 32 is not stable.
        (1, False, -2, 2, "supported", "95% CI below −2.1, its lower end not seen"),
        (1, False, 2, 3, "not decided", "95% CI below 1.9, its lower end not seen"),
        # 4 times that limit is stable, and perhaps more.
        (1, True, -4, 2, "opposite", "95% CI above 1.9, its upper end not seen"),
        (1, True, -4, -2, "not decided", "95% CI above −2.1, its upper end not seen"),
        (32, True, -4, 2, "supported", "95% CI below −1.9, its lower end not seen"),
        (32, False, -2, 2, "opposite", "95% CI above 2.1, its upper end not seen"),
        (32, True, -4, 0, "not decided", "95% CI below 0.1, its lower end not seen"),
    ],
)
def test_a_stable_rate_that_was_not_seen_opens_the_interval(size, seen, least, most, kind, said):
    tables = study(experiments=["batch_size"], limit=(0.0, 0.0))
    limits = tables.stable_learning_rate.copy()
    limits.loc[(limits["batch_size"] == size) & (limits["measurement"] == "short training"), "stable"] = seen
    # Every rate was stable (the truth is above the largest), or none was.
    edge = limits["learning_rate"].between(2 ** (-3 + least), 2 ** (-3 + most))
    limits = limits[edge | (limits["batch_size"] != size)]
    verdict = primary(dataclasses.replace(tables, stable_learning_rate=limits), "stability")
    assert verdict.kind == kind
    assert said in words.number(verdict), words.number(verdict)
    opened = "lower" if np.isinf(verdict.result.low) else "higher"
    assert f"some limits were not seen, and the ratio may be {opened}" in verdict.notes
    assert np.isinf([verdict.result.low, verdict.result.high]).sum() == 1


def test_the_table_of_the_measurement_is_understood():
    """The notebook's own functions make the table here; batch size 1 survives a quarter of the rate of 32."""

    def final_loss(batch_size, rate, seed):
        return 1.0 if rate <= 0.1 * (0.25 if batch_size == 1 else 1) * 2**seed else np.nan

    found = estimator.largest_stable_learning_rate(final_loss, 2.0, SIZES, RATES, range(2))
    steps = pd.DataFrame({"batch_size": SIZES, "learning_rate": 0.1, "draw": 0, "loss": 1.0})
    parts = [found.assign(batch_norm=name) for name in ("batch", "recalibrated")]
    table = tidy(steps, pd.concat(parts))
    checkpoints = [table.assign(run=f"checkpoint-{k}", seed=k) for k in range(3)]
    result = primary(claims.Tables(stable_learning_rate=pd.concat(checkpoints)), "stability").result
    assert (result.number, result.low, result.high) == pytest.approx((-2, -2, -2)) and result.n_seeds == 3


def test_the_sample_is_checkpoints_or_with_fewer_than_three_the_orders_of_images():
    enough = primary(study(seeds=range(3), limit=(-2.0, 0.5)), "stability")
    assert words.sample(enough) == "3 checkpoints" and "orders of images" not in enough.notes
    few = primary(study(seeds=range(2), limit=(-2.0, 0.5)), "stability")
    assert words.sample(few) == "4 orders of images"
    assert "2 checkpoint(s), 4 limit(s) at each batch size; the interval is over orders of images" in few.notes


def test_each_seed_chooses_a_rate_for_itself(usual):
    verdict = verdict_of(usual, "stability", "rate chosen on validation images")
    # 0.005 at batch size 1, 0.02 at 32.
    assert verdict.result.number == pytest.approx(-2) and verdict.word == "supported"
    assert "all seeds together choose 0.005 at 1; all seeds together choose 0.02 at 32" in verdict.notes


def test_a_search_with_one_rate_chooses_nothing():
    one = study(experiments=["batch_size"])
    tables = dataclasses.replace(one, runs=one.runs.assign(experiments="search"))
    verdict = verdict_of(tables, "stability", "rate chosen on validation images")
    assert not verdict.measured and "one learning rate only" in verdict.notes


def test_without_its_table_it_is_not_measured(usual):
    for table in (pd.DataFrame(), usual.stable_learning_rate.query("measurement == 'one step'")):
        assert not primary(dataclasses.replace(usual, stable_learning_rate=table), "stability").measured
