"""How the tests open the pages of the book."""

import re
from pathlib import Path

import yaml

from tests.conftest import ROOT

_TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
# Names of all pages in the order of the book.
_CHAPTERS = [chapter["file"] for part in _TOC["parts"] for chapter in part["chapters"]]
PAGES = tuple(Path(entry).name for entry in (_TOC["root"], *_CHAPTERS))

# Pictures far down would be fetched only when somebody scrolls there.
UNFOLD = """() => {
    document.querySelectorAll('details').forEach(details => { details.open = true; });
    return Promise.all([...document.images].map(image => {
        image.loading = 'eager';
        return image.complete || new Promise(done => { image.onload = image.onerror = () => done(true); });
    }));
}"""


def open_page(browser, html, name, width=1280, theme="light", outside=None):
    """Open a page with every box unfolded; addresses of outside hosts that it asks for are added to `outside`."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce")
    asked = [] if outside is None else outside

    def refuse(route):
        asked.append(route.request.url)
        route.abort()

    page.route(re.compile(r"^https?://"), refuse)
    page.goto((html / "book" / f"{name}.html").as_uri())
    page.evaluate(UNFOLD)
    return page
