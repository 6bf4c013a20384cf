"""All verdicts at a glance: a symbol, a word and a number for each claim, as they were judged."""

from types import SimpleNamespace

import matplotlib.colors
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import words
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.verdicts import VERDICTS, claims_at_a_glance, verdict_table
from tests import simulated


@pytest.fixture
def table():
    """One claim per verdict."""
    rows = [(f"statement of {word}", word, f"number {k}") for k, word in enumerate(VERDICTS)]
    return pd.DataFrame(rows, columns=["statement", "verdict", "number_in_words"])


def test_a_row_says_what_was_judged():
    tables = simulated.study(sgd=(0.5, 0.1), norm=(-0.3, 0.1), lag={0.9997: (30, 5), 0.99: (4, 1)})
    judged = claims.judge(tables)
    data = verdict_table(SimpleNamespace(verdicts=judged, study="made-up", tables=tables))
    assert data.table["claim"].tolist() == [claim.id for claim in claims.CLAIMS] and data.study == "made-up"
    for row in data.table.itertuples():
        verdict = judged[row.claim]
        assert (row.verdict, row.statement) == (verdict.word, verdict.shown_statement)
        assert (row.number_in_words, row.answer) == (words.number(verdict), words.answer(judged, row.claim))
        assert (row.number, row.unit, row.n_seeds) == (verdict.result.number, verdict.unit, verdict.result.n_seeds)
    assert claims_at_a_glance(data.table).axes[0].texts


def test_every_verdict_that_there_is_has_a_colour_and_a_symbol_of_its_own():
    assert set(VERDICTS) == set(claims.VERDICTS)
    assert len({colour for colour, _ in VERDICTS.values()}) == len({symbol for _, symbol in VERDICTS.values()}) == 4
    assert VERDICTS["supported"][1] == "✓" and VERDICTS["contradicted"][1] == "✗"


def test_symbol_statement_word_and_number_of_a_claim_stand_together(table):
    axis = claims_at_a_glance(table).axes[0]
    texts = [text.get_text() for text in axis.texts]
    expected = []
    for row in table.itertuples():
        number = [] if row.verdict == "not measured" else [row.number_in_words]
        expected += [VERDICTS[row.verdict][1], f"Statement of {row.verdict}.", row.verdict, *number]
    assert texts == expected
    colours = [matplotlib.colors.to_hex(box.get_edgecolor()) for box in axis.patches]
    assert colours == [colour for colour, _ in VERDICTS.values()]


def test_the_words_have_the_number_of_all_that_was_measured(table):
    alt = FIGURES["claims-at-a-glance"].alt(table)
    assert alt.startswith("A list of 4 statements") and "statement of supported: supported, number 0" in alt
    assert alt.endswith("statement of not measured: not measured.")
