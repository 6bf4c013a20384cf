"""What pages name is there for every study, and the one cell of a page leads to the number that the page opens with."""

import functools
import re

import pytest

from smallbatch.claims import words
from smallbatch.figures.evidence import Evidence
from workflow.page_numbers import SOURCES, numbers_of
from workflow.page_tables import signed

BOOK = SOURCES.parent
PAGES = sorted(path.stem for path in SOURCES.glob("[!_]*.py"))
# A published study without any of the main experiments: nothing that the pages are about was measured in it.
NEXT_TO_NOTHING = "noise_floor"
LINES = 15
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
    directives = re.findall(r"^[`:]{3,}\{(when|unless|numbers-table)\} (\S+)$", text, re.MULTILINE)
    return {*roles, *directives}


def cells(page: str) -> list[str]:
    """Return the code of a page's cells, with their options."""
    text = (BOOK / f"{page}.md").read_text()
    return re.findall(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


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
        assert use in ("when", "unless") or is_table == (use == "numbers-table"), f"{{{use}}} {name}"
        if is_table:
            assert all(len(row) == len(found[key]["head"]) for row in found[key]["rows"])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_numbers_has_at_most_one_cell_and_it_is_short_and_not_hidden(page):
    found = cells(page)
    assert len(found) <= 1
    for cell in found:
        assert len(cell.splitlines()) <= LINES and not re.search(r"(remove|hide)-input", cell)


@pytest.mark.slow
@pytest.mark.parametrize("page", HEADLINES)
def test_the_cell_of_a_page_prints_the_number_of_its_verdict(page, capsys):
    study, claim, analysis = HEADLINES[page]
    (cell,) = cells(page)
    exec(compile(cell, page, "exec"), {})
    printed = capsys.readouterr().out.strip().replace("-", "\N{MINUS SIGN}").rstrip(")")
    # The cell may leave out how many seeds there are.
    assert re.match(r".+ \(95% CI .+ to .+", printed)
    assert words.number(Evidence(study).amended[claim, analysis]).startswith(printed)


def test_the_cell_of_the_source_shows_the_numbers_of_its_table():
    (cell,) = cells("source")
    names = {}
    *lines, last = cell.splitlines()
    exec(compile("\n".join(lines), "source", "exec"), names)
    shown = eval(last, names).drop(columns="dataset").to_numpy()
    in_table = [re.findall(r"\N{MINUS SIGN}?\d+\.\d", str(row)) for row in numbers("source")["by_set"]["rows"]]
    assert len(shown) == len(in_table) > 0
    for row, texts in zip(shown, in_table, strict=True):
        assert list(map(signed, row)) == texts
