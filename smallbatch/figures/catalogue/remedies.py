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
    figure, axis = plt.subplots(figsize=(6.8, 0.62 * len(names) + 1.6))
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
        look = {"marker": marker, "markersize": 8, "markeredgecolor": "0.1", "capsize": 3, "zorder": 4}
        axis.errorbar(shown["difference"], y[means], xerr=bars, color=colour, linestyle="", label=name, **look)
    axis.set_yticks(range(len(names)), [label(name) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    axis.set(xlabel="Test error minus that of plain training (points)\nleft of zero: the remedy helps")
    style.legend_below(axis, 0.7 / figure.get_figheight(), title="Batch norm uses statistics", ncols=2)
    return figure


def label(remedy: str) -> str:
    """Return `in_words(remedy)` in lines short enough for the axis of a figure."""
    parts = in_words(remedy).split(" + ")
    if len(parts) == 1:
        return _in_two_lines(parts[0])
    # Spaces that do not break keep the words of a part together.
    text = "\N{NO-BREAK SPACE}+ ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    return textwrap.fill(text, 32).replace("\N{NO-BREAK SPACE}", " ")


def _in_two_lines(text: str) -> str:
    if len(text) <= 18:
        return text
    half = min((k for k, letter in enumerate(text) if letter == " "), key=lambda k: abs(k - len(text) / 2))
    return f"{text[:half]}\n{text[half + 1 :]}"


def _differences_alt(table: pd.DataFrame) -> str:
    means = table[table["kind"] == "mean"]
    named = means.assign(name=means["remedy"].map(in_words))
    parts = []
    for evaluation, rows in named.groupby("evaluation", sort=False):
        differences = ", ".join(
            f"{row.name} {row.difference:+z.1f}" for row in rows[["name", "difference"]].itertuples(index=False)
        )
        parts.append(f"{evaluation}: {differences}")
    return f"Dot plot of test error minus that of plain training, in points, a row per remedy. {'; '.join(parts)}."


FIGURES = [
    FigureEntry(
        "remedies",
        "Remedies at batch size 32",
        "Test error with each remedy, alone or (joined by plus signs) together, minus that of plain training at batch "
        "size 32, paired by seed, with the moving averages and with recalibrated statistics. Small dots are seeds, "
        "large ones their means with 95 % bootstrap intervals (none below three seeds). The best is on top, as the "
        "moving averages evaluate it.",
        _differences,
        remedies,
        _differences_alt,
    ),
]
