"""The site needs nothing but itself: no outside host, no page too heavy for a phone, and one place for its address."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from tests.book.browsing import PAGES, open_page

pytestmark = pytest.mark.slow
OUTSIDE = re.compile(r"(https?:)?//")
LOADED = {"script": "src", "link": "href", "img": "src", "source": "src", "iframe": "src", "object": "data"}
MEGABYTE = 1_000_000


class Resources(HTMLParser):
    """Collects what a browser fetches to show a page, and the text of its inline scripts."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.scripts, self._in_script = [], [], False
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        address = attributes.get(LOADED.get(tag))
        self._in_script = tag == "script" and attributes.get("type") != "application/json"
        if address and attributes.get("rel") not in ("canonical", "next", "prev", "index", "search"):
            self.addresses.append(address)

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script:
            self.scripts.append(data)


def pages_of(built):
    html = built.folder / "_build/html"
    return [html / "book" / f"{name}.html" for name in PAGES]


def test_no_page_and_no_style_sheet_names_an_outside_host_to_fetch_from(built):
    html = built.folder / "_build/html"
    found = []
    for path in (path for path in html.rglob("*.html") if "_static" not in path.parts):
        resources = Resources(path)
        found += [f"{path.name}: {address}" for address in resources.addresses if OUTSIDE.match(address)]
        found += [f"{path.name}: {text[:80]}" for text in resources.scripts if re.search("https?://", text)]
    for path in html.rglob("*.css"):
        imports = re.findall(r"(?:@import\s+|url\()[\"']?([^\"')\s]+)", path.read_text())
        found += [f"{path.name}: {address}" for address in imports if OUTSIDE.match(address)]
    assert found == []
    assert all(path.is_file() for path in pages_of(built))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_no_outside_host_for_anything_and_misses_nothing(built, browser, name):
    outside, failed = [], []
    page = open_page(browser, built.folder / "_build/html", "references", outside=outside)
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto((built.folder / f"_build/html/book/{name}.html").as_uri())
    page.evaluate("window.MathJax?.startup?.promise")
    # Addresses of files cannot be fetched by scripts, so the search box finds nothing there; it is no part of reading.
    failed = [address for address in failed if "searchindex" not in address]
    assert (outside, failed) == ([], [])
    formulas = page.locator("article .math").count()
    assert page.locator("article mjx-container").count() >= formulas
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_its_pictures_is_below_one_and_a_half_megabytes(built, name):
    path = built.folder / f"_build/html/book/{name}.html"
    shown = {address for address in Resources(path).addresses if re.search(r"\.(png|svg|jpe?g|gif)(\?|$)", address)}
    files = [(path.parent / unquote(address.split("?")[0])).resolve() for address in shown]
    assert path.stat().st_size + sum(file.stat().st_size for file in files) < 1.5 * MEGABYTE


def test_without_an_address_nothing_is_made_up(built):
    for path in pages_of(built):
        text = path.read_text()
        for word in ("colab.research", "mybinder", "example.org", "your-name", "blob/HEAD", "blob/main"):
            assert word not in text, (path.name, word)
    assert "jupyter lab notebooks/retrain.ipynb" in re.sub(
        r"<[^>]*>", "", (built.folder / "_build/html/book/run-it-yourself.html").read_text()
    )


CONFIG = """
import sys
sys.path.insert(0, "book/_extensions")
extensions = ["myst_nb", "sphinx_design", "sphinx_book_theme", "address", "citable", "figure_code", "served"]
html_theme = "sphinx_book_theme"
html_title = "A book"
root_doc = "book/one-run"
include_patterns = ["book/one-run.md", "book/run.md"]
"""


@pytest.fixture(scope="module")
def with_address(tmp_path_factory):
    """Two pages built as the book's are, in a repository that has an address; the address is made up for the test."""
    from tests.conftest import ROOT

    folder = tmp_path_factory.mktemp("address")
    (folder / "book").mkdir()
    (folder / "book/_extensions").symlink_to(ROOT / "book/_extensions")
    (folder / "smallbatch").symlink_to(ROOT / "smallbatch")
    (folder / "notebooks").symlink_to(ROOT / "notebooks")
    (folder / "book/one-run.md").write_text("# One run\n\n```{toctree}\nrun\n```\n")
    (folder / "book/run.md").write_text("# Run\n\n```{open-notebooks}\n```\n")
    (folder / "conf.py").write_text(CONFIG)
    cff = (ROOT / "CITATION.cff").read_text()
    assert "repository-code:" not in cff and "\nurl:" not in cff, "then test the book itself, too"
    address = 'repository-code: "https://github.com/example-org/example"\nurl: "https://book.example.org"\n'
    (folder / "CITATION.cff").write_text(cff + address)
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", ".", "out"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out/book"


def test_with_an_address_every_notebook_opens_in_colab_and_binder(with_address):
    from tests.conftest import ROOT

    text = (with_address / "run.html").read_text()
    notebooks = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert len(notebooks) > 3
    for name in notebooks:
        assert f"https://colab.research.google.com/github/example-org/example/blob/main/notebooks/{name}" in text
        assert f"https://mybinder.org/v2/gh/example-org/example/main?urlpath=lab/tree/notebooks/{name}" in text
        assert f"https://github.com/example-org/example/blob/main/notebooks/{name}" in text
    assert "In Colab they run as they stand" in text
    assert "jupyter lab" not in text


def test_with_an_address_the_header_leads_to_the_repository_and_opens_the_shown_notebook(with_address):
    text = (with_address / "one-run.html").read_text()
    assert 'href="https://github.com/example-org/example"' in text
    assert "https://colab.research.google.com/github/example-org/example/blob/main/notebooks/retrain.ipynb" in text
    assert 'rel="canonical" href="https://book.example.org/book/one-run.html"' in text
    assert "colab.research" not in (with_address / "run.html").read_text().split("<article")[0]
