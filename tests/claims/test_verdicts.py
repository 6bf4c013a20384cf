"""Judging: a verdict for every analysis, what is missing is not measured, and inverted data invert the verdict."""

import dataclasses
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims.claim import Analyses, Analysis, Plan
from smallbatch.claims.results import Result
from smallbatch.claims.rules import HIGHER, NOT_DECIDED, SUPPORTED
from smallbatch.claims.verdicts import COLUMNS
from tests.simulated import EXPERIMENTS, judged, primary, study

LONG = 0.9997


def test_the_table_has_a_main_row_for_every_claim_and_is_made_in_seconds(usual, usual_verdicts):
    table = usual_verdicts.table
    fresh = dataclasses.replace(usual)  # nothing kept from before
    start = time.process_time()
    again = claims.judge(fresh).table
    assert time.process_time() - start < 10  # of one core
    pd.testing.assert_frame_equal(again, table)
    assert table[table["check"] == "main"]["claim"].tolist() == [claim.id for claim in claims.CLAIMS]
    assert set(table["verdict"]) <= set(claims.VERDICTS) - {"not measured"}, table[table["verdict"] == "not measured"]
    assert list(table) == COLUMNS and not table.duplicated(["claim", "check"]).any()
    intervals = table.dropna(subset=["low", "high"])
    assert (intervals["low"] <= intervals["number"]).all() and (intervals["number"] <= intervals["high"]).all()


def test_a_row_holds_what_its_verdict_does(usual_verdicts):
    for verdict, row in zip(usual_verdicts, usual_verdicts.table.to_dict("records"), strict=True):
        assert (row["claim"], row["check"], row["verdict"]) == (verdict.claim, verdict.analysis, verdict.word)
        for name in ("number", "low", "high", "p", "p_holm", "p_joint", "n_seeds", "diverged", "experiment"):
            np.testing.assert_equal(row[name], getattr(verdict.result, name))
        for name in ("unit", "evaluation", "statement", "rule", "notes"):
            assert row[name] == getattr(verdict, name)


@pytest.mark.parametrize("claim", ["regularization", "noise", "batch-32-worse"])
def test_inverted_data_invert_the_verdict(claim):
    there, back = study(sgd=(1.0, 0.1), rate=0.02), study(sgd=(-1.0, 0.1), rate=0.02)
    first, second = primary(there, claim), primary(back, claim)
    assert (first.kind, second.kind) == ("supported", "opposite")
    assert first.result.number == pytest.approx(-second.result.number, abs=0.05)


def test_without_tables_nothing_is_measured_and_nothing_breaks():
    verdicts = claims.judge(claims.Tables())
    assert not any(verdict.measured for verdict in verdicts)
    assert all(verdict.notes and np.isnan(verdict.result.number) for verdict in verdicts)


@pytest.mark.parametrize("missing", EXPERIMENTS)
def test_a_missing_experiment_is_not_measured_and_leaves_the_other_claims_alone(usual, missing):
    runs = usual.runs
    kept = runs["experiments"].str.split().map(lambda names: [n for n in names if n != missing])
    tables = dataclasses.replace(usual, runs=runs.assign(experiments=kept.str.join(" "))[kept.map(bool)])
    verdicts = [primary(tables, claim.id) for claim in claims.CLAIMS]
    needed = {"batch_size": ["runtime"], "masked_loss": ["noise"], "momentum_lag": ["decay-lag", "batch-32-worse"],
              "remedies": ["dropout", "remedies"], "duration": ["sixty-epochs"]}  # fmt: skip
    not_measured = [verdict for verdict in verdicts if not verdict.measured]
    assert [verdict.claim for verdict in not_measured] == needed.get(missing, [])
    assert all(missing in verdict.notes for verdict in not_measured)


def test_a_claim_without_its_table_is_not_measured(usual):
    bare = dataclasses.replace(usual, history=pd.DataFrame(), test_correct=pd.DataFrame())
    names = ("at matched training loss", "interval over seeds and test images")
    verdicts = judged(bare, "regularization", "main", *names)
    assert not any(verdicts["regularization", name].measured for name in names)
    assert verdicts["regularization"].word == primary(usual, "regularization").word


