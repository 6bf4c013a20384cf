"""The book as a PDF: all chapters with their figures, in order, to be printed or read on a train."""

import os
import re
import subprocess
import sys

import pytest

from smallbatch.study.execute import only_one
from tests.book.browsing import PAGES
from workflow import pdf

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def printed(built, shared):
    """The PDF's bytes, and the page that it was printed from."""
    if pdf.find_chromium() is None:
        assert not os.environ.get("CI"), "CI has to install chromium"
        pytest.skip("no Chromium on this machine: nothing prints the PDF")
    with only_one(shared / "printed.lock", "the PDF of the tests"):
        done = subprocess.run(
            [sys.executable, "-m", "workflow.pdf", "tiny"], cwd=built.folder, env=built.environment,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        work = built.folder / "_build/pdf"
        return (work / "book.pdf").read_bytes(), (work / "_build/singlehtml/print.html").read_text()


def title_of(built, name):
    text = (built.folder / f"_build/html/book/{name}.html").read_text()
    heading = re.search(r"<article.*?<h1>(.*?)<a class=\"headerlink\"", text, re.S).group(1)
    return re.sub(r"\s|<[^>]*>", "", heading)


def test_every_chapter_is_a_bookmark_in_the_order_of_the_book(built, printed):
    marks = [re.sub(r"\s", "", mark.decode("latin-1")) for mark in re.findall(rb"/Title ?\(([^)]*)\)", printed[0])]
    titles = [title_of(built, name) for name in PAGES if f"document-book/{name}" != pdf.LEFT_OUT]
    assert len(titles) > 5
    assert [title for title in titles if title not in marks] == []


def test_it_has_the_pages_and_the_figures_of_a_book(built, printed):
    content, page = printed
    assert content.startswith(b"%PDF-") and b"%%EOF" in content[-16:]
    assert len(re.findall(rb"/Type ?/Page\b", content)) > 20
    book = "".join(path.read_text() for path in (built.folder / "_build/html/book").glob("*.html"))
    figures = set(re.findall(r'<figure class="citable[^>]*id="([^"]*)"', book))
    assert figures and figures == set(re.findall(r'<figure class="citable[^>]*id="([^"]*)"', page))
    # Boxes to download from and things to play with stay on the screen.
    assert "figure-box" not in page and 'type="range"' not in page
    assert "citation-list" in page


def test_without_chromium_the_message_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert pdf.main("laptop") == 1
    assert "No Chromium was found" in capsys.readouterr().err
