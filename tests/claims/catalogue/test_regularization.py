"""Claim *regularization*: verdicts and words on studies whose truth is known, and numbers by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import words
from smallbatch.claims.catalogue.regularization import WITHOUT_ONE
from tests.simulated import assert_answer, judged, primary, study, verdict_of


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({"sgd": (1.0, 0.2)}, "supported", "Yes. On the whole, smaller batches have a lower"),
        ({"sgd": (-1.0, 0.2)}, "opposite", "No, the opposite. On the whole, smaller batches have a higher"),
        ({"sgd": (0.0, 0.05), "rate": 0.02}, "nothing", "No. The test error has no trend"),
        ({"rate": 0.02}, "nothing", "No. The test error has no trend over the batch sizes of more than 0.2 points per"),
        ({"sgd": (0.1, 1.0)}, "not decided", "It is not decided whether smaller batches generalize better"),
        ({"sgd": (0.1, 0.02), "rate": 0.02}, "supported", "Yes. On the whole, smaller batches have a lower test error; "
         "the effect is small."),
        ({"sgd": (-0.1, 0.02), "rate": 0.02}, "opposite", "No, the opposite. On the whole, smaller batches have a "
         "higher test error; the effect is small."),
    ],
)  # fmt: skip
def test_verdict_and_answer_follow_the_truth(truth, kind, beginning):
    assert_answer(study(**truth), "regularization", kind, beginning, WITHOUT_ONE)


def test_numbers_are_those_of_the_truth(usual_verdicts):
    # Tuning takes 0.5 points for each doubling off the best rate: two at batch size 1, which has weight -1/7 for 5/2.
    at_one = -2.5 / 17.5 * 0.5 * 2
    assert usual_verdicts["regularization"].result.number == pytest.approx(0.2 + at_one, abs=0.02)
    for policy in ("fixed learning rate", "the same number of steps"):
        assert usual_verdicts["regularization", policy].result.number == pytest.approx(0.2, abs=0.02)


def test_the_statistics_of_the_batch_and_the_moving_averages_are_evaluations_of_their_own(usual):
    doublings = np.log2(usual.runs["batch_size"])
    shifted = {f"{name}_test_accuracy": usual.runs[f"{name}_test_accuracy"] - by * doublings / 100
               for name, by in (("moving", 1), ("batch", 2))}  # fmt: skip
    tables = dataclasses.replace(usual, runs=usual.runs.assign(**shifted))
    before = primary(usual, "regularization").result.number
    assert primary(tables, "regularization").result.number == before
    for name, by in (("moving", 1), ("batch", 2)):
        verdict = verdict_of(tables, "regularization", f"{name} evaluation")
        # Moving averages of momentum 0.99 lag by 4 points at every batch size.
        assert verdict.result.number == pytest.approx(before + by, abs=0.01) and verdict.evaluation == name


def test_without_batch_size_1_all_others_are_left():
    verdict = verdict_of(study(bend=(1.0, 0.1), rate=0.02), "regularization", WITHOUT_ONE)
    assert "batch sizes 2, 4, 8, 16, 32" in verdict.notes
    # The slope of (x - 2)^2 over x = 1 to 5 is 2.
    assert verdict.result.number == pytest.approx(2, abs=0.02)


def test_a_bend_is_found_as_a_u_and_does_not_count_as_a_slope():
    verdict = verdict_of(study(bend=(1.0, 0.1), rate=0.02), "regularization", "curvature")
    assert verdict.word == "supported" and verdict.result.number == pytest.approx(1, abs=0.02)
    assert verdict_of(study(bend=(-1.0, 0.1), rate=0.02), "regularization", "curvature").kind == "opposite"


@pytest.mark.parametrize(("truth", "said"), [
    ({"bend": (1.0, 0.1), "sgd": (-1.5, 0.1)}, "higher test error. Without batch size 1, smaller batches have a lower"),
    ({"bend": (-1.0, 0.1), "sgd": (1.5, 0.1)}, "lower test error. Without batch size 1, smaller batches have a higher"),
    ({"bend": (1.0, 0.1), "sgd": (-1.0, 0.1)}, "Without batch size 1, smaller batches have a lower one."),
    ({"bend": (0.0, 1.0), "sgd": (1.2, 0.1), "rate": 0.02}, "Without batch size 1, its trend is not decided."),
    ({"sgd": (1.0, 0.2)}, ""),
    ({"sgd": (-1.0, 0.2)}, ""),
])  # fmt: skip
def test_an_answer_says_where_batch_size_1_alone_makes_it(truth, said):
    text = words.answer(judged(study(**truth), "regularization", "main", WITHOUT_ONE), "regularization")
    assert (said in text) if said else ("Without batch size 1" not in text), text


def test_an_undecided_answer_says_what_the_other_batch_sizes_show():
    # At batch size 1 seeds differ wildly; the others fall towards small batches.
    tables = study(sgd=(1.0, 0.05), rate=0.02)
    runs = tables.runs.copy()
    one = (runs["batch_size"] == 1).to_numpy()
    runs.loc[one, "recalibrated_test_accuracy"] -= 0.2 * (-1) ** runs.loc[one, "seed"]
    verdicts = judged(dataclasses.replace(tables, runs=runs), "regularization", "main", WITHOUT_ONE)
    assert words.answer(verdicts, "regularization") == (
        "It is not decided whether smaller batches generalize better. Without batch size 1, smaller batches have a "
        "lower one."
    )


def test_the_rates_that_decide_are_told_and_make_the_statement():
    tuned = judged(study(sgd=(1.0, 0.2)), "regularization", "main", WITHOUT_ONE)
    assert words.answer(tuned, "regularization").endswith(
        "Each batch size had a learning rate of its own, chosen on validation images."
    )
    assert "its own best" in tuned["regularization"].shown_statement
    fixed = judged(study(experiments=("batch_size",), sgd=(1.0, 0.2)), "regularization", "main", WITHOUT_ONE)
    assert words.answer(fixed, "regularization").endswith("All batch sizes had the same learning rate.")
    assert fixed["regularization"].shown_statement.endswith("all batch sizes at the same learning rate")
    assert "at a fixed learning rate, as there are no runs of experiment tuned" in fixed["regularization"].notes


def with_history(tables, losses, accuracies):
    """Give runs of batch size 32, and the others, their own training losses and validation accuracies by epoch."""
    parts = []
    for row in tables.runs.itertuples():
        large = row.batch_size == 32
        part = pd.DataFrame({"train_loss": losses[large], "validation_accuracy": accuracies[large]})
        parts.append(part.assign(run=row.run, epoch=range(1, 4)))
    return dataclasses.replace(tables, history=pd.concat(parts))


def test_at_matched_loss_runs_are_read_where_their_training_loss_is_the_same():
    tables = study(experiments=("tuned", "batch_size"))
    # Only at 32 the loss ends at 1.0; the others pass it in the second epoch, with 60 % there and 90 % at the end.
    tables = with_history(tables, {True: [3, 2, 1.0], False: [3, 1.0, 0.1]}, {True: [0.3, 0.5, 0.6],
                                                                              False: [0.3, 0.6, 0.9]})  # fmt: skip
    verdict = verdict_of(tables, "regularization", "at matched training loss")
    assert verdict.result.number == pytest.approx(0) and verdict.result.experiment == "tuned"
    assert (
        "training loss 1.000; median epoch there by batch size: 1: 2, 2: 2, 4: 2, 8: 2, 16: 2, 32: 3" in verdict.notes
    )
    diverged = dataclasses.replace(tables, runs=tables.runs.assign(outcome="diverged"))
    assert "every run diverged" in verdict_of(diverged, "regularization", "at matched training loss").notes


def test_diverged_runs_count_with_their_error(usual):
    runs = usual.runs.copy()
    exploded = runs["experiments"].str.contains("tuned") & (runs["batch_size"] == 1)
    runs.loc[exploded, "outcome"] = "diverged"
    runs.loc[exploded, "recalibrated_test_accuracy"] = np.nan
    verdict = primary(dataclasses.replace(usual, runs=runs), "regularization")
    assert verdict.result.diverged == pytest.approx(1 / 6) and "6 of 36 runs diverged" in verdict.notes
    assert verdict.kind == "opposite" and verdict.result.number < -5  # 90 points of error at batch size 1
    few = primary(dataclasses.replace(usual, runs=runs, n_classes=2), "regularization")
    assert verdict.result.number < few.result.number < 0


def test_student_s_interval_is_wider_and_that_over_images_another(usual_verdicts):
    width = {name: usual_verdicts["regularization", name].result for name in
             ("main", "Student's t interval", "interval over seeds and test images")}  # fmt: skip
    width = {name: result.high - result.low for name, result in width.items()}
    assert width["main"] < width["Student's t interval"]
    assert width["main"] < width["interval over seeds and test images"]


def test_a_claim_predicts_what_its_rule_asks_for():
    claim = claims.CLAIMS[0]
    assert "above zero" in claim.prediction and "above 0" in claim.registered.rule
