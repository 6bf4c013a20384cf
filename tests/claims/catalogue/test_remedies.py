"""Claim *remedies*: their combination where one was trained, and else whether any of them helps."""

import dataclasses

import pytest

from smallbatch import claims
from smallbatch.claims import words
from tests.simulated import assert_answer, judged, primary, study, verdict_of, with_combination

BOTH = "dropout_between_batch_norms = 0.1, weight_decay = 0.0005"
DECAY = "weight_decay = 0.0005"


@pytest.mark.parametrize(
    ("truth", "kind", "beginning"),
    [
        ({"remedy": (-3, 0.5), "seeds": range(10)}, "supported", "At least one of the remedies tried lowers"),
        ({"remedy": (3, 0.5)}, "nothing", "None of the remedies tried: each changes the test error by less than 1"),
        # Six seeds: Holm cannot.
        ({"remedy": (-3, 0.5)}, "not decided", "It is not decided whether any of the remedies helps"),
    ],
)
def test_without_a_combination_it_is_about_any_remedy(truth, kind, beginning):
    tables = study(**truth)
    assert_answer(tables, "remedies", kind, beginning)
    assert words.number(primary(tables, "remedies")).startswith("best of those tried, ")


@pytest.mark.parametrize(
    ("effect", "kind", "beginning"),
    [
        ((-6, 0.5), "supported", "The remedies that lower the validation error, taken together, lower the test error."),
        ((6, 0.5), "opposite", "Not the remedies that lower the validation error: taken together, they raise"),
        ((0, 0.5), "nothing", "Not the remedies that lower the validation error: taken together, they change"),
        (
            (-1, 3),
            "not decided",
            "It is not decided whether the remedies that lower the validation error help together",
        ),
    ],
)
def test_a_combination_decides_and_is_one_comparison_that_six_seeds_can_settle(effect, kind, beginning):
    alone = study(remedy=(-3, 0.5), experiments=("remedies",))
    together = with_combination(alone, effect)
    assert_answer(together, "remedies", kind, beginning)
    verdicts = judged(together, "remedies")
    main, row = verdicts["remedies"], verdicts["remedies", f"{BOTH}, moving"]
    assert main.word == row.word and main.result.p_holm == main.result.p == row.result.p
    assert main.result.shown == BOTH and main.notes.startswith(f"together: {BOTH}")
    assert words.number(main).startswith(
        f"dropout between batch norms 0.1 + weight decay 0.0005: {effect[0]}.".replace("-", "\N{MINUS SIGN}")
    )
    # The others are judged as if it were not there.
    before = judged(alone, "remedies")
    assert {verdict.analysis for verdict in verdicts} - {verdict.analysis for verdict in before} == {
        "any, moving", f"{BOTH}, moving", f"{BOTH}, recalibrated",
    }  # fmt: skip
    assert verdicts["remedies", "any, moving"] == dataclasses.replace(before["remedies"], analysis="any, moving")
    for verdict in before:
        if verdict.analysis != "main":
            assert verdicts["remedies", verdict.analysis] == verdict


def test_the_best_is_shown_with_its_rank_and_what_it_was_chosen_from():
    verdict = verdict_of(study(remedy=(-3, 0.5), lag={0.99: (4, 0.5)}), "remedies", "any, recalibrated")
    assert verdict.result.shown == DECAY and verdict.result.best_of == 8
    assert verdict.notes.startswith(
        f"shown: {DECAY}, the best of 8, so its number flatters it; ranking: {DECAY} -3.0, "
    )
    assert words.number(verdict).startswith("best of those tried, weight decay 0.0005: −3.0 points")


def test_remedies_are_named_by_what_they_change(usual_verdicts):
    names = {verdict.analysis.removesuffix(", recalibrated") for verdict in usual_verdicts.of("remedies")
             if verdict.evaluation == "recalibrated"} - {"any"}  # fmt: skip
    assert names == {
        "dropout = 0.2", "dropout_between_batch_norms = 0.1", DECAY, "augmentation = flip",
        "batch_norm_momentum = scaled", "batch_norm_momentum = 0.9", "normalization = ghost, ghost_batch_size = 8",
        "batch_size = 10",
    }  # fmt: skip


def test_recalibrating_is_a_remedy_with_moving_averages(usual_verdicts):
    assert usual_verdicts["remedies", "recalibrate the moving averages, moving"].result.number == pytest.approx(-4)
    of_momentum = usual_verdicts["remedies", "batch_norm_momentum = 0.9, moving"].result.number
    assert of_momentum == pytest.approx(-4, abs=0.05)


def test_six_seeds_report_what_holm_keeps_them_from_finding():
    verdict = verdict_of(study(remedy=(-3, 0.5)), "remedies", f"{DECAY}, recalibrated")
    result = verdict.result
    assert verdict.word == "not decided" and result.high < 0 and verdict.decision.required_p == 0.05
    assert result.p == pytest.approx(2 / 64) and result.p_joint == pytest.approx(2 / 64)
    assert result.p_holm == pytest.approx(8 * 2 / 64)
    assert "with 6 seeds and 8 remedies, the smallest p can be 0.25 after Holm" in verdict.notes
    assert "(unadjusted 0.031)" in verdict.notes
    helps = verdict_of(study(remedy=(-3, 0.5), seeds=range(10)), "remedies", f"{DECAY}, recalibrated")
    assert helps.word == "supported" and helps.result.p_holm < 0.05


def test_a_single_comparison_speaks_of_too_few_seeds_and_of_no_adjustment():
    alone = study(remedy=(-3, 0.5), seeds=range(4), experiments=("remedies",))
    verdicts = judged(with_combination(alone, (-6, 0.5)), "remedies")
    notes = {verdict.analysis: verdict.notes for verdict in verdicts}
    assert "with 4 seeds the sign-flip p cannot be below 0.125" in notes[f"{BOTH}, moving"]
    assert "remedies, the smallest p" not in notes[f"{BOTH}, moving"]
    assert "with 4 seeds and 9 remedies, the smallest p" in notes[f"{DECAY}, moving"]


def test_a_remedy_that_this_study_lacks_is_not_measured(usual_verdicts):
    verdict = usual_verdicts["remedies", "augmentation = mixup, moving"]
    assert not verdict.measured and words.number(verdict).endswith("there are no runs for augmentation = mixup, moving")


def test_without_remedies_it_is_not_measured():
    verdict = primary(claims.Tables(), "remedies")
    assert not verdict.measured and verdict.notes == "there are no runs"
