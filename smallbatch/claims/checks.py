"""The checks of a claim in the words and tables of pages, in MyST Markdown, whose role `verdict` makes a badge."""

import pandas as pd

from smallbatch.claims.answers import row_of, sentence, verdict
from smallbatch.claims.questions import MAIN
from smallbatch.claims.rules import NOT_MEASURED


def ruling(verdicts: pd.DataFrame, claim: str, check: str = MAIN) -> str:
    """Return the verdict of a check and the number behind it: "supported: 0.50 points per doubling (...)"."""
    found, text = verdict(verdicts, claim, check), sentence(verdicts, claim, check)
    # Where nothing was measured, the sentence says so itself.
    return text if found == NOT_MEASURED else f"{found}: {text}"


def table(verdicts: pd.DataFrame, claim: str, labels: dict[str, str]) -> str:
    """Return a table with a row for each of these checks, {check: what it is called here}."""
    rows = [("Check", "Verdict", "Number")]
    for check, label in labels.items():
        rows.append((label, f"{{verdict}}`{verdict(verdicts, claim, check)}`", _cell(verdicts, claim, check)))
    return list_table(rows, "40 22 38")


def list_table(rows: list[tuple[str, ...]], widths: str = "") -> str:
    """Return a table of cells in MyST Markdown, the first row its head; `widths` are those of the columns."""
    # A class of its own: where the window is narrow, each row becomes a card.
    options = [":header-rows: 1", ":class: verdicts", *([f":widths: {widths}"] if widths else [])]
    cells = [("* - " if k == 0 else "  - ") + cell for row in rows for k, cell in enumerate(row)]
    return "\n".join(["```{list-table}", *options, "", *cells, "```"])


def _cell(verdicts: pd.DataFrame, claim: str, check: str) -> str:
    row = row_of(verdicts, claim, check)
    if row is None:
        return "there are no such runs"
    text = row["notes"] if row["verdict"] == NOT_MEASURED else sentence(verdicts, claim, check)
    return text.replace("_", r"\_")
