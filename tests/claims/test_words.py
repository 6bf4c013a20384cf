"""The words of verdicts: answer, number and caveat say what the fields hold and nothing that the interval denies."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import words
from smallbatch.claims.claim import Analysis
from smallbatch.claims.results import Result
from smallbatch.claims.rules import (
    BEST,
    CURVATURE,
    HIGHER,
    LAG,
    RATE,
    SLOPE,
    TIME,
    EachRule,
    IntervalRule,
    LagRule,
    ProbabilityRule,
    RemedyRule,
)
from smallbatch.claims.verdicts import Verdict
from tests.simulated import judged, study, with_combination

ALL_CLAIMS = (*claims.CLAIMS, *claims.SOURCE_CLAIMS)


def verdict_by(rule, result, claim="noise", **others):
    """Return the verdict that a rule makes of a result."""
    return Verdict(claim, "main", rule.unit, "", "", "", "", rule.decide(result), result, **others)


@pytest.mark.parametrize(
    ("rule", "result", "said"),
    [
        (SLOPE, Result(-0.4, -0.9, 0.1, n_seeds=6), "−0.40 points per doubling (95% CI −0.90 to 0.10, 6 seeds)"),
        (CURVATURE, Result(1, 0.5, 1.234, n_seeds=6), "1.00 points per doubling squared (95% CI 0.50 to 1.23, "
         "6 seeds)"),
        (HIGHER, Result(-0.04, -0.2, 0.04, n_seeds=6), "0.0 points (95% CI −0.2 to 0.0, 6 seeds)"),
        (RATE, Result(-2, -3, -1, n_seeds=3, sampled="checkpoint"), "−2.0 doublings (95% CI −3.0 to −1.0, "
         "3 checkpoints)"),
        (RATE, Result(-2, -3, -1, n_seeds=4, sampled="order of images"), "−2.0 doublings (95% CI −3.0 to −1.0, "
         "4 orders of images)"),
        (TIME, Result(3.5, 2.7, np.inf, n_seeds=6), "3.5 times as long (95% CI above 2.7, its upper end not "
         "seen, 6 seeds)"),
        (HIGHER, Result(3.5, -np.inf, 2.0, n_seeds=6), "3.5 points (95% CI below 2.0, its lower end not seen, "
         "6 seeds)"),
        (HIGHER, Result(3.5, -np.inf, np.inf, n_seeds=6), "3.5 points (neither end of its 95% CI seen, 6 "
         "seeds)"),
        (BEST, Result(0.954, n_seeds=6), "probability 0.95 (6 seeds)"),
        (BEST, Result(np.nan, n_seeds=2), "no number (2 seeds, too few for an interval)"),
        (HIGHER, Result(3.0, n_seeds=1), "3.0 points (1 seed, too few for an interval)"),
        (HIGHER, Result(3.0, 2, 4, n_seeds=6, shown="dropout = 0.2"), "dropout 0.2: 3.0 points (95% CI 2.0 to "
         "4.0, 6 seeds)"),
        (HIGHER, Result(3.0, 2, 4, n_seeds=6, shown="dropout = 0.2", best_of=3), "best of those tried, dropout 0.2: "
         "3.0 points (95% CI 2.0 to 4.0, 6 seeds)"),
    ],
)  # fmt: skip
def test_a_number_has_unit_interval_and_sample(rule, result, said):
    verdict = verdict_by(rule, result)
    assert words.number(verdict) == said
    assert words.verdict_and_number(verdict) == f"{verdict.word}: {said}"


def test_what_was_not_measured_says_so_once_and_why():
    missing = Verdict("noise", "main", SLOPE.unit, "", "", "", "", missing="there are no runs", setting=("at 0.01",))
    assert words.number(missing) == words.verdict_and_number(missing)
    assert words.number(missing) == "not measured in this study: at 0.01; there are no runs"
    assert words.caveat(missing) == ""


@pytest.mark.parametrize(
    ("result", "others", "said"),
    [
        (Result(2, 1, 3, n_seeds=6), {}, ""),
        (Result(2, 1, 3, n_seeds=5), {}, "Provisional: fewer than 6 seeds."),
        (Result(2, 1, 3, n_seeds=6), {"differ": (("a", "supported"), ("b", "not decided"))},
         "Asked in other ways: a (supported), b (not decided)."),
        (Result(2, 1, 3, n_seeds=6), {"agree": ("a",)}, ""),
        (Result(-2, -3, -1, p=0.25, p_holm=0.25, n_seeds=4), {}, "Provisional: fewer than 6 seeds. The interval is "
         "below 0, but p is 0.250; the rule asks for p below 0.05 too."),
        (Result(-2, -3, -1, p=0.031, p_holm=0.25, n_seeds=6), {}, "The interval is below 0, but p after Holm is 0.250 "
         "(unadjusted 0.031); the rule asks for p below 0.05 too."),
        (Result(-2, -3, -1, p=0.01, p_holm=0.02, n_seeds=8), {}, ""),
    ],
)  # fmt: skip
def test_a_caveat_tells_few_seeds_the_test_that_keeps_it_open_and_other_verdicts(result, others, said):
    assert words.caveat(verdict_by(RemedyRule(), result, **others)) == said


def test_words_come_from_fields_and_not_from_notes():
    """Texts that look like notes of another kind change nothing that is said."""
    misleading = (
        "shown: dropout = 0.2, the best of 3", "together: flip", "other: moving evaluation (supported)",
        "the interval is below 0, but p is 0.001", "not over checkpoints", "nothing is decided by fewer than 3 seeds",
    )  # fmt: skip
    result = Result(-2, -3, -1, n_seeds=6, details=misleading)
    verdict = verdict_by(HIGHER, result, setting=misleading, remarks=misleading)
    plain = verdict_by(HIGHER, Result(-2, -3, -1, n_seeds=6))
    assert verdict.notes != plain.notes
    for say in (words.number, words.caveat, words.sample, words.verdict_and_number):
        assert say(verdict) == say(plain)


@pytest.mark.parametrize("claim", ALL_CLAIMS, ids=lambda claim: claim.id)
def test_every_claim_has_an_answer_for_every_decision_that_its_primary_rule_can_make(claim):
    """Of many results, each with the answer that its verdict has in the claim's own file, and no two the same."""
    tables, generator = study(seeds=range(3)), np.random.default_rng(0)
    rules = {claim.registered.analyses(tables).primary.rule}
    if claim.id == "remedies":  # a combination, or the best of several
        combined = with_combination(study(experiments=("remedies",), seeds=range(3)), (0, 1))
        rules |= {claim.registered.analyses(combined).primary.rule}
    for rule in rules:
        said = {}
        for result in made_up_results(rule, generator):
            analyses = claims.Analyses(
                Analysis("main", rule, lambda _, result=result: result),
                (Analysis("without batch size 1", rule, lambda _, result=result: result),),
            )
            plan = dataclasses.replace(claim.registered, analyses=lambda _, analyses=analyses: analyses)
            verdicts = claims.judge(tables, [dataclasses.replace(claim, registered=plan)])
            text = words.answer(verdicts, claim.id)
            assert text.endswith(".") and ".." not in text and "nan" not in text
            said.setdefault(verdicts[claim.id].kind, set()).add(text.replace("; the effect is small", ""))
        assert all(len(texts) == 1 for texts in said.values()), said
        assert len(said) >= 3 and len(set.union(*said.values())) == len(said), (rule, said.keys())


