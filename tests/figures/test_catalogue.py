"""All figures of the catalogue: one file has all of a figure, and its table alone is drawn and told."""

import functools
import inspect
from collections import Counter
from importlib import import_module

import pytest

from smallbatch.figures.catalogue import FAMILIES, FIGURES
from smallbatch.figures.evidence import ARTEFACTS, FULL, GPU, PUBLISHED, Evidence, NotMeasured
from tests.figures.drawn import as_read

# What is shown whatever study the book is built for.
PUBLISHED_FIGURES = {
    "source-accuracy": PUBLISHED, "source-rates": PUBLISHED,
    "phantom": ARTEFACTS, "phantom-evaluations": ARTEFACTS, "phantom-lag": ARTEFACTS, "one-value": ARTEFACTS,
    "full-network-curves": FULL, "full-network-evaluations": FULL,
    "full-size-error": f"{PUBLISHED}, {GPU}", "full-size-curves": GPU, "full-size-momentum": GPU,
    "steps-beside-peers": "bench", "growth": "bench", "initial-weight": "",
}  # fmt: skip


def written_in(function):
    """The module in which a function was written, also one whose arguments are partly given."""
    return inspect.unwrap(function.func if isinstance(function, functools.partial) else function).__module__


def test_a_slug_is_that_of_one_figure_now_and_formerly():
    entries = [entry for family in FAMILIES for entry in getattr(family, "FIGURES", ())]
    slugs = Counter(slug for entry in entries for slug in (entry.slug, *entry.formerly))
    assert len(FIGURES) == len(entries) > 30 and slugs.most_common(1)[0][1] == 1


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_a_familys_file_has_its_data_its_drawing_and_its_words(family):
    for entry in getattr(family, "FIGURES", ()):
        assert {written_in(part) for part in (entry.data, entry.draw, entry.alt)} == {family.__name__}, entry.slug


@pytest.mark.parametrize("slug", FIGURES)
def test_the_box_under_a_figure_names_a_function_that_can_be_read(slug):
    draw = FIGURES[slug].draw
    assert getattr(import_module(draw.__module__), draw.__qualname__) is draw and draw.__doc__


@pytest.fixture(scope="module")
def published():
    return Evidence(PUBLISHED)


@pytest.mark.parametrize("slug", FIGURES)
def test_a_figure_is_drawn_from_its_csv_alone_and_told_in_numbers(published, slug):
    figure = FIGURES[slug]
    try:
        table = as_read(figure.data(published).table)
    except NotMeasured as reason:
        pytest.skip(f"{slug}: {reason}")
    axes = figure.draw(table).axes
    assert all(axis.lines or axis.collections or axis.patches or not axis.axison for axis in axes)
    alt = figure.alt(table)
    assert sum(letter.isdigit() for letter in alt) >= 10 and "nan" not in alt.split() and alt.endswith(".")


@pytest.mark.parametrize(("slug", "study"), PUBLISHED_FIGURES.items())
def test_what_does_not_depend_on_the_study_is_shown_in_every_book(slug, study):
    assert FIGURES[slug].data(Evidence("no such study")).study == study


@pytest.mark.parametrize("slug", sorted(FIGURES.keys() - PUBLISHED_FIGURES.keys()))
def test_a_figure_of_nothing_says_what_is_missing(slug, tmp_path, monkeypatch):
    (tmp_path / "results/empty").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    if slug == "claims-at-a-glance":  # which is a list of what was not measured
        assert set(FIGURES[slug].data(Evidence("empty")).table["verdict"]) == {"not measured"}
        return
    with pytest.raises(NotMeasured, match=r"\w+ \w+ \w+"):
        FIGURES[slug].data(Evidence("empty"))
