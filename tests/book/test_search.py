"""The search of the book finds first the page that somebody means by these words."""

import re

import pytest

from tests.book.test_inverted import BOOK

MEANT = {"error by evaluation": "sweep", "moving average": "is-it-overfitting", "K80": "cost"}


def first_result(browser, html, words: str) -> str:
    """Return the page that the search of a built book shows first."""
    page = browser.new_page()
    page.goto(f"{(html / 'search.html').as_uri()}?q={words.replace(' ', '+')}")
    page.wait_for_selector("#search-results li a")
    address = page.locator("#search-results li a").first.get_attribute("href")
    page.close()
    return re.search(r"([\w-]+)\.html", address).group(1)


@pytest.mark.parametrize(("words", "meant"), MEANT.items())
def test_one_page_alone_has_the_words_as_its_main_index_entry(words, meant):
    # Sphinx's search puts main entries of the index (with an exclamation mark) above titles and words.
    entry = f"```{{index}} ! {words}\n```\n"
    assert [path.stem for path in BOOK.glob("*.md") if entry in path.read_text()] == [meant]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "meant"), MEANT.items())
def test_the_search_shows_the_page_first(built, browser, words, meant):
    assert first_result(browser, built.folder / "_build/html", words) == meant
