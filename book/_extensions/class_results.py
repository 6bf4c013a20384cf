"""The directive `class-results`: what the class experiment came to over its seeds, from the committed table.

`workflow/class_experiment.py` measures the table with the students' own program. Every number of the page comes from
here, and a sentence says "every seed" only where the table does.
"""

from pathlib import Path

import pandas as pd
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

TABLE = "results/class-experiment/seeds.csv"
# Keras's default, of which the page tells first.
DEFAULT = 0.99
# Percentage points: training and validation images are equally bad; an evaluation fell; a network was repaired.
ALIKE, FALL, REPAIRED = 10, 10, 5
NAMES = {
    "during_training": "as `fit` reports it, training images",
    "train_evaluated": "`evaluate`, training images",
    "validation_evaluated": "`evaluate`, validation images",
    "validation_recalibrated": "recalibrated, validation images",
}


def how_many(n: int, of: int) -> str:
    """Return a count of seeds in words: "all 10 seeds", "none of 10 seeds", "7 of 10 seeds"."""
    seeds = f"{of} seed" + ("s" if of != 1 else "")
    return f"all {seeds}" if n == of else f"none of {seeds}" if n == 0 else f"{n} of {seeds}"


def holds(table: pd.DataFrame) -> list[str]:
    """Return what holds in how many seeds, a sentence each, from accuracies in percent."""
    at_32 = table[(table["momentum"] == DEFAULT) & (table["batch_size"] == 32)]
    bad = at_32[at_32["during_training"] - at_32["validation_evaluated"] > FALL]
    alike = (bad["train_evaluated"] - bad["validation_evaluated"]).abs() <= ALIKE
    repaired = bad["during_training"] - bad["validation_recalibrated"] <= REPAIRED
    sentences = [
        f"Batch size 32, momentum {DEFAULT:g}: the validation accuracy is more than {FALL} points below what `fit` "
        f"reports in {how_many(len(bad), len(at_32))}."
    ]
    if len(bad):
        sentences += [
            f"Of these, training images evaluated like the validation images score within {ALIKE} points of them in "
            f"{how_many(int(alike.sum()), len(bad))}: the images are not the reason.",
            f"Recalibration brings the validation accuracy to within {REPAIRED} points of what `fit` reports in "
            f"{how_many(int(repaired.sum()), len(bad))}, without a change to any weight.",
        ]
    return sentences


def falls(table: pd.DataFrame) -> list[str]:
    """Return, by momentum, in how many seeds the validation accuracy falls from batch size 10 to 32."""
    sentences = []
    for momentum, rows in table.groupby("momentum"):
        wide = rows.pivot_table(index="seed", columns="batch_size", values="validation_evaluated").dropna()
        fall = wide[10] - wide[32]
        sentences.append(
            f"Momentum {momentum:g}: the validation accuracy falls by more than {FALL} points from batch size 10 to 32 "
            f"in {how_many(int((fall > FALL).sum()), len(fall))}; by {fall.min():.0f} to {fall.max():.0f} points."
        )
    return sentences


def ranges(table: pd.DataFrame) -> list[str]:
    """Return lines of a Markdown table: lowest to highest accuracy over seeds, a row per momentum and batch size."""
    lines = ["| Momentum | Batch size | Seeds | " + " | ".join(NAMES.values()) + " |", "|---" * (3 + len(NAMES)) + "|"]
    for (momentum, size), rows in table.groupby(["momentum", "batch_size"]):
        cells = [f"{rows[name].min():.0f} to {rows[name].max():.0f}%" for name in NAMES]
        lines.append(f"| {momentum:g} | {size} | {rows['seed'].nunique()} | " + " | ".join(cells) + " |")
    return lines


class ClassResults(SphinxDirective):
    """Shows one part of the results: `holds`, `falls` or `ranges`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return a list of sentences, or the table."""
        path = Path(self.env.srcdir) / TABLE
        self.env.note_dependency(str(path))
        table = pd.read_csv(path)
        part = {"holds": holds, "falls": falls, "ranges": ranges}.get(self.arguments[0])
        if part is None:
            raise self.error(f"class-results = {self.arguments[0]!r}. Allowed: holds, falls, ranges")
        lines = part(table) if part is ranges else [f"- {sentence}" for sentence in part(table)]
        holder = nodes.container(classes=["class-results"])
        self.state.nested_parse(StringList(lines, source="class-results"), 0, holder)
        return [holder]


def setup(app) -> dict:
    """Register the directive."""
    app.add_directive("class-results", ClassResults)
    return {"version": "1", "parallel_read_safe": True}
