"""Decision rules: what they decide by hand-made intervals, and that their words say the numbers they decide by."""

import itertools

import numpy as np
import pytest

from smallbatch.claims import rules
from smallbatch.claims.results import Result
from smallbatch.claims.rules import (
    ABOVE,
    BELOW,
    CONTRADICTED,
    MIXED,
    NOT_DECIDED,
    NOTHING,
    OPPOSITE,
    SUPPORTED,
    AnyRule,
    EachRule,
    EquivalenceRule,
    IntervalRule,
    LagRule,
    ProbabilityRule,
    RemedyRule,
)

NAN = (np.nan, np.nan)
INTERVALS = [
    # Rule; then intervals with the kind of verdict that they give.
    (IntervalRule("points", True, margin=1), (0.1, 3), SUPPORTED),
    (IntervalRule("points", True, margin=1), (0.1, 0.9), SUPPORTED),
    (IntervalRule("points", True, margin=1), (0.0, 3), NOT_DECIDED),
    (IntervalRule("points", True, margin=1), (-3, -0.1), OPPOSITE),
    (IntervalRule("points", True, margin=1), (-0.9, -0.1), OPPOSITE),
    (IntervalRule("points", True, margin=1), (-0.9, 0.9), NOTHING),
    (IntervalRule("points", True, margin=1), (-1, 1), NOTHING),
    (IntervalRule("points", True, margin=1), (-0.9, 3), NOT_DECIDED),
    (IntervalRule("points", True), (-0.1, 0.1), NOT_DECIDED),
    (IntervalRule("points", True, margin=1), NAN, NOT_DECIDED),
    (IntervalRule("points", False, -0.5, 0.5, 0.5), (-3, -0.6), SUPPORTED),
    (IntervalRule("points", False, -0.5, 0.5, 0.5), (0.6, 3), OPPOSITE),
    (IntervalRule("points", False, -0.5, 0.5, 0.5), (-0.4, 0.4), NOTHING),
    (IntervalRule("points", False, -0.5, 0.5, 0.5), (0.1, 0.4), NOTHING),
    (IntervalRule("points", False, -0.5, 0.5, 0.5), (-3, -0.4), NOT_DECIDED),
    (IntervalRule("points", False, -0.5, 0.5, 0.5), (0.4, 3), NOT_DECIDED),
    (IntervalRule("times", True, 2, 2, neutral=1), (2.1, 9), SUPPORTED),
    (IntervalRule("times", True, 2, 2, neutral=1), (2.1, np.inf), SUPPORTED),
    (IntervalRule("times", True, 2, 2, neutral=1), (1.1, 1.9), NOTHING),
    (IntervalRule("times", True, 2, 2, neutral=1), (0.5, 1.9), NOTHING),
    (IntervalRule("times", True, 2, 2, neutral=1), (0.5, 0.9), OPPOSITE),
    (IntervalRule("times", True, 2, 2, neutral=1), (1, 2.1), NOT_DECIDED),
    (EquivalenceRule("points", 1), (-0.9, 0.9), SUPPORTED),
    (EquivalenceRule("points", 1), (0.2, 0.9), SUPPORTED),
    (EquivalenceRule("points", 1), (-1.1, 0.9), NOT_DECIDED),
    (EquivalenceRule("points", 1), (0.2, 1.1), ABOVE),
    (EquivalenceRule("points", 1), (-3, -0.1), BELOW),
    (EquivalenceRule("points", 1), NAN, NOT_DECIDED),
]


def kind(decision):
    return decision.contradiction or decision.word


@pytest.mark.parametrize(("rule", "ends", "expected"), INTERVALS)
def test_an_interval_decides_by_where_all_of_it_lies(rule, ends, expected):
    decision = rule.decide(Result(np.mean(ends), *ends))
    assert kind(decision) == expected
    assert (decision.word == CONTRADICTED) == (decision.contradiction != "")


@pytest.mark.parametrize("rule", list(dict.fromkeys(rule for rule, _, _ in INTERVALS)), ids=lambda rule: rule.words())
def test_the_words_of_a_rule_are_those_of_its_numbers(rule):
    words = rule.words()
    assert "95 %" in words and rule.unit in words
    if rule.margin:
        assert f"±{rule.margin:g}" in words
    if isinstance(rule, IntervalRule):
        here, there = ("above", "below") if rule.above else ("below", "above")
        assert f"{here} {rule.supported:g} {rule.unit}" in words and f"{there} {rule.contradicted:g}" in words


def test_other_words_follow_their_numbers_too():
    assert "0.9;" in ProbabilityRule(supported=0.9).words()
    assert "above 7 points" in LagRule(large=7.0).words() and "±1 points" in LagRule(small=1.0).words()
    assert "p below 0.01" in RemedyRule(alpha=0.01).words() and "±3 points" in RemedyRule(margin=3.0).words()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0.95, SUPPORTED), (0.94, NOT_DECIDED), (0.06, NOT_DECIDED), (0.05, OPPOSITE), (np.nan, NOT_DECIDED)],
)
def test_a_probability_decides_at_its_bounds(number, expected):
    assert kind(ProbabilityRule().decide(Result(number))) == expected


