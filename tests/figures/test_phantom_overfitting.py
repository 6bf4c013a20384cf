"""Phantom overfitting: panels and words are those of the published records."""

import pandas as pd

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.catalogue.phantom_overfitting import MOMENTUM
from smallbatch.figures.evidence import Evidence
from smallbatch.paths import in_project
from tests.figures.drawn import table_of


def table(slug):
    return table_of(slug, Evidence("no such study"))


def test_accuracies_by_momentum_are_those_of_the_records():
    runs = pd.read_csv(in_project("results/artefacts/runs.csv"))
    phantom = runs[runs["experiments"] == "phantom"].groupby("used_batch_norm_momentum")["moving_test_accuracy"].mean()
    alt = FIGURES["phantom-evaluations"].alt(table("phantom-evaluations"))
    assert f"moving, test images: 0.9: {100 * phantom[0.9]:.1f} %, 0.99: {100 * phantom[0.99]:.1f} %" in alt


def test_each_panel_shows_its_own_momentum():
    evaluations, curves = table("phantom-evaluations"), table("phantom")
    for slug, rows, column in (("phantom-evaluations", evaluations, "moving_train_accuracy"),
                               ("phantom", curves, "train_accuracy")):  # fmt: skip
        axes = FIGURES[slug].draw(rows).axes
        assert [axis.get_title() for axis in axes] == ["momentum 0.99", "momentum 0.9"]
        for axis, momentum in zip(axes, (0.99, 0.9), strict=True):
            own = sorted(rows.loc[rows[MOMENTUM] == momentum, column])
            points = axis.collections[0].get_offsets() if slug == "phantom-evaluations" else None
            shown = points[:, 1] if points is not None else [y for line in axis.lines[:3] for y in line.get_ydata()]
            assert sorted(shown) == own


def test_the_curves_end_where_the_words_say():
    rows = table("phantom")
    last = rows[rows["epoch"] == rows["epoch"].max()].groupby("used_batch_norm_momentum").mean(numeric_only=True)
    assert f"validation 0.9: {100 * last.loc[0.9, 'validation_accuracy']:.1f} %" in FIGURES["phantom"].alt(rows)
    assert f"training 0.9: {100 * last.loc[0.9, 'train_accuracy']:.1f} %" in FIGURES["phantom"].alt(rows)
    left = FIGURES["phantom"].draw(rows).axes[0]
    assert left.get_title() == "momentum 0.99" and len(left.lines) == 2 * (3 + 1)  # seeds, and their mean