def made_up_results(rule, generator):
    """Return results that reach every decision of a rule."""
    if isinstance(rule, ProbabilityRule):
        return [Result(number, n_seeds=6, experiment="tuned") for number in (0.0, 0.5, 1.0)]
    if isinstance(rule, LagRule):
        ends = [(10, 20), (1, 2), (-3, 9)]
        return [Result(5, *long, n_seeds=6, companion=short) for long in ends for short in ((-1, 1), (6, 9))]
    if isinstance(rule, EachRule):
        kinds = [("supported", ""), ("not decided", ""), *(("contradicted", kind) for kind in _contradictions(rule))]
        return [Result(np.nan, n_seeds=6, parts=(a, b)) for a in kinds for b in kinds]
    if not isinstance(rule, IntervalRule | RemedyRule):
        parts = [("supported", ""), ("not decided", ""), ("contradicted", "nothing"), ("contradicted", "opposite")]
        return [Result(0, -1, 1, n_seeds=6, shown="a = 1", best_of=1, parts=(part,)) for part in parts]
    scales = 10 ** generator.uniform(-2, 1, (100, 1))
    ends = np.sort(generator.normal(0, 1, (100, 2)) * scales)
    return [Result(low, low, high, n_seeds=6, p=0.01, p_holm=0.01, experiment="tuned") for low, high in ends]


