"""All verdicts at a glance: a symbol, a word and a number for each claim."""

import matplotlib.colors
import pandas as pd
import pytest

from smallbatch.claims import VERDICTS as WORDS
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.verdicts import VERDICTS, claims_at_a_glance


@pytest.fixture
def table():
    """One claim per verdict."""
    rows = [(f"statement of {word}", word, f"number {k}") for k, word in enumerate(VERDICTS)]
    return pd.DataFrame(rows, columns=["statement", "verdict", "number_in_words"])


def test_every_verdict_that_there_is_has_a_colour_and_a_symbol_of_its_own():
    assert set(VERDICTS) == set(WORDS)
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
