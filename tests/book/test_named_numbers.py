"""What pages name is there for every study, and the one cell of a page leads to the number that the page opens with."""

import functools
import re

import pytest

from smallbatch.claims import words
from smallbatch.figures.evidence import Evidence
from workflow.page_cells import cells_of
from workflow.page_numbers import SOURCES, numbers_of
from workflow.page_tables import signed

BOOK = SOURCES.parent
ALL_PAGES = sorted(path.stem for path in BOOK.glob("*.md"))
PAGES = sorted(path.stem for path in SOURCES.glob("[!_]*.py"))
# A published study without any of the main experiments: nothing that the pages are about was measured in it.
NEXT_TO_NOTHING = "noise_floor"
LINES = 15
# What a reader does there, cell by cell; the other pages have one cell, from a table of results to a number.
TUTORIAL = "diagnose"
# The analysis that a page's cell computes: study, claim, analysis.
HEADLINES = {
    "channels": ("laptop", "noise", "main"),
    "learning-rates": ("laptop", "stability", "main"),
    "full-size": ("gpu", "decay-lag", "momentum 0.9997, an averaging window longer than the training"),
    "cost": ("laptop", "runtime", "main"),
}


def named(page: str) -> set[tuple[str, str]]:
    """Return how a page uses names, and the names: ("n", "n_seeds")."""
    text = (BOOK / f"{page}.md").read_text()
    roles = re.findall(r"\{(n|badge)\}`([^`]+)`", text)
    directives = re.findall(r"^[`:]{3,}\{(when|unless|numbers-table|every-run)\} (\S+)$", text, re.MULTILINE)
    return {*roles, *directives}


@functools.cache
def numbers(page: str) -> dict:
    """Return the numbers of a page where nothing was measured."""
    return numbers_of(SOURCES / f"{page}.py")(NEXT_TO_NOTHING)


# The page of the published network judges the published studies, whatever study the book is built for.
@pytest.mark.parametrize("page", [pytest.param(p, marks=[pytest.mark.slow] * (p == "full-size")) for p in PAGES])
def test_every_name_on_a_page_is_there_and_of_its_kind_even_where_nothing_was_measured(page):
    used = named(page)
    assert used
    for use, name in used:
        of, _, key = name.rpartition(":")
        found = numbers(of or page)
        assert key in found, f"{page}.md names {name}"
        is_table = isinstance(found[key], dict)
        assert use in ("when", "unless") or is_table == (use in ("numbers-table", "every-run")), f"{{{use}}} {name}"
        if is_table:
            assert all(len(row) == len(found[key]["head"]) for row in found[key]["rows"])


@pytest.mark.parametrize("page", ALL_PAGES)
def test_no_page_source_holds_a_hidden_code_cell_and_each_visible_one_is_short(page):
    assert not re.findall(r"\b(?:remove|hide)-(?:input|cell)\b", (BOOK / f"{page}.md").read_text())
    found = cells_of(page)
    assert len(found) <= 1 or page == TUTORIAL
    assert all(len(cell.splitlines()) <= LINES for cell in found)


@pytest.mark.slow
@pytest.mark.parametrize("page", HEADLINES)
def test_the_cell_of_a_page_prints_the_number_of_its_verdict(page, capsys):
    study, claim, analysis = HEADLINES[page]
    (cell,) = cells_of(page)
    exec(compile(cell, page, "exec"), {})
    printed = capsys.readouterr().out.strip().replace("-", "\N{MINUS SIGN}").rstrip(")")
    # The cell may leave out how many seeds there are.
    assert re.match(r".+ \(95% CI .+ to .+", printed)
    assert words.number(Evidence(study).amended[claim, analysis]).startswith(printed)


def test_the_cell_of_the_source_shows_the_numbers_of_its_table():
    (cell,) = cells_of("source")
    names = {}
    *lines, last = cell.splitlines()
    exec(compile("\n".join(lines), "source", "exec"), names)
    shown = eval(last, names).drop(columns="dataset").to_numpy()
    in_table = [re.findall(r"\N{MINUS SIGN}?\d+\.\d", str(row)) for row in numbers("source")["by_set"]["rows"]]
    assert len(shown) == len(in_table) > 0
    for row, texts in zip(shown, in_table, strict=True):
        assert list(map(signed, row)) == texts


def test_the_cell_of_the_speed_page_shows_the_ratios_of_its_first_sentence():
    (cell,) = cells_of("speed")
    *lines, last = cell.splitlines()
    names = {}
    exec(compile("\n".join(lines), "speed", "exec"), names)
    shown, found = eval(last, names), numbers("speed")
    for end in ("smallest", "largest"):
        assert f"{shown[found[end]]:.1f}" == found[f"gain_{end}"]
