"""What was tried against the error at batch size 32, each remedy beside the baseline."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbatch.claims.remedies import BASELINE, against_baseline, find_remedies, in_words
from smallbatch.claims.rules import REMEDY
from smallbatch.figures import style
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.figures.packet import FigureEntry


def _differences(evidence: Evidence) -> FigureData:
    """Return, by evaluation and remedy, the difference to the baseline of each seed and their mean."""
    tables = evidence.tables
    found = find_remedies(tables)
    rows = []
    for evaluation in style.MOVING_AND_RECALIBRATED:
        errors = found.errors(tables, evaluation)
        for remedy, number in against_baseline(tables, evaluation, REMEDY.margin).items():
            head = {"remedy": remedy, "evaluation": evaluation}
            differences = (errors[remedy] - errors[BASELINE]).dropna()
            rows += [head | {"kind": "seed", "seed": seed, "difference": value} for seed, value in differences.items()]
            mean = {"low": number.low, "high": number.high, "p_holm": number.p_holm, "n_seeds": number.n_seeds}
            rows.append(
                head | {"kind": "mean", "difference": number.number, "verdict": REMEDY.decide(number).word} | mean
            )
    table = pd.DataFrame(rows).astype({"seed": "Int64", "n_seeds": "Int64"})
    runs = evidence.runs("remedies")
    return FigureData(table, evidence.study, runs[runs["run"].isin(found.runs.to_numpy().ravel())])


def remedies(table: pd.DataFrame) -> plt.Figure:
    """Return the test error with each remedy minus that of the baseline (points), a row per remedy, best first.

    `table` has `remedy`, `evaluation`, `kind`, `seed`, `difference`, `low` and `high`: a row of kind `seed` is a dot,
    one of kind `mean` a large one with its interval.
    """
    names = list(table["remedy"].unique())
    figure, axis = plt.subplots(figsize=(style.WIDE, max(4.05, 0.38 * len(names) + 1.4)))
    axis.axvline(0, color="0.3", linewidth=1.2)
    for name, shift in zip(style.MOVING_AND_RECALIBRATED, (-0.17, 0.17), strict=True):
        colour, marker = style.EVALUATIONS[name]
        rows = table[table["evaluation"] == name]
        y = rows["remedy"].map({remedy: place for place, remedy in enumerate(names)}) + shift
        seeds, means = rows["kind"] == "seed", rows["kind"] == "mean"
        never = pd.Series(False, index=rows.index[seeds])
        style.dots(axis, rows["difference"][seeds], y[seeds], never, colour, marker, size=12)
        shown = rows[means]
        bars = np.nan_to_num(style.interval(shown["difference"], shown["low"], shown["high"]))
        look = {"marker": marker, "markersize": 7, "markeredgecolor": "0.1", "capsize": 3, "zorder": 4}
        axis.errorbar(
            shown["difference"], y[means], xerr=bars, color=colour, linestyle="", label=style.STATISTICS[name], **look
        )
    axis.set_yticks(range(len(names)), [label(name) for name in names], fontsize=9.5)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    axis.set(xlabel="Test error minus the baseline's\n(percentage points)")
    axis.set_title("← the remedy helps", loc="left", fontsize=10, fontweight="normal")
    _label_evaluations(axis, table, names)
    figure.tight_layout()
    return figure


def _label_evaluations(axis: plt.Axes, table: pd.DataFrame, names: list[str]) -> None:
    """Write the names of the evaluations to the right of the row in which their means are furthest apart."""
    means = table[table["kind"] == "mean"].pivot_table(index="remedy", columns="evaluation", values="difference")
    means = means.dropna()
    remedy = (means["moving"] - means["recalibrated"]).abs().idxmax() if len(means) else names[0]
    left, right = axis.get_xlim()
    axis.set_xlim(left, right + 0.25 * (right - left))
    for name, shift in zip(style.MOVING_AND_RECALIBRATED, (-0.17, 0.17), strict=True):
        row = table[(table["remedy"] == remedy) & (table["evaluation"] == name)]
        if row.empty:
            continue
        look = {"color": style.readable(style.EVALUATIONS[name][0]), "fontsize": 10, "fontweight": "bold"}
        place = (row[["difference", "high"]].max().max(), names.index(remedy) + shift)
        axis.annotate(style.STATISTICS[name], place, (6, 0), textcoords="offset points", va="center", **look)


def _message(table: pd.DataFrame) -> str:
    means = table[table["kind"] == "mean"]
    helped = (means["verdict"] == "supported").groupby(means["evaluation"]).sum()
    compared = means.groupby("evaluation")["remedy"].nunique()
    moving, recalibrated = (
        f"{helped[name]} of {compared[name]}{' remedies' if name == 'moving' else ''}"
        for name in style.MOVING_AND_RECALIBRATED
    )
    return f"Supported as lowering the test error at batch size 32: {moving}; recalibrated, {recalibrated}"


def label(remedy: str) -> str:
    """Return `in_words(remedy)` in lines short enough for the axis of a figure."""
    parts = in_words(remedy).split(" + ")
    # Spaces that do not break keep the words of a part together.
    text = "\N{NO-BREAK SPACE}+ ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    return textwrap.fill(text, 48).replace("\N{NO-BREAK SPACE}", " ")


def _differences_alt(table: pd.DataFrame) -> str:
    means = table[table["kind"] == "mean"]
    named = means.assign(name=means["remedy"].map(in_words))
    parts = []
    for evaluation, rows in named.groupby("evaluation", sort=False):
        differences = ", ".join(
            f"{row.name} {row.difference:+z.1f}" for row in rows[["name", "difference"]].itertuples(index=False)
        )
        parts.append(f"{evaluation}: {differences}")
    listed = "; ".join(parts)
    return f"Dot plot of test error minus that of the baseline, in percentage points, a row per remedy. {listed}."


FIGURES = [
    FigureEntry(
        "remedies",
        "Remedies at batch size 32",
        "Test error with a remedy minus that of the baseline at batch size 32, paired by seed, in two "
        "evaluations. Small dots are seeds, large markers their means with 95% bootstrap intervals; the best "
        "stands on top.",
        _differences,
        remedies,
        _differences_alt,
        message=_message,
        details=(
            "Test error with each remedy, alone or (joined by plus signs) together, minus that of the baseline at "
            "batch size 32, paired by seed, with the moving averages and with recalibrated statistics. Small dots "
            "are seeds, large ones their means with 95% bootstrap intervals (none below three seeds). The best is "
            "on top, as the moving averages evaluate it."
        ),
    ),
]
