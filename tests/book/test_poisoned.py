"""A study and records from a stranger, with scripts and markup in every text: shown as text, and nothing runs."""

import json
import shutil
from html.parser import HTMLParser

import pytest

from smallbatch.study import integrity
from tests.book.browsing import PAGES, open_page
from tests.conftest import TINY

pytestmark = pytest.mark.slow

POISON = (
    "<script>window.ran=1</script><img src=x onerror='window.ran=1'>\"</title>|*a* `b` $c$ {{d}} [e](javascript:ran)"
)
# Where the study and its machines are shown.
SHOWN = {"design": 4, "sweep": 2}


def poison(folder):
    """Put the text into a study, and into every text of its records that does not decide what the run is."""
    titled = TINY.replace("title: Tiny study", f"title: {json.dumps(POISON)}")
    titled = titled.replace("  batch_size:\n    grid:", f"  batch_size:\n    title: {json.dumps(POISON)}\n    grid:")
    assert titled.count("window.ran=1") == 4
    (folder / "studies" / "tiny.yaml").write_text(titled)
    for path in (folder / "results" / "tiny" / "runs").glob("*/record.json"):
        record = json.loads(path.read_text())
        tables = {file: (path.parent / file).read_bytes() for file in record["tables"]}
        rows = {file: facts["rows"] for file, facts in record["tables"].items()}
        old = {name: value for name, value in record.items() if name not in integrity.MARKS}
        old["environment"] |= dict.fromkeys(("processor", "system", "python", "instructions", "backend"), POISON)
        old["environment"] |= {"accelerators": [POISON], "packages": {POISON: POISON}}
        old["finished"] = POISON
        path.write_bytes(integrity.sealed(old, tables, rows))


@pytest.fixture(scope="module")
def poisoned(built, tmp_path_factory):
    from tests.conftest import Copy

    folder = tmp_path_factory.mktemp("poisoned") / "copy"
    folder.mkdir()
    copy = Copy(folder)
    shutil.copytree(built.folder / "results" / "tiny", folder / "results" / "tiny")
    poison(folder)
    done = copy.run("book", "tiny", timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


class Tags(HTMLParser):
    """Collects what could run in a page: scripts by their text, and attributes that hold code."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "script"
        self.found += [value for name, value in attributes if name.startswith("on") and value]
        self.found += [value for name, value in attributes if (value or "").strip().startswith("javascript:")]

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found.append(data)


def test_no_file_of_the_book_holds_code_from_a_study_or_a_record(poisoned):
    for path in [*poisoned.rglob("*.html"), *poisoned.rglob("*.svg")]:
        for code in Tags(path.read_text()).found:
            assert (
                "ran" not in code.split(".") and "window.ran" not in code and not code.startswith("javascript:ran")
            ), path


@pytest.mark.parametrize("name", PAGES)
def test_a_page_runs_nothing_and_shows_the_text(poisoned, browser, name):
    page = open_page(browser, poisoned, name)
    assert page.evaluate("window.ran") is None
    assert page.evaluate("[...document.images].filter(image => image.getAttribute('src') === 'x').length") == 0
    # The book sets quotes in their typographic form.
    text = page.inner_text("article").translate(str.maketrans("‘’“”", "''\"\""))
    shown = text.count(POISON)
    assert shown >= SHOWN.get(name, 0)
    page.close()
