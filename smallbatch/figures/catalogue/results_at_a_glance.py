"""All claims as a forest plot: each number with its interval, by the amended and by the registered rules."""

import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from smallbatch.claims import AMENDED_CLAIMS, Claim, NotMeasured, Verdict, noise_floor
from smallbatch.claims.answer import tables_or_none
from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.rules import BEST, RATE, SLOPE, TIME, VERDICTS
from smallbatch.claims.tables import Tables
from smallbatch.figures import style
from smallbatch.figures.catalogue.verdicts import VERDICTS as LOOKS
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry

# One panel per unit. The first claim has a panel to itself: its registered number would crush those of the others.
AVERAGES, CHANGES, SLOPES, RATIOS, CHANCES = PANELS = (
    "Accuracy that the moving averages cost (points)",
    "Change in test error (points)",
    "Slope of the test error (points per doubling of the images)",
    "Batch size 1 as a multiple of 32",
    "Probability that batch size 1 is the best",
)
OF_UNIT = {SLOPE.unit: SLOPES, RATE.unit: RATIOS, TIME.unit: RATIOS, BEST.unit: CHANCES}
ALONE = "decay-lag"
# Marker and whether it is filled.
PLANS = {"amended": ("o", True), "registered": ("D", False)}
# 95% of repeated trainings lie within so many standard deviations.
WITHIN = 1.96
# Inches: the page's picture, a line of words, the gap below a claim, what a panel needs for its axis, and the title.
WIDTH, LINE, GAP, AXIS, TITLE = 5.4, 0.19, 0.1, 0.62, 0.62
SLIDE = (10.5, 10.5 * 9 / 16)
# Parts of a column's width: where its panels begin and end, and where the words beside them begin.
LEFT, RIGHT, WORDS = 0.03, 0.56, 0.59
CHARACTERS = 66


class Placed(ConstrainedLayoutEngine):
    """Leaves alone what was placed by hand; the looks of a picture ask it for room as they ask the real one."""

    def execute(self, fig: plt.Figure) -> None:
        """Move nothing."""


def forest_table(evidence: Evidence) -> FigureData:
    """Return a row per claim and plan: panel, verdict, number, ends of the interval, seeds, and the noise floor.

    The question's claims come first. Rates and times are factors. `noise` is the standard deviation that the number
    would have if its trainings were repeated with the same seeds; NaN where that is not known. Raises `NotMeasured`
    where no claim has a number.
    """
    repeats = tables_or_none(noise_floor.STUDY)
    rows = []
    for claim in question_first():
        of_plan = {"amended": evidence.amended[claim.id]}
        if claim.registered:
            of_plan["registered"] = evidence.verdicts[claim.id]
        rows += [_row(verdict, plan, repeats) for plan, verdict in of_plan.items()]
    table = pd.DataFrame(rows)
    if table["number"].isna().all():
        raise NotMeasured("no claim has a number in this study")
    order = table["panel"].map(PANELS.index)
    return FigureData(table.iloc[np.argsort(order, kind="stable")], evidence.study, evidence.tables.runs)


def question_first() -> list[Claim]:
    """Return all claims, those of the question before those of the cited answer."""
    return sorted(AMENDED_CLAIMS, key=lambda claim: bool(claim.prediction) or not claim.registered)


def _row(verdict: Verdict, plan: str, repeats: Tables) -> dict:
    result, claim = verdict.result, find_claim(verdict.claim)
    panel = AVERAGES if claim.id == ALONE else OF_UNIT.get(verdict.unit, CHANGES)
    number, low, high = result.number, result.low, result.high
    if verdict.unit == RATE.unit:
        number, low, high = 2.0**number, 2.0**low, 2.0**high
    return {
        "panel": panel, "claim": claim.id, "question": claim.question, "plan": plan, "verdict": verdict.word,
        "number": number, "low": low, "high": high, "n_seeds": result.n_seeds,
        "noise": noise_floor.noise_of(result, repeats),
    }  # fmt: skip


