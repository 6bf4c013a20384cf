"""The figure of a diagnosis, kept here until the room `diagnosis` draws it; it is no part of the catalogue."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from smallbatch.figures import style


def diagnosis(accuracy: pd.DataFrame, parts: pd.DataFrame) -> plt.Figure:
    """Return accuracies by evaluation and set (left) and the parts of the gap in points (right), with intervals.

    `accuracy` and `parts` are those of `diagnosis.Diagnosis`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2))
    sets = list(accuracy["set"].unique())
    for k, (name, table) in enumerate(accuracy.groupby("evaluation", sort=False)):
        colour, marker = style.EVALUATIONS[name]
        table = table.set_index("set").loc[sets]
        bars = style.interval(table["accuracy"], table["low"], table["high"])
        places = np.arange(len(sets)) + 0.12 * (k - 1)
        left.errorbar(places, table["accuracy"], bars, color=colour, marker=marker, linestyle="", label=name)
    left.set_xticks(range(len(sets)), sets)
    left.set(ylabel="Accuracy", ylim=(0, 1.03), xlim=(-0.5, len(sets) - 0.5))
    style.label_percent(left)
    left.grid(visible=False, axis="x")
    left.legend(fontsize=9, loc="lower left")
    labels = [name.replace(" ", "\n", 1) for name in parts.index]
    right.barh(labels, parts["points"], color="0.75", height=0.55)
    bars = style.interval(parts["points"], parts["low"], parts["high"])
    right.errorbar(parts["points"], labels, xerr=bars, color="0.2", linestyle="", capsize=3)
    right.axvline(0, color="0.4", linewidth=1)
    right.set(xlabel="Part of the gap (points)")
    right.invert_yaxis()
    right.grid(visible=False, axis="y")
    figure.tight_layout()
    return figure
