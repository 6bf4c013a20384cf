"""Figures in the built book: each is shown once with its files and its code, and the citation file is valid."""

import json
import re

import pytest
from pybtex.database import parse_string

from smallbatch.figures.catalogue import FIGURES
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def test_the_book_shows_the_figures_that_were_drawn_and_says_which_were_not(built):
    html = built.folder / "_build/html"
    pages = {path.stem: path.read_text() for path in (html / "book").glob("*.html")}
    for slug in FIGURES:
        facts = json.loads((html / f"figures/{slug}.json").read_text())
        shown = [text for text in pages.values() if f'id="fig-{slug}"' in text]
        assert len(shown) == 1, f"{slug} is shown on {len(shown)} pages"
        part = shown[0].split(f'id="fig-{slug}"')[1].split("</figure>")[0]
        for former in facts["formerly"]:
            assert f'id="fig-{former}"' in shown[0]
        if "missing" in facts:
            assert "Not measured in this study" in part and "<img" not in part
        else:
            assert f'href="../figures/{slug}.svg"' in part and "<img" in part
            box = shown[0].split(f'id="fig-{slug}"')[1].split("<details", 1)[1].split("</details>")[0]
            for end in (".png", ".svg", ".pdf", ".csv", ".json", "-slide.png", "-slide.svg", "-dark.svg"):
                assert f'href="../figures/{slug}{end}" download' in box
                assert (html / f"figures/{slug}{end}").is_file()
            assert "@misc" in box and "Cite as" in box and 'href="../book/figure-code.html#' in box


def test_the_page_of_the_code_shows_all_modules_that_draw(built):
    text = (built.folder / "_build/html/book/figure-code.html").read_text()
    modules = {figure.draw.__module__ for figure in FIGURES.values()}
    assert len(modules) > 2
    for module in modules:
        assert f'id="code-{module.replace(".", "-").replace("_", "-")}"' in text


def test_the_citation_file_is_valid_and_names_one_licence():
    import yaml
    from jsonschema import Draft7Validator

    schema = json.loads((ROOT / "tests/book/cff-schema-1.2.0.json").read_text())
    validator = Draft7Validator(schema)
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    # Not released, so no date of it; and what is said twice is said alike.
    assert "date-released" not in cff and "doi" not in cff
    assert {name: cff[name] for name in ("title", "authors", "version")} == {
        name: cff["preferred-citation"][name] for name in ("title", "authors", "version")
    }
    assert [error.message for error in validator.iter_errors(cff)] == []
    # Archives refuse a list of licences.
    assert isinstance(cff["license"], str)
    assert not validator.is_valid({**cff, "version": None}) and not validator.is_valid({"title": "x"})


def test_references_parse():
    text = (ROOT / "book/references.bib").read_text()
    assert len(parse_string(text, "bibtex").entries) == len(re.findall(r"^@\w+\{", text, re.M)) > 3