@pytest.mark.parametrize(
    ("long", "short", "expected"),
    [
        ((5.1, 9), (-3, 2), SUPPORTED),
        ((5.1, 9), (-3, 2.1), NOT_DECIDED),
        ((4.9, 9), (-1, 1), NOT_DECIDED),
        ((1, 4.9), (-1, 1), NOTHING),
        ((5.1, 9), (5.1, 8), OPPOSITE),
        ((1, 4.9), (5.1, 8), NOTHING),
        (NAN, NAN, NOT_DECIDED),
    ],
)
def test_the_artefact_of_a_long_window_is_held_against_that_of_a_short_one(long, short, expected):
    assert kind(LagRule().decide(Result(7.0, *long, companion=short))) == expected


@pytest.mark.parametrize(
    ("ends", "p", "p_holm", "expected", "required_p"),
    [
        ((-3, -0.5), 0.01, 0.04, SUPPORTED, None),
        ((-3, -0.5), 0.01, 0.05, NOT_DECIDED, 0.05),
        ((-3, 0.5), 0.01, 0.01, NOT_DECIDED, None),
        ((-0.9, -0.5), 0.01, 0.3, NOTHING, 0.05),
        ((-0.9, 0.9), 0.5, 0.5, NOTHING, None),
        ((0.5, 3), 0.01, 0.01, OPPOSITE, None),
        (NAN, 0.5, 0.5, NOT_DECIDED, None),
    ],
)
def test_a_remedy_needs_its_p_beside_its_interval(ends, p, p_holm, expected, required_p):
    decision = RemedyRule().decide(Result(np.mean(ends), *ends, p=p, p_holm=p_holm))
    assert kind(decision) == expected and decision.required_p == required_p


def test_what_keeps_a_remedy_undecided_is_said():
    rule = RemedyRule()
    adjusted = Result(-2, -3, -1, p=0.031, p_holm=0.25, p_joint=0.03)
    assert rule.remarks(adjusted) == [
        "the interval is below 0, but p after Holm is 0.250 (unadjusted 0.031)",
        "p of the joint sign-flip test, adjusted as well, is 0.030",
    ]
    assert rule.remarks(Result(-2, -3, -1, p=0.125, p_holm=0.125, p_joint=0.125)) == [
        "the interval is below 0, but p is 0.125"
    ]
    assert rule.remarks(Result(-2, -3, -1, p=0.01, p_holm=0.01)) == []


YES, NO, FLAT, OPEN = (SUPPORTED, ""), (CONTRADICTED, OPPOSITE), (CONTRADICTED, NOTHING), (NOT_DECIDED, "")


@pytest.mark.parametrize(
    ("parts", "of_any", "of_each"),
    [
        ([YES, NO, OPEN], SUPPORTED, NOT_DECIDED),
        ([YES, YES], SUPPORTED, SUPPORTED),
        ([NO, FLAT], NOTHING, MIXED),
        ([NO, NO], NOTHING, OPPOSITE),
        ([FLAT, OPEN], NOT_DECIDED, NOT_DECIDED),
        ([OPEN], NOT_DECIDED, NOT_DECIDED),
        ([], NOT_DECIDED, NOT_DECIDED),
    ],
)
def test_several_comparisons_are_judged_by_any_or_by_each_of_them(parts, of_any, of_each):
    for order in itertools.permutations(parts):
        result = Result(np.nan, parts=order)
        assert kind(AnyRule().decide(result)) == of_any
        assert kind(EachRule("points", "data set").decide(result)) == of_each


def test_an_effect_within_the_margin_is_small_whatever_the_verdict():
    for ends, small in [((0.1, 0.9), True), ((-0.9, -0.1), True), ((-0.9, 0.9), True), ((0.1, 1.1), False)]:
        assert rules.HIGHER.decide(Result(np.mean(ends), *ends)).small == small, ends
    (remark,) = rules.HIGHER.remarks(Result(0.5, 0.1, 0.9))
    assert remark == "the interval excludes 0, but lies within 1 points of it: a small effect"
    assert rules.HIGHER.remarks(Result(-0.5, -0.9, -0.1)) == rules.HIGHER.remarks(Result(2, 1, 3)) == []


def test_the_margins_that_stood_before_the_runs_are_these():
    """Another number here is another verdict on published runs: an amended plan, not a correction."""
    assert (rules.SLOPE.margin, rules.CURVATURE.margin) == (0.2, 0.1)
    assert (rules.RATE.supported, rules.RATE.contradicted, rules.RATE.margin) == (-0.5, 0.5, 0.5)
    assert (rules.TIME.supported, rules.TIME.contradicted, rules.TIME.margin) == (2, 2, None)
    assert (rules.HIGHER.margin, rules.LOWER.margin) == (1, 1) and rules.HIGHER.above and not rules.LOWER.above
    assert (rules.BEST.supported, rules.BEST.contradicted) == (0.95, 0.05)
    assert (rules.LAG.large, rules.LAG.small) == (5, 2)
    assert (rules.REMEDY.alpha, rules.REMEDY.margin) == (0.05, 1)