def results_at_a_glance(table: pd.DataFrame) -> plt.Figure:
    """Return the forest plot: below each question its number and interval, by both plans; panels by unit.

    Columns `panel`, `claim`, `question`, `plan`, `verdict`, `number`, `low`, `high`, `n_seeds` and `noise`.
    """
    panels = [table[table["panel"] == name] for name in PANELS if (table["panel"] == name).any()]
    columns = _halves(panels) if style.is_slide() else [panels]
    heights = [sum(map(_height, column)) for column in columns]
    size = SLIDE if style.is_slide() else (WIDTH, max(heights) + TITLE)
    figure = plt.figure(figsize=size, layout=Placed())
    inch = min(1.0, (size[1] - TITLE) / max(heights)) / size[1]
    for place, column in enumerate(columns):
        top = 1 - TITLE / size[1]
        for part in column:
            _panel(figure, part, top, inch, place / len(columns), 1 / len(columns))
            top -= _height(part) * inch
    return figure


def _halves(panels: list[pd.DataFrame]) -> list[list[pd.DataFrame]]:
    """Return the panels as two columns of about the same height."""
    heights = np.cumsum([_height(part) for part in panels])
    first = max(1, int(np.argmin(np.abs(2 * heights - heights[-1]))) + 1)
    return [column for column in (panels[:first], panels[first:]) if column]


def _height(part: pd.DataFrame) -> float:
    """Return the height of a panel with its axis, in inches."""
    return sum(_block(rows) for _, rows in part.groupby("claim", sort=False)) + AXIS


def _block(rows: pd.DataFrame) -> float:
    return (len(_question(rows)) + len(rows)) * LINE + GAP


def _question(rows: pd.DataFrame) -> list[str]:
    """Return the question of a claim and on how many seeds its number rests, in lines."""
    n_seeds = rows["n_seeds"].max()
    text = f"{rows['question'].iloc[0]} (n = {n_seeds})" if n_seeds else rows["question"].iloc[0]
    return textwrap.wrap(text, CHARACTERS)


def _panel(figure: plt.Figure, part: pd.DataFrame, top: float, inch: float, left: float, width: float) -> None:
    """Draw the claims of one unit below each other; the vertical axis counts inches from the panel's upper end."""
    height = _height(part) - AXIS
    place = (left + LEFT * width, top - height * inch, (RIGHT - LEFT) * width, height * inch)
    axis = figure.add_axes(place)
    axis.set(ylim=(height, 0), yticks=[])
    axis.grid(visible=False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.set_xlabel(part["panel"].iloc[0], fontsize=9.5, loc="left")
    axis.tick_params(labelsize=9)
    _limits(axis, part)
    axis.axvline(1 if part["panel"].iloc[0] == RATIOS else 0, color="0.45", linewidth=1, zorder=1)
    ground = {"facecolor": mpl.rcParams["axes.facecolor"], "edgecolor": "none", "pad": 1}
    look = {"fontsize": 9.5, "va": "center", "zorder": 5}
    here = 0.0
    for _, rows in part.groupby("claim", sort=False):
        for line in _question(rows):
            # Its ground hides the grid.
            axis.text(0, here + LINE / 2, line, transform=axis.get_yaxis_transform(), bbox=ground, **look)
            here += LINE
        for row in rows.itertuples():
            _estimate(axis, row, here + LINE / 2)
            here += LINE
        here += GAP


def _limits(axis: Axes, part: pd.DataFrame) -> None:
    """Show all numbers, intervals and bands; factors on a logarithmic axis, probabilities from 0 to 1."""
    panel = part["panel"].iloc[0]
    if panel == CHANCES:
        axis.set_xlim(-0.03, 1.03)
        return
    ends = part[["number", "low", "high"]].to_numpy().ravel()
    band = WITHIN * part["noise"].to_numpy()
    neutral = 1.0 if panel == RATIOS else 0.0
    ends = np.concatenate([ends, band, -band, [neutral]]) if panel != RATIOS else np.append(ends, neutral)
    ends = ends[np.isfinite(ends)]
    if panel == RATIOS:
        axis.set_xscale("log")
        axis.set_xlim(min(ends.min() / 1.3, 0.5), max(ends.max() * 1.3, 2))
        style.label_plainly(axis.xaxis)
        return
    room = 0.05 * (np.ptp(ends) or 1)
    axis.set_xlim(ends.min() - room, ends.max() + room)
    axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))


