"""Figure of the page "The question and the short answer"."""

import pandas as pd

from smallbatch.claims import CLAIMS, words
from smallbatch.figures.answers import claims_at_a_glance
from smallbatch.figures.citable import Citable
from smallbatch.figures.evidence import Data, Evidence


def verdict_table(evidence: Evidence) -> Data:
    """Return a row per claim: verdict, number and interval, and both as words."""
    verdicts = evidence.verdicts
    rows = []
    for claim in CLAIMS:
        verdict = verdicts[claim.id]
        rows.append(
            {
                "claim": claim.id,
                "question": claim.question,
                "statement": verdict.shown_statement,
                "verdict": verdict.word,
                "number": verdict.result.number,
                "unit": verdict.unit,
                "low": verdict.result.low,
                "high": verdict.result.high,
                "n_seeds": verdict.result.n_seeds,
                "number_in_words": words.number(verdict),
                "answer": words.answer(verdicts, claim.id),
            }
        )
    return Data(pd.DataFrame(rows), evidence.study, evidence.tables.runs)


def _alt(table: pd.DataFrame) -> str:
    rows = "; ".join(f"{row.statement}: {row.verdict}{_number(row)}" for row in table.itertuples())
    return f"A list of {len(table)} statements with verdicts. {rows}."


def _number(row) -> str:
    return "" if row.verdict == "not measured" else f", {row.number_in_words}"


FIGURES = [
    Citable(
        "claims-at-a-glance",
        "The claims at a glance",
        "Each claim as the statement that is tested, its verdict (supported, contradicted, not decided, not measured), "
        "and the number that decides: an estimate over paired seeds with its 95 % interval, judged by a rule that was "
        "written before the runs. A statement is contradicted where the opposite is so and also where the effect is "
        "next to nothing; the number tells which.",
        verdict_table,
        claims_at_a_glance,
        _alt,
    ),
]
