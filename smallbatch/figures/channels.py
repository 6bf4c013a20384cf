"""Figures of the two noises of a small batch, that of its gradient and that of its batch norm, taken apart."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

from smallbatch.figures import axes

# Colour, marker and label of each arm, throughout the book.
ARMS = {
    "standard": (sns.color_palette("colorblind")[0], "o", "standard: both noises"),
    "ghost": (sns.color_palette("colorblind")[1], "s", "ghost batch norm: noise of batch norm"),
    "masked": (sns.color_palette("colorblind")[2], "D", "masked loss: noise of the gradient"),
    "group": (sns.color_palette("colorblind")[4], "^", "group norm: no batch statistics"),
}


def channels(table: pd.DataFrame) -> plt.Figure:
    """Draw test error (points) against the size that each arm makes small; a dot is a run, a line joins means.

    `table` has `arm` (a key of `ARMS`), `size` (images), `test_error`, `outcome` and `shared`: true where a run of the
    standard arm stands for another arm, of which it is the end; it counts in that arm's line, and is a dot only once.
    Runs that diverged are hollow.
    """
    arms = [name for name in ARMS if name in set(table["arm"])]
    for axis, shown in axes.with_close_up(table, "size", "test_error", 4.8):
        for place, name in enumerate(arms):
            colour, marker, label = ARMS[name]
            runs = shown[shown["arm"] == name]
            own = runs[~runs["shared"]]
            x = axes.shifted(own["size"], place, len(arms), 0.11)
            axes.dots(axis, x, own["test_error"], own["outcome"] == "diverged", colour, marker)
            axes.join_means(axis, runs["size"], runs["test_error"], colour, marker, label)
        axis.set(ylabel="Test error (%)")
        axes.label_batch_sizes(axis, shown["size"])
    axis.set(xlabel="Size of what the arm makes small (images)")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=1, fontsize=10)
    axis.figure.tight_layout()
    return axis.figure


def interaction(table: pd.DataFrame) -> plt.Figure:
    """Draw by how much both noises together differ from the sum of each (points), by batch size.

    `table` has `kind`, `batch_size`, `interaction`, `low` and `high`: a row of kind `seed` is a dot, one of kind `mean`
    a diamond with its interval.
    """
    figure, axis = plt.subplots(figsize=(6.6, 3.6))
    sizes = sorted(table["batch_size"].unique())
    place = {size: k for k, size in enumerate(sizes)}
    seeds, means = (table[table["kind"] == kind] for kind in ("seed", "mean"))
    axis.axhline(0, color="0.4", linewidth=1)
    x = seeds["batch_size"].map(place) - 0.12
    never = pd.Series(False, index=seeds.index)
    axes.dots(axis, x, seeds["interaction"], never, "0.45", "o")
    spread = np.clip([means["interaction"] - means["low"], means["high"] - means["interaction"]], 0, None)
    x = means["batch_size"].map(place) + 0.12
    look = {"color": ARMS["standard"][0], "marker": "D", "linestyle": "", "capsize": 4}
    axis.errorbar(x, means["interaction"], np.nan_to_num(spread), **look)
    axis.set_xticks(range(len(sizes)), [f"{size}" for size in sizes])
    axis.set(
        xlabel="Batch size (images)", ylabel="Together minus the sum\nof each (points)", xlim=(-0.5, len(sizes) - 0.5)
    )
    axis.grid(visible=False, axis="x")
    figure.tight_layout()
    return figure