def _contradictions(rule):
    return ("above", "below") if rule.unit == "points" else ("opposite", "nothing")


def test_what_is_called_opposite_or_nothing_lies_there():
    generator, tables = np.random.default_rng(0), study(seeds=range(3))
    for rule in {analysis.rule for claim in claims.CLAIMS for analysis in claim.registered.analyses(tables)}:
        if not isinstance(rule, IntervalRule | RemedyRule):
            continue
        kinds = set()
        for result in made_up_results(rule, generator):
            decision = rule.decide(result)
            kinds.add(decision.contradiction)
            if decision.contradiction == "opposite":
                if rule is TIME:
                    assert result.high < 1
                else:
                    assert (
                        result.low > 0
                        if rule.unit == "doublings" or not getattr(rule, "above", False)
                        else (result.high < 0)
                    )
            elif decision.contradiction == "nothing":
                assert result.high < 2 if rule is TIME else max(-result.low, result.high) <= rule.margin
        assert kinds == {"", "opposite", "nothing"}, rule


def test_every_number_in_a_whole_study_is_said(usual_verdicts):
    for verdict in usual_verdicts:
        text = words.number(verdict).replace("\N{MINUS SIGN}", "-")
        assert f"{verdict.result.number:z.1f}" in text or f"{verdict.result.number:z.2f}" in text
        assert f"{verdict.result.n_seeds} " in text and "nan" not in text and "inf" not in text


@pytest.mark.parametrize(("experiments", "seeds"), [((), 0), (("batch_size",), 2), (("batch_size", "remedies"), 3)])
def test_nothing_raises_where_tables_are_missing(tmp_path, experiments, seeds):
    tables = study(range(seeds), experiments) if experiments else claims.read(tmp_path)
    verdicts = claims.judge(dataclasses.replace(tables, stable_learning_rate=pd.DataFrame()))
    for verdict in verdicts:
        number = words.number(verdict)
        assert "nan" not in number
        assert ("not measured in this study: " in number) == (not verdict.measured)
    for claim in claims.CLAIMS:
        text = words.answer(verdicts, claim.id)
        assert text.endswith(".") and "nan" not in text
        assert ("Not measured" in text) == (not verdicts[claim.id].measured)


def test_two_seeds_are_called_too_few_and_no_rates_are_told_of_an_open_answer():
    verdicts = judged(study(range(2), ("batch_size",)), "regularization", "main", "without batch size 1")
    assert words.answer(verdicts, "regularization") == (
        "It is not decided whether smaller batches generalize better. Fewer than 3 seeds decide nothing."
    )
    assert "too few for an interval" in words.number(verdicts["regularization"])


def test_a_lag_that_is_large_is_never_called_small():
    verdict = verdict_by(LAG, Result(30, 25, 35, n_seeds=6, companion=(0, 1)), "decay-lag")
    assert not verdict.decision.small