def test_two_seeds_decide_nothing():
    verdicts = claims.judge(study(seeds=range(2), sgd=(3.0, 0.0), limit=(-3.0, 0.0), lag={LONG: (40, 0)}))
    decided = {verdict.claim for verdict in verdicts if verdict.word in ("supported", "contradicted")}
    # Two checkpoints with two short trainings each are four values.
    assert decided == {"stability"}
    for verdict in verdicts.of("regularization"):
        assert np.isnan(verdict.result.low) and "nothing is decided by fewer than 3 seeds" in verdict.notes


@pytest.mark.parametrize("n_seeds", [2, 3, 5, 6])
def test_every_verdict_on_fewer_than_six_seeds_is_provisional(n_seeds):
    tables = study(seeds=range(n_seeds), experiments=("batch_size", "momentum_lag", "remedies"), dropout=(-3, 0.5))
    for claim in ("regularization", "batch-one", "decay-lag", "batch-32-worse", "dropout", "remedies"):
        verdict = primary(tables, claim)
        assert verdict.result.n_seeds == n_seeds and verdict.provisional == (n_seeds < 6), claim
        assert ("nothing is decided by fewer" in verdict.notes) == (n_seeds < 3)
        assert ("sign-flip p cannot be below" in verdict.notes) == (3 <= n_seeds < 6)


def test_the_primary_verdict_names_the_sensitivity_analyses_that_agree_and_no_others():
    tables = study(sgd=(1.0, 0.1))
    drift = 0.05 * np.log2(tables.runs["batch_size"]) * (-1) ** tables.runs["seed"]
    runs = tables.runs.assign(moving_test_accuracy=tables.runs["moving_test_accuracy"] + drift)
    names = ("moving evaluation", "batch evaluation", "without batch size 1", "curvature")
    verdict = judged(dataclasses.replace(tables, runs=runs), "regularization", "main", *names)["regularization"]
    assert verdict.agree == ("batch evaluation", "without batch size 1")
    assert verdict.differ == (("moving evaluation", "not decided"),)
    assert (
        "same verdict: batch evaluation, without batch size 1; other: moving evaluation (not decided)" in verdict.notes
    )
    # What was not measured neither agrees nor differs.
    none = judged(claims.Tables(), "regularization")["regularization"]
    assert none.agree == none.differ == () and none.notes.endswith("there are no runs")


def made_up(name, number, **others):
    return Analysis(name, HIGHER, lambda tables: Result(number, number - 0.5, number + 0.5, n_seeds=6), **others)


def test_an_amended_plan_is_judged_beside_the_registered_one_and_changes_nothing_in_it():
    claim = claims.CLAIMS[0]
    amended = Plan(
        "difference", HIGHER.words(), lambda tables: Analyses(made_up("main", 3.0), (made_up("other", 0.0),)),
        dated="2026-01-01", reason="the registered one judged another function than the trained one",
    )  # fmt: skip
    both = dataclasses.replace(claim, amended=amended)
    tables = study(experiments=("batch_size",), seeds=range(3))
    verdicts = claims.judge(tables, [both], plan="amended")
    assert [(verdict.analysis, verdict.word) for verdict in verdicts] == [
        ("main", SUPPORTED),
        ("other", "contradicted"),
    ]
    assert verdicts[claim.id].differ == (("other", "contradicted"),)
    registered = claims.judge(tables, [both]).table
    pd.testing.assert_frame_equal(registered, claims.judge(tables, [claim]).table)
    without = dataclasses.replace(claim, amended=None)
    assert len(claims.judge(tables, [without], plan="amended")) == 0  # it has none


def test_names_that_no_study_has_are_errors(usual_verdicts):
    with pytest.raises(KeyError, match="there is no claim 'regularisation'; there are regularization, noise"):
        usual_verdicts["regularisation"]
    with pytest.raises(KeyError, match="claim noise has no check 'moving'; it has main, moving evaluation"):
        usual_verdicts["noise", "moving"]
    missing = usual_verdicts["dropout", "dropout = 0.5"]
    assert not missing.measured and missing.notes == "there are no runs for dropout = 0.5"


def test_a_verdict_without_a_measurement_is_neither_provisional_nor_decided(usual_verdicts):
    missing = usual_verdicts["dropout", "dropout = 0.5"]
    assert (missing.word, missing.kind, missing.provisional) == ("not measured", "not measured", False)
    assert usual_verdicts["noise"].kind == "supported" and NOT_DECIDED in claims.VERDICTS


def test_judging_loads_neither_keras_nor_matplotlib():
    code = "import sys, smallbatch.claims; sys.exit('keras' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
