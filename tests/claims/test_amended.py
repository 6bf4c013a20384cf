"""The amended verdicts of the published study, recomputed from its table with NumPy and SciPy alone; their intervals.

Nothing of the package takes part in the recomputation, so that a fault in it shows.
"""

import csv

import numpy as np
import pytest
from scipy import stats

from smallbatch.claims import AMENDED_CLAIMS, CLAIMS, judge, read
from smallbatch.claims.rules import CONTRADICTED, NOT_DECIDED, SUPPORTED
from smallbatch.statistics import t_interval
from tests.conftest import ROOT
from tests.simulated import study

SIZES = (1, 2, 4, 8, 16, 32)


@pytest.fixture(scope="module")
def amended():
    return judge(read("results/laptop"), AMENDED_CLAIMS, "amended")


@pytest.fixture(scope="module")
def rows():
    with (ROOT / "results" / "laptop" / "runs.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def errors(rows, experiment, evaluation, split="test", **wanted):
    """Test errors in percent by seed of the runs of an experiment that have these texts in these columns."""
    found = {
        int(row["seed"]): 100 * (1 - float(row[f"{evaluation}_{split}_accuracy"]))
        for row in rows
        if experiment in row["experiments"].split() and all(row[name] == text for name, text in wanted.items())
    }
    return np.array([found[seed] for seed in sorted(found)])


def mean_and_ends(values):
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return values.mean(), values.mean() - half, values.mean() + half


def slopes(columns, sizes):
    return np.array([stats.linregress(np.log2(sizes), seed).slope for seed in np.column_stack(columns)])


def check(verdict, values, word):
    result = verdict.result
    assert (result.number, result.low, result.high) == pytest.approx(mean_and_ends(values), rel=1e-9)
    assert verdict.word == word and result.n_seeds == len(values) == 6


def test_32_against_10_after_sixty_epochs_and_at_equal_steps(amended, rows):
    last = {"early_stopping_patience": ""}
    at_32 = errors(rows, "duration", "recalibrated", batch_size="32", **last)
    at_10 = errors(rows, "duration", "recalibrated", batch_size="10", **last)
    check(amended["batch-32-worse"], at_32 - at_10, SUPPORTED)
    after_20 = errors(rows, "momentum_lag", "recalibrated", batch_size="10", batch_norm_momentum="0.99")
    check(amended["batch-32-worse", "at equal steps"], at_32 - after_20, NOT_DECIDED)


def test_the_averages_with_the_questions_window(amended, rows):
    moving, recalibrated = (
        errors(rows, "momentum_lag_as_asked", name, batch_size="32") for name in ("moving", "recalibrated")
    )
    check(amended["decay-lag"], moving - recalibrated, SUPPORTED)


def test_the_slope_over_batch_sizes_as_they_would_be_deployed(amended, rows):
    columns = []
    for size in SIZES:
        options = [
            (errors(rows, experiment, name, "validation", batch_size=str(size)).mean(), place, experiment, name)
            for place, experiment in enumerate(("batch_size", "tuned"))
            for name in ("moving", "recalibrated", *(["batch"] if size == 1 else []))
        ]
        _, _, experiment, name = min(options)
        columns.append(errors(rows, experiment, name, batch_size=str(size)))
    check(amended["regularization"], slopes(columns, SIZES), NOT_DECIDED)
    assert np.argmin([column.mean() for column in columns]) == SIZES.index(4)
    probabilities = amended["batch-one"].result.details[0]
    assert amended["batch-one"].result.number == 0 and "4: 0.61" in probabilities


def test_the_noise_of_the_gradient_and_that_of_batch_norm_apart(amended, rows):
    at_32 = errors(rows, "batch_size", "recalibrated", batch_size="32")
    masked = [errors(rows, "masked_loss", "recalibrated", masked_loss_batch_size=f"{size}.0") for size in (4, 16)]
    check(amended["noise"], slopes([*masked, at_32], (4, 16, 32)), CONTRADICTED)
    ghost = [errors(rows, "ghost", "recalibrated", ghost_batch_size=f"{size}.0") for size in (4, 8, 16)]
    check(amended["batch-norm-noise"], slopes([*ghost, at_32], (4, 8, 16, 32)), SUPPORTED)


def test_sixty_epochs_and_the_winners_among_remedies(amended, rows):
    at_the_end = errors(rows, "duration", "moving", batch_size="32", early_stopping_patience="")
    kept = errors(rows, "duration", "moving", batch_size="32", early_stopping_patience="60.0")
    check(amended["sixty-epochs"], at_the_end - kept, CONTRADICTED)
    of_8, of_32 = (errors(rows, "batch_size", "recalibrated", batch_size=size) for size in ("8", "32"))
    check(amended["remedies", "batch_size = 8, recalibrated"], of_8 - of_32, SUPPORTED)
    group = errors(rows, "group_norm", "moving", batch_size="32")
    moving = errors(rows, "batch_size", "moving", batch_size="32")
    check(amended["remedies", "normalization = group, moving"], group - moving, NOT_DECIDED)


@pytest.mark.parametrize("n", [6, 12])
def test_the_deciding_interval_covers_a_simulated_truth(n):
    generator = np.random.default_rng(n)
    covered = 0
    for _ in range(4000):
        low, high = t_interval(generator.normal(1.5, 3.5, n))
        covered += low <= 1.5 <= high
    assert 0.94 <= covered / 4000 <= 0.96


def test_amended_plans_are_dated_give_a_reason_and_leave_the_registered_verdicts_alone():
    for claim in AMENDED_CLAIMS:
        assert claim.amended is None or (claim.amended.dated == "2026-11-28" and claim.amended.reason)
    assert [claim for claim in AMENDED_CLAIMS if claim.registered is None] == [AMENDED_CLAIMS[-1]]
    assert AMENDED_CLAIMS[: len(CLAIMS)] == CLAIMS


@pytest.mark.parametrize("experiments", [("batch_size",), ("tuned", "duration"), ("ghost",)])
def test_what_a_study_lacks_is_not_measured_and_no_error(experiments):
    verdicts = judge(study(experiments=experiments), AMENDED_CLAIMS, "amended")
    assert not verdicts["decay-lag"].measured
    assert verdicts["regularization"].measured == (experiments != ("ghost",))
