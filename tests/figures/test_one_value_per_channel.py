"""One value per channel: a panel per image size, and the loss at chance level as a line."""

import numpy as np
import pytest

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.evidence import Evidence
from tests.figures.drawn import table_of


def test_chance_level_is_the_dashed_line_and_each_panel_has_its_image_size():
    table = table_of("one-value", Evidence("no such study"))
    alt = FIGURES["one-value"].alt(table)
    assert "2.30 nats" in alt
    axes = FIGURES["one-value"].draw(table).axes
    for axis, size in zip(axes, sorted(table["image_size"].unique()), strict=True):
        dashed, *curves = axis.lines
        assert dashed.get_ydata()[0] == pytest.approx(np.log(10)) and dashed.get_label() == "chance level"
        assert axis.get_title() == f"{size} pixels"
        rows = table[table["image_size"] == size]
        for curve in curves:
            of_rate = rows[rows["learning_rate"] == float(curve.get_label())].groupby("epoch")["train_loss"].mean()
            np.testing.assert_allclose(curve.get_ydata(), of_rate)
        ends = ", ".join(f"{curve.get_label()}: {curve.get_ydata()[-1]:.2f}" for curve in curves)
        assert f"{size} pixels, by learning rate: {ends}" in alt
