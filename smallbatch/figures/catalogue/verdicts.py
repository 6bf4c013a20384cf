"""All verdicts at a glance: a line of words per claim, with a symbol and a colour for the verdict."""

import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.patches import FancyBboxPatch

from smallbatch.claims import CLAIMS, words
from smallbatch.figures import style
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

# Colour and symbol of each verdict; either is enough to tell them apart, and the word is there too.
VERDICTS = {
    "supported": ("#01588a", "✓"),
    "contradicted": ("#b34700", "✗"),
    "not decided": ("#5f5f5f", "?"),
    "not measured": ("#6b6b6b", "–"),
}
# In inches: narrow, so that the letters stay legible on a phone.
WIDTH, LINE, GAP, INDENT = 5.4, 0.19, 0.15, 0.42
CHARACTERS = 66
# Inches above the list on a slide.
TITLE = 0.6


def verdict_table(evidence: Evidence) -> FigureData:
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
    return FigureData(pd.DataFrame(rows), evidence.study, evidence.tables.runs)


def claims_at_a_glance(table: pd.DataFrame) -> plt.Figure:
    """Return the verdicts as a list: what was tested, the verdict, and the number that decides.

    A row per claim with columns `statement`, `verdict` and `number_in_words`.
    """
    if style.is_slide():
        return _in_two_columns(table)
    height = _height(table)
    figure, axis = plt.subplots(figsize=(WIDTH, height))
    figure.subplots_adjust(0, 0, 1, 1)
    _draw_list(axis, table, height)
    return figure


def _in_two_columns(table: pd.DataFrame) -> plt.Figure:
    """Return the list in two columns, in the shape of a slide with room for a title."""
    first = -(-len(table) // 2)
    halves = [table.iloc[:first], table.iloc[first:]]
    height = max(map(_height, halves))
    shape = max(height + TITLE, 2 * WIDTH * 9 / 16)
    figure, axes = plt.subplots(1, 2, figsize=(shape * 16 / 9, shape))
    figure.subplots_adjust(0, 0, 1, 1 - TITLE / shape, wspace=0)
    for axis, half in zip(axes, halves, strict=True):
        _draw_list(axis, half, shape - TITLE, shape * 8 / 9)
    return figure


def _height(table: pd.DataFrame) -> float:
    return sum(len(_lines(row)) * LINE + GAP for row in table.itertuples()) + GAP


def _draw_list(axis: plt.Axes, table: pd.DataFrame, height: float, width: float = WIDTH) -> None:
    """Draw the rows from the top of an axis of this size in inches."""
    axis.set(xlim=(0, width), ylim=(height, 0))
    axis.axis("off")
    blocks = [_lines(row) for row in table.itertuples()]
    top = GAP
    for row, block in zip(table.itertuples(), blocks, strict=True):
        _badge(axis, row.verdict, top)
        for text, look in block:
            axis.text(INDENT, top + LINE / 2, text, va="center", **look)
            top += LINE
        axis.axhline(top + GAP / 2, color=mpl.rcParams["grid.color"], linewidth=0.8)
        top += GAP


def _lines(row) -> list[tuple[str, dict]]:
    """Return the lines of a claim's block, each with its style."""
    colour, _ = VERDICTS[row.verdict]
    statement = textwrap.wrap(_sentence(row.statement), CHARACTERS - 3)
    number = textwrap.wrap(row.number_in_words, CHARACTERS)
    return [
        *((line, {"fontsize": 9.5, "color": mpl.rcParams["text.color"]}) for line in statement),
        (row.verdict, {"fontsize": 9.5, "fontweight": "bold", "color": colour}),
        *((line, {"fontsize": 8.5, "color": "0.25"}) for line in number if row.verdict != "not measured"),
    ]


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _badge(axis: plt.Axes, verdict: str, top: float) -> None:
    """Draw the verdict's symbol in a coloured box; what was not measured has an empty one."""
    colour, symbol = VERDICTS[verdict]
    face, ink = ("white", colour) if verdict == "not measured" else (colour, "white")
    size = 1.35 * LINE
    shape = "round,pad=0,rounding_size=0.05"
    axis.add_patch(FancyBboxPatch((0.06, top), size, size, boxstyle=shape, facecolor=face, edgecolor=colour))
    # Seaborn's fonts lack these symbols.
    axis.text(
        0.06 + size / 2, top + size / 2, symbol, ha="center", va="center_baseline", color=ink, fontsize=11,
        fontweight="bold", fontfamily="DejaVu Sans",
    )  # fmt: skip


def _alt(table: pd.DataFrame) -> str:
    rows = "; ".join(f"{row.statement}: {row.verdict}{_number(row)}" for row in table.itertuples())
    return f"A list of {len(table)} statements with verdicts. {rows}."


def _number(row) -> str:
    return "" if row.verdict == "not measured" else f", {row.number_in_words}"


FIGURES = [
    FigureEntry(
        "claims-at-a-glance",
        "The claims at a glance",
        "Each claim as the statement that is tested, its verdict, and the number that decides it: an estimate "
        "over paired seeds with its 95% interval, judged by a rule written before the runs.",
        verdict_table,
        claims_at_a_glance,
        _alt,
        details=(
            "Each claim as the statement that is tested, its verdict (supported, contradicted, not decided, not "
            "measured), and the number that decides: an estimate over paired seeds with its 95% interval, judged "
            "by a rule that was written before the runs. A statement is contradicted where the opposite is so and "
            "also where the effect is next to nothing; the number tells which."
        ),
    ),
]
