"""The forest plot of all claims: numbers and intervals as they were judged, by both plans, in panels by unit."""

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import noise_floor
from smallbatch.figures import style
from smallbatch.figures.catalogue import FIGURES, results_at_a_glance
from smallbatch.figures.catalogue.results_at_a_glance import AVERAGES, CHANCES, CHANGES, RATIOS, SLOPES, WITHIN
from smallbatch.figures.catalogue.verdicts import VERDICTS
from tests import simulated
from tests.figures.drawn import as_read, evidence_of

ENTRY = FIGURES["results-at-a-glance"]


def rows(*of):
    """A table with a row per (panel, claim, plan, verdict, number, low, high, noise)."""
    names = ["panel", "claim", "plan", "verdict", "number", "low", "high", "noise"]
    return pd.DataFrame(of, columns=names).assign(question=lambda t: "Is it " + t["claim"] + "?", n_seeds=6)


@pytest.fixture
def table():
    """Three claims in two units."""
    return rows(
        (CHANGES, "a", "amended", "supported", 3.0, 1.0, 5.0, 0.5),
        (CHANGES, "a", "registered", "not decided", 1.0, -1.0, 3.0, np.nan),
        (CHANGES, "b", "amended", "contradicted", -2.0, -3.0, -1.0, np.nan),
        (RATIOS, "c", "amended", "supported", 0.1, 0.05, 0.2, np.nan),
    )


def marked(axis):
    """The point of every marker, with its marker and whether it is filled."""
    lines = [line for line in axis.lines if line.get_marker() not in ("None", "none", None)]
    white = matplotlib.colors.to_rgb("white")
    return [
        (line.get_xdata()[0], line.get_marker(), matplotlib.colors.to_rgb(line.get_markerfacecolor()) != white)
        for line in lines
    ]


def intervals(axis):
    """The ends of every interval."""
    return [tuple(line.get_xdata()) for line in axis.lines if line.get_linewidth() == 2 and len(line.get_xdata()) == 2]


def test_every_number_stands_at_its_place_with_its_interval_and_plan(table):
    changes, ratios = results_at_a_glance.results_at_a_glance(table).axes
    assert marked(changes) == [(3.0, "o", True), (1.0, "D", False), (-2.0, "o", True)]
    assert intervals(changes) == [(1.0, 5.0), (-1.0, 3.0), (-3.0, -1.0)]
    assert marked(ratios) == [(0.1, "o", True)] and ratios.get_xscale() == "log"
    low, high = changes.get_xlim()
    assert low < -3 and high > 5
    # Panels do not overlap, and each names its unit.
    assert changes.get_position().y0 > ratios.get_position().y1
    assert [axis.get_xlabel() for axis in (changes, ratios)] == [CHANGES, RATIOS]


def test_the_noise_floor_is_a_band_around_zero_where_it_is_known(table):
    changes, ratios = results_at_a_glance.results_at_a_glance(table).axes
    (band,) = changes.collections
    ends = band.get_paths()[0].vertices[:, 0]
    assert (ends.min(), ends.max()) == pytest.approx((-WITHIN * 0.5, WITHIN * 0.5))
    assert not ratios.collections


def test_verdicts_are_words_in_their_colour_below_their_question_with_the_number_of_seeds(table):
    changes, _ = results_at_a_glance.results_at_a_glance(table).axes
    texts = {text.get_text(): matplotlib.colors.to_hex(text.get_color()) for text in changes.texts}
    assert list(texts) == [
        "Is it a? (n = 6)", "amended: supported", "registered: not decided", "Is it b? (n = 6)",
        "amended: contradicted",
    ]  # fmt: skip
    for words, colour in texts.items():
        if ": " in words:
            assert colour == VERDICTS[words.partition(": ")[2]][0]


def test_a_slide_has_the_same_numbers_in_two_columns(table):
    with style.slide():
        left, right = results_at_a_glance.results_at_a_glance(table).axes
    assert left.get_position().x1 < right.get_position().x0
    assert len(marked(left)) + len(marked(right)) == 4


@pytest.mark.slow
def test_the_table_holds_the_verdicts_of_both_plans_the_question_first_and_factors_for_doublings():
    evidence = evidence_of(simulated.study(sgd=(0.5, 0.1), limit=(-2.0, 0.5), twice=(2.0, 0.2), lag={0.9997: (30, 5)}))
    table = as_read(ENTRY.data(evidence).table)
    for row in table.itertuples():
        verdict = (evidence.amended if row.plan == "amended" else evidence.verdicts)[row.claim]
        expected = verdict.result.number
        if verdict.unit == "doublings":
            assert row.panel == RATIOS
            expected = 2.0**expected
        assert row.verdict == verdict.word
        assert row.number == pytest.approx(expected, nan_ok=True)
    assert set(table["panel"]) <= {AVERAGES, CHANGES, SLOPES, RATIOS, CHANCES}
    assert set(table["claim"]) == {claim.id for claim in claims.AMENDED_CLAIMS}
    registered = {claim.id for claim in claims.AMENDED_CLAIMS if claim.registered}
    assert set(table.loc[table["plan"] == "registered", "claim"]) == registered
    of_answer = [bool(claims.catalogue.find_claim(name).prediction) for name in table["claim"]]
    assert not of_answer[0] and of_answer[-1]
    noise = noise_floor.noise_of(evidence.amended["batch-32-worse"].result, claims.Tables())
    assert np.isnan(noise)  # nothing is known where nothing was repeated
    assert ENTRY.message(table).startswith(f"{len(claims.AMENDED_CLAIMS)} claims")
    alt = ENTRY.alt(table)
    assert alt.startswith(f"Forest plot of {len(claims.AMENDED_CLAIMS)} claims") and "supported" in alt


def test_the_words_say_where_the_registered_verdict_was_another(table):
    alt = ENTRY.alt(table)
    assert "Is it a? supported (3, interval 1 to 5)" in alt and "(\N{MINUS SIGN}2, interval" in alt
    assert alt.endswith("By the registered rules, a is not decided.")
