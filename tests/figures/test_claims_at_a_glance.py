"""The figure of all verdicts: a line, a symbol and a word for each, whatever they are."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

from smallbatch import claims
from smallbatch.claims import words
from smallbatch.figures.catalogue import verdicts as drawn
from tests.simulated import study


@pytest.fixture(scope="module")
def rows():
    tables = study(sgd=(0.5, 0.1), norm=(-0.3, 0.1), lag={0.9997: (30, 5), 0.99: (4, 1)})
    made_up = SimpleNamespace(verdicts=claims.judge(tables), study="made-up", tables=tables)
    rows = drawn.verdict_table(made_up).table
    for row in rows.itertuples():
        verdict = made_up.verdicts[row.claim]
        assert (row.verdict, row.statement) == (verdict.word, verdict.shown_statement)
        assert (row.number_in_words, row.answer) == (words.number(verdict), words.answer(made_up.verdicts, row.claim))
        assert (row.number, row.unit, row.n_seeds) == (verdict.result.number, verdict.unit, verdict.result.n_seeds)
    return rows


def test_the_figure_has_a_line_symbol_and_word_for_every_verdict(rows):
    assert rows["claim"].tolist() == [claim.id for claim in claims.CLAIMS]
    for k, verdict in enumerate(drawn.VERDICTS):  # whatever the truth, all four are drawn
        rows.loc[k, "verdict"] = verdict
    figure = drawn.claims_at_a_glance(rows)
    texts = [text.get_text() for text in figure.axes[0].texts]
    plt.close(figure)
    for verdict, (_, symbol) in drawn.VERDICTS.items():
        assert texts.count(verdict) == texts.count(symbol) == (rows["verdict"] == verdict).sum() > 0
    assert set(drawn.VERDICTS) == set(claims.VERDICTS)
    alt = drawn.FIGURES[0].alt(rows)
    assert all(row.statement in alt and row.verdict in alt for row in rows.itertuples())
