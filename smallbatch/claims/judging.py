"""From claims and tables to the table of verdicts."""

import numpy as np
import pandas as pd

from smallbatch.claims.questions import CLAIMS, MAIN, Check, Claim
from smallbatch.claims.rules import NOT_MEASURED, Found
from smallbatch.claims.tables import NotMeasured, Tables

COLUMNS = [
    "claim", "check", "verdict", "number", "unit", "low", "high", "p", "p_holm", "p_joint", "n_seeds", "diverged",
    "evaluation", "experiment", "statement", "rule", "notes",
]  # fmt: skip
NOTHING = Found(np.nan)


def verdicts(tables: Tables, claims: tuple[Claim, ...] = CLAIMS) -> pd.DataFrame:
    """Return a row per check of every claim; the row whose `check` is `main` is the claim's verdict.

    Columns: `claim`, `check`, `verdict` (supported, contradicted, not decided, not measured), `number` with its `unit`
    and the ends of its interval, `low` and `high` (95 %; NaN where there is none, infinite where an end was not
    observed), `p` (sign-flip test against no difference), `p_holm` and `p_joint` (adjusted, where several remedies are
    compared), `n_seeds`, `diverged` (share of the runs, 0 to 1), `evaluation`, `experiment`, `statement` (what the
    verdict is about), `rule` in words, and `notes`, separated by "; ". The notes of a main row say which of the checks
    that ask the same agree. An experiment that is missing makes a check `not measured`, never an error.
    """
    rows = []
    for claim in claims:
        checks = claim.checks(tables)
        judged = [_judge(claim, check, tables) for check in checks]
        same = [row for row, check in zip(judged, checks, strict=True) if check.same and check.name != MAIN]
        judged[0]["notes"] = "; ".join(filter(None, [judged[0]["notes"], _agreement(judged[0], same)]))
        rows += judged
    return pd.DataFrame(rows, columns=COLUMNS)


def _judge(claim: Claim, check: Check, tables: Tables) -> dict:
    try:
        found = check.measure(tables)
        verdict = check.rule.verdict(found)
        notes = [*found.notes, *check.rule.remarks(found)]
    except NotMeasured as reason:
        found, verdict, notes = NOTHING, NOT_MEASURED, [str(reason)]
    return {
        "claim": claim.id,
        "check": check.name,
        "verdict": verdict,
        "number": found.number,
        "unit": check.rule.unit,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "p_holm": found.p_holm,
        "p_joint": found.p_joint,
        "n_seeds": found.n_seeds,
        "diverged": found.diverged,
        "evaluation": check.evaluation,
        "experiment": found.experiment,
        "statement": check.statement or claim.statement,
        "rule": check.rule.words(),
        "notes": "; ".join([*check.notes, *notes]),
    }


def _agreement(main: dict, others: list[dict]) -> str:
    """Return which checks come to the main verdict and which do not; nothing where none was measured."""
    measured = [row for row in others if row["verdict"] != NOT_MEASURED]
    agree = [row["check"] for row in measured if row["verdict"] == main["verdict"]]
    differ = [f"{row['check']} ({row['verdict']})" for row in measured if row["verdict"] != main["verdict"]]
    parts = [f"same verdict: {', '.join(agree)}" if agree else "", f"other: {', '.join(differ)}" if differ else ""]
    return "; ".join(filter(None, parts))
