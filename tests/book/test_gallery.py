"""The gallery's filter in a browser, the descriptions of pages, and headers of tables. The first parts need no book."""

import re
import sys

import pytest

from tests.book.browsing import PAGES
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_extensions"))
import web

ITEMS = "".join(
    f'<li id="figure-{name}"><div class="gallery-text">{words}</div></li>'
    for name, words in (("a", "Momentum and error"), ("b", "Error by batch size"), ("c", "Time"))
)
PAGE = f"""<!doctype html><html lang="en"><title>x</title><body><ul class="gallery">{ITEMS}</ul>
<script src="{(ROOT / "book/_static/figures.js").as_uri()}"></script></body></html>"""


@pytest.mark.slow
def test_words_filter_the_figures_and_the_count_is_announced(browser, tmp_path):
    (tmp_path / "page.html").write_text(PAGE)
    page = browser.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    shown = lambda: page.eval_on_selector_all("li:not([hidden])", "items => items.map(item => item.id)")  # noqa: E731
    assert len(shown()) == 3
    page.get_by_label("Show figures with").fill("error")
    assert shown() == ["figure-a", "figure-b"]
    page.get_by_label("Show figures with").fill("ERROR momentum")
    assert shown() == ["figure-a"]
    assert page.locator("output[aria-live=polite]").inner_text() == "1 of 3 figures shown"
    page.close()


def test_cards_of_a_table_of_verdicts_say_what_their_cells_are():
    def table(heads, cells, kind="verdicts table"):
        head = "".join(f'<th scope="col"><p>{each}</p></th>' for each in heads)
        return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody><tr>{cells}</tr></tbody></table>'

    three = ["Question", "By the &lt;rules&gt;", "Number"]
    found = web.with_labels(table(three, '<td class="a">x</td><td>y</td><td>z</td>'))
    assert '<td class="a">x</td><td data-label="By the &lt;rules&gt;">y</td><td data-label="Number">z</td>' in found
    for other in (table(three[:2], "<td>x</td><td>y</td>"), table(three, "<td>x</td>" * 3, kind="table")):
        assert web.with_labels(other) == other


def test_header_cells_say_what_they_head_and_those_that_say_it_already_are_left():
    body = '<thead><tr><th class="head">a</th><th scope="col">b</th></tr></thead><tbody><tr><th>0</th></tr></tbody>'
    assert web.with_scopes(body) == (
        '<thead><tr><th scope="col" class="head">a</th><th scope="col">b</th></tr></thead>'
        '<tbody><tr><th scope="row">0</th></tr></tbody>'
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_describes_itself_names_a_picture_and_has_scopes(built, name):
    text = (built.folder / f"_build/html/book/{name}.html").read_text()
    description = re.search(r'<meta name="description" content="([^"]*)">', text).group(1)
    assert 40 < len(description) < 400 and "{" not in description
    picture = re.search(r'<meta property="og:image" content="([^"]*)">', text).group(1)
    assert (built.folder / "_build/html/book" / picture).is_file()
    assert not re.findall(r"<th(?![^>]*scope=)[ >]", text.split("<article")[1].split("</article>")[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_mathjax_is_loaded_where_there_is_mathematics_and_nowhere_else(built, name):
    text = (built.folder / f"_build/html/book/{name}.html").read_text()
    formulas = 'class="math ' in text
    scripts = re.findall(r'<script[^>]*src="[^"]*mathjax[^"]*"', text, re.IGNORECASE)
    assert bool(scripts) == formulas