def _estimate(axis: Axes, row, y: float) -> None:
    """Draw the number of one plan with its interval, the noise floor behind it, and its verdict beside."""
    colour, _ = LOOKS[row.verdict]
    marker, filled = PLANS[row.plan]
    if np.isfinite(row.noise):
        # Half transparent, so that grey marks stand out from it on a dark page as well.
        band = {"color": "0.75", "alpha": 0.5, "lw": 0}
        axis.fill_betweenx([y - LINE / 2, y + LINE / 2], -WITHIN * row.noise, WITHIN * row.noise, **band)
    low, high = np.clip([row.low, row.high], *axis.get_xlim())
    if not np.isnan(row.low):
        axis.plot([low, high], [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    face = colour if filled else mpl.rcParams["axes.facecolor"]
    look = {"color": colour, "markerfacecolor": face, "markeredgecolor": colour, "markersize": 6, "linestyle": "none"}
    if np.isfinite(row.number):
        axis.plot([row.number], [y], marker=marker, clip_on=False, zorder=4, **look)
    beside = (WORDS - LEFT) / (RIGHT - LEFT)
    weight = "bold" if row.plan == "amended" else "normal"
    words = f"{row.plan}: {row.verdict}"
    axis.text(
        beside, y, words, fontsize=8.5, va="center", color=colour, fontweight=weight,
        transform=axis.get_yaxis_transform(),
    )  # fmt: skip


def _counted(table: pd.DataFrame) -> str:
    """Return how many claims have each verdict by the amended rules: "5 supported, 3 contradicted"."""
    counts = table.loc[table["plan"] == "amended", "verdict"].value_counts()
    return ", ".join(f"{counts[word]} {word}" for word in VERDICTS if word in counts)


def _message(table: pd.DataFrame) -> str:
    n = table["claim"].nunique()
    return f"{n} claims, judged by their 95% intervals: {_counted(table)}"


def _alt(table: pd.DataFrame) -> str:
    amended = table[table["plan"] == "amended"]
    rows = "; ".join(f"{row.question} {row.verdict}{_numbers(row)}" for row in amended.itertuples())
    now, registered = (table[table["plan"] == plan].set_index("claim")["verdict"] for plan in PLANS)
    other = [claim for claim in now.index if claim in registered and registered[claim] != now[claim]]
    changed = f" By the registered rules, {', '.join(f'{c} is {registered[c]}' for c in other)}." if other else ""
    return f"Forest plot of {len(amended)} claims in panels by unit: {_counted(table)}. Amended: {rows}.{changed}"


def _numbers(row) -> str:
    if not np.isfinite(row.number):
        return ""
    interval = "" if np.isnan(row.low) else f", interval {row.low:.2g} to {row.high:.2g}"
    return f" ({row.number:.2g}{interval})".replace("-", "\N{MINUS SIGN}")


FIGURES = [
    FigureEntry(
        "results-at-a-glance",
        "Results at a glance",
        "Every claim's number with its 95% interval, by the amended rules (filled) and the registered ones (hollow), "
        "coloured by verdict. Grey: where the number would fall by rounding alone if nothing were so.",
        forest_table,
        results_at_a_glance,
        _alt,
        message=_message,
        details=(
            "The question's claims come first, then those of the cited answer; each panel has one unit. A filled dot "
            "is the number by the amended rules, with Student's t interval; a hollow diamond is the number by the "
            "rules registered before the runs, with their bootstrap interval. n counts seeds, or checkpoints for the "
            "learning rate. The grey band is the noise floor: within 1.96 standard deviations of zero lie 95% of the "
            "numbers that the same trainings, repeated with the same seeds, would give by rounding alone; it is there "
            "where the scatter of repeated trainings is known. A probability has no interval."
        ),
    ),
]
