"""The figure of a diagnosis: accuracies by evaluation, and the parts of the gap."""

import numpy as np
import pandas as pd

# Okabe and Ito's colours, told apart with all common kinds of colour blindness; the same as throughout the book.
LOOK = {"moving": ("#d55e00", "o"), "batch": ("#949494", "s"), "recalibrated": ("#56b4e9", "D")}
LABELS = {"moving": "moving averages", "batch": "per batch", "recalibrated": "recalibrated"}


def draw(accuracy: pd.DataFrame, parts: pd.DataFrame, title: str):
    """Return a Matplotlib figure of `accuracy` and `parts` as `Diagnosis` holds them."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4))
    _accuracies(left, accuracy)
    _parts(right, parts)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    figure.tight_layout()
    return figure


def _accuracies(axis, accuracy: pd.DataFrame) -> None:
    from matplotlib.ticker import PercentFormatter

    sets = list(accuracy["set"].unique())
    for k, (name, table) in enumerate(accuracy.groupby("evaluation", sort=False)):
        colour, marker = LOOK[name]
        table = table.set_index("set").loc[sets]
        spread = _spread(table["accuracy"], table["low"], table["high"])
        places = np.arange(len(sets)) + 0.12 * (k - 1)
        axis.errorbar(places, table["accuracy"], spread, color=colour, marker=marker, linestyle="", label=LABELS[name])
    axis.set_xticks(range(len(sets)), sets)
    axis.set(ylabel="Accuracy", ylim=(0, 1.03), xlim=(-0.5, len(sets) - 0.5))
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.grid(axis="y", color="#e3e3e3")
    axis.legend(fontsize=9, loc="lower left", frameon=False)


def _parts(axis, parts: pd.DataFrame) -> None:
    labels = [name.replace(" ", "\n", 1) for name in parts.index]
    points = parts.iloc[:, 0]
    axis.barh(labels, points, color="0.75", height=0.55)
    axis.errorbar(
        points, labels, xerr=_spread(points, parts["low"], parts["high"]), color="0.2", linestyle="", capsize=3
    )
    axis.axvline(0, color="0.4", linewidth=1)
    axis.set(xlabel=f"Part of the gap ({parts.columns[0]})")
    axis.invert_yaxis()
    axis.grid(axis="x", color="#e3e3e3")


def _spread(values: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    # Rounding may put the end of an interval a hair inside of an accuracy of 0 or 1.
    return np.clip(np.array([values - low, high - values], float), 0, None)
