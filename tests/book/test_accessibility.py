"""The pages for those who hear them, use no mouse or see little contrast: axe finds nothing serious, in both modes."""

import itertools
import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.book.browsing import PAGES, open_page

pytestmark = pytest.mark.slow
GRAVE = ("serious", "critical")
# What depends on colours; all else is the same in dark mode.
OF_COLOUR = ["color-contrast", "link-in-text-block"]
# One page lists thousands of lines of code, all alike: the first module is looked at, for all.
ALIKE = {"exclude": [["#code-smallbatch-figures ~ section pre"]]}


def grave(page, rules=None):
    """Return the serious and critical findings on a page, a line each."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = Axe().run(page, context=ALIKE, options=options).response["violations"]
    return [f"{v['id']}: {node['target']} {node['html'][:120]}"
            for v in found if v["impact"] in GRAVE for node in v["nodes"]]  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_in_light_and_in_dark(built, browser, name):
    html = built.folder / "_build/html"
    page = open_page(browser, html, name)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert grave(page) == []
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert grave(page, OF_COLOUR) == []
    page.close()


def test_axe_would_find_what_is_wrong(browser):
    page = browser.new_page()
    page.set_content(
        "<html lang='en'><title>x</title><main><h1>x</h1><img src='x'><p style='color:#999'>pale words</p></main>"
    )
    assert {finding.split(":")[0] for finding in grave(page)} == {"image-alt", "color-contrast"}
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_headings_are_ordered_and_a_page_has_one_title(built, name):
    text = (built.folder / f"_build/html/book/{name}.html").read_text()
    article = re.search(r"<article.*?</article>", text, re.S).group(0)
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", article)]
    assert levels[0] == 1 and levels.count(1) == 1
    jumps = [(a, b) for a, b in itertools.pairwise(levels) if b > a + 1]
    assert jumps == []


@pytest.mark.parametrize("name", PAGES)
def test_every_image_says_in_words_what_it_shows(built, name):
    text = (built.folder / f"_build/html/book/{name}.html").read_text()
    article = re.search(r"<article.*?</article>", text, re.S).group(0)
    images = re.findall(r"<img [^>]*>", article)
    words = [re.search(r'alt="([^"]*)"', image) for image in images]
    assert [image for image, alt in zip(images, words, strict=True) if not alt or len(alt.group(1)) < 20] == []
