"""Texts of a record are texts on every page that shows a figure: a name brings no HTML, script or Markdown along."""

import json
import os
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from PIL import Image

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
SCRIPT = "<script>stolen()</script>"
MARKDOWN = (
    "</a><img src=x onerror=stolen()> `code` **bold** {{x}} $y$ [a](javascript:stolen())\n```\n`````\n# Not a title"
)
POISON = f"{SCRIPT} {MARKDOWN}"
CONFIG = """
import sys
sys.path.insert(0, "book/_extensions")
extensions = ["myst_nb", "sphinx_design", "sphinx_book_theme", "address", "citable", "gallery", "figure_code"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath", "linkify", "substitution"]
html_theme = "sphinx_book_theme"
html_title = "A book"
root_doc = "book/index"
numfig = True
include_patterns = ["book/*.md"]
"""


def facts(slug, **changed):
    """What the JSON of a packet says, with poison wherever a text could come from a study or a record."""
    poisoned = dict.fromkeys(("title", "caption", "details", "citation", "alt", "evidence"), f"{slug} {POISON}")
    return {
        "slug": slug, "formerly": [], "licence": "CC BY 4.0", "licence_address": "https://example.org", "version": "1",
        "code": "smallbatch.figures.style.theme", "bibtex": "@misc{x,\n  title = {<script>stolen()</script>}\n}\n",
        "study": POISON, "inches": [6, 4], "runs": [POISON], "experiments": [SCRIPT, MARKDOWN],
    } | poisoned | changed  # fmt: skip


class Page(HTMLParser):
    """Collects what a page would run or load, and its texts."""

    def __init__(self, path):
        super().__init__()
        self.dangerous, self.texts, self._in_script = [], [], False
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        self._in_script = tag == "script"
        self.dangerous += [
            (tag, name, value)
            for name, value in attributes
            if (name.startswith("on") and "stolen" in (value or ""))
            or (name in ("href", "src") and ((value or "").startswith("javascript:") or value == "x"))
        ]

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script and "stolen" in data:
            self.dangerous.append(("script", "", data))
        if not self._in_script:
            self.texts.append(data)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages that show two poisoned figures, one of which was not measured, and the gallery, built as the book's are."""
    folder = tmp_path_factory.mktemp("poisoned")
    drawn = folder / "book/_drawn/figures"
    drawn.mkdir(parents=True)
    for name in ("book/_extensions", "smallbatch", "notebooks", "CITATION.cff"):
        (folder / name).symlink_to(ROOT / name)
    (drawn / "shown.json").write_text(json.dumps(facts("shown")))
    (drawn / "lacking.json").write_text(json.dumps(facts("lacking", missing=POISON)))
    (drawn / "tables.json").write_text(json.dumps(facts("tables", runs=[], experiments=[])))
    for slug in ("shown", "tables"):
        Image.new("RGB", (60, 40)).save(drawn / f"{slug}.png")
        for look in ("", "-dark"):
            (drawn / f"{slug}{look}.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"/>')
    directives = "".join(f"\n```{{citable}} {slug}\n```\n" for slug in ("shown", "lacking", "tables"))
    (folder / "book/index.md").write_text(f"# Index\n\n```{{toctree}}\nruns\ngallery\n```\n{directives}")
    (folder / "book/runs.md").write_text("# Runs\n")
    (folder / "book/gallery.md").write_text("# All\n\n```{gallery}\n```\n")
    (folder / "_toc.yml").write_text("root: book/index\nchapters:\n  - file: book/runs\n  - file: book/gallery\n")
    (folder / "conf.py").write_text(CONFIG)
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "-q", "-b", "html", ".", "out"]
    environment = os.environ | {"SMALLBATCH_STUDY": POISON, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "out/book"


@pytest.mark.parametrize("name", ["index", "gallery"])
def test_nothing_of_a_record_is_run_or_loaded(pages, name):
    assert Page(pages / f"{name}.html").dangerous == []


@pytest.mark.parametrize(("name", "times"), [
    # Caption, details and evidence of two figures, title, caption and reason of the third; of both boxes citation,
    # BibTeX entry and study; an experiment.
    ("index", 2 * 3 + 3 + 2 * 3 + 1),
    ("gallery", 3 + 2 * 2 + 1),  # titles, alt texts and BibTeX entries, and the reason
])  # fmt: skip
def test_all_of_it_can_be_read(pages, name, times):
    text = " ".join("".join(Page(pages / f"{name}.html").texts).split())
    assert text.count(SCRIPT) == times
    # No BibTeX entry has the Markdown, which would be several lines, and the experiments have it once.
    whole = "onerror=stolen()> `code` **bold** {{x}} $y$ [a](javascript:stolen()) ``` ````` # Not a title"
    assert text.count(whole) == times - 2


def test_a_link_to_the_runs_of_an_experiment_asks_for_its_name(pages):
    html = (pages / "index.html").read_text()
    assert 'runs.html?q=%3Cscript%3Estolen%28%29%3C/script%3E">&lt;script&gt;' in html


def test_clean_words_are_shown_as_they_were():
    sys.path.insert(0, str(ROOT / "book/_extensions"))
    try:
        from as_text import as_code, as_text
    finally:
        sys.path.pop(0)
    assert as_text("See https://example.org/a?b=c  now") == "See <https://example.org/a?b=c> now"
    assert as_text("5 % (a-b)") == r"5 \% \(a\-b\)"
    assert as_code("results/laptop") == "`results/laptop`" and as_code("a`b``c") == "``` a`b``c ```"
