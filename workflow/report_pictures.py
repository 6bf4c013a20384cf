"""The pictures of a study's report, as SVG to stand in its page."""

import html
import io
import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

from smallbatch.figures import style

# More conditions than these would not be told apart by colour.
MOST = 8


def errors_by_condition(runs: pd.DataFrame) -> str:
    """Return the test error of every run by condition and evaluation, a dot per run, a bar at the mean."""
    names = list(runs["condition"].unique())
    with mpl.rc_context():
        style.theme()
        figure, axis = plt.subplots(figsize=(style.WIDE, 0.6 * len(names) + 1.6))
        for shift, (evaluation, (colour, marker)) in zip((-0.2, 0, 0.2), style.EVALUATIONS.items(), strict=True):
            error = 100 * (1 - runs[f"{evaluation}_test_accuracy"])
            y = runs["condition"].map(names.index) + shift
            style.dots(axis, error, y, runs["outcome"] == "diverged", colour, marker)
            mean = error.groupby(y).mean()
            axis.vlines(mean, mean.index - 0.09, mean.index + 0.09, color=colour, linewidth=2.5, zorder=4)
            axis.plot([], [], color=colour, marker=marker, label=style.STATISTICS[evaluation])
        axis.set_yticks(range(len(names)), [textwrap.fill(name, 48) for name in names], fontsize=9)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.set(xlabel="Test error (%)")
        style.legend_below(axis, title=style.STATISTICS_TITLE, ncols=3)
        means = (
            runs.assign(error=100 * (1 - runs["moving_test_accuracy"])).groupby("condition", sort=False)["error"].mean()
        )
        words = ", ".join(f"{name}: {value:.1f}%" for name, value in means.items())
        return _svg(figure, f"Test error by condition; means with moving-average statistics: {words}")


def curves(runs: pd.DataFrame, history: pd.DataFrame) -> str:
    """Return accuracy by epoch on training and validation images, a colour per condition, thin lines for runs."""
    names = list(runs["condition"].unique())[:MOST]
    table = history.merge(runs[["run", "condition"]], on="run")
    left_out = runs["condition"].nunique() - len(names)
    with mpl.rc_context():
        style.theme()
        figure, axes = plt.subplots(1, 2, figsize=(style.WIDE, 3.8), sharey=True)
        for axis, split in zip(axes, ("train", "validation"), strict=True):
            for name, colour, marker in style.shades(names):
                part = table[table["condition"] == name]
                for _, run in part.groupby("run"):
                    axis.plot(run["epoch"], run[f"{split}_accuracy"], color=colour, linewidth=0.7, alpha=0.5)
                mean = part.groupby("epoch")[f"{split}_accuracy"].mean()
                axis.plot(mean.index, mean, color=colour, marker=marker, markersize=4, label=textwrap.shorten(name, 90))
            axis.set_title("training, as fit reports it" if split == "train" else "validation", fontsize=11)
            style.label_epochs(axis)
            style.label_percent(axis)
        axes[0].set_ylabel("Accuracy")
        style.legend_below(axes[0], ncols=1 if max(map(len, names)) > 30 else 3, fontsize=9)
        note = f"<p>{left_out} more conditions are not drawn.</p>" if left_out else ""
        return _svg(figure, "Accuracy by epoch on training and validation images, a colour per condition") + note


def _svg(figure: plt.Figure, words: str) -> str:
    """Return a figure as an element of the page, with words for those who cannot see it."""
    mpl.rcParams |= {"svg.hashsalt": words, "savefig.bbox": "tight"}
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(figure)
    drawn = stream.getvalue()
    label = html.escape(words, quote=True)
    return drawn[drawn.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
