"""Verdicts in tables of MyST Markdown, whose role `verdict` makes a badge."""

from smallbatch.claims import words
from smallbatch.claims.verdicts import Verdict, Verdicts


def table(verdicts: Verdicts, claim: str, labels: dict[str, str]) -> str:
    """Return a table with a row for each of these analyses, {name: what it is called here}."""
    rows = [("Check", "Verdict", "Number")]
    for name, label in labels.items():
        verdict = verdicts[claim, name]
        rows.append((label, badge(verdict), escaped(words.number(verdict) if verdict.measured else verdict.notes)))
    return list_table(rows, "40 22 38")


def badge(verdict: Verdict) -> str:
    """Return the word of a verdict as a badge."""
    return f"{{verdict}}`{verdict.word}`"


def escaped(text: str) -> str:
    """Return a text whose underscores are no marks of emphasis."""
    return text.replace("_", r"\_")


def list_table(rows: list[tuple[str, ...]], widths: str = "") -> str:
    """Return a table of cells in MyST Markdown, the first row its head; `widths` are those of the columns."""
    # A class of its own: where the window is narrow, each row becomes a card.
    options = [":header-rows: 1", ":class: verdicts", *([f":widths: {widths}"] if widths else [])]
    cells = [("* - " if k == 0 else "  - ") + cell for row in rows for k, cell in enumerate(row)]
    return "\n".join(["```{list-table}", *options, "", *cells, "```"])
