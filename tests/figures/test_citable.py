"""The import that is printed under every figure, in this version of the book and in those before."""

import matplotlib.pyplot as plt
import pytest

from smallbatch.figures import citable
from smallbatch.figures.citable import redraw
from smallbatch.figures.packet import FigureEntry


@pytest.fixture
def catalogue(monkeypatch):
    """One figure, renamed once; the tables that it was asked to draw."""
    seen = []

    def draw(table):
        seen.append(table)
        return plt.figure()

    entry = FigureEntry("new-name", "T", "C.", None, draw, None, formerly=("old-name",))
    monkeypatch.setattr(citable, "FIGURES", {"new-name": entry})
    return seen


@pytest.mark.parametrize("slug", ["new-name", "old-name"])
def test_a_csv_file_is_all_that_it_takes_also_under_a_former_name(catalogue, tmp_path, slug):
    (tmp_path / "x.csv").write_text("arm,error\nnone,1\nNA,\n")
    assert isinstance(redraw(slug, tmp_path / "x.csv"), plt.Figure)
    assert list(catalogue[0]["arm"]) == ["none", "NA"] and catalogue[0]["error"].isna().tolist() == [False, True]


def test_an_unknown_figure_is_named_with_those_that_there_are(catalogue, tmp_path):
    with pytest.raises(KeyError, match=r"slug = 'no-such-figure' .* Allowed: new-name"):
        redraw("no-such-figure", tmp_path / "x.csv")
