"""The line under a title: the time to read the page, and what to know before."""

import re
import sys

import pytest
import yaml

from tests.book.test_named_roles import build
from tests.conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_extensions"))
import reading

WORDS = 1000
PAGE = f"""---
key: value
---

# Page

```{{needs}}
[the other page](other.md).
```

{"word " * WORDS}

```text
{"code " * WORDS}
```
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    done, html = build(tmp_path_factory.mktemp("reading"), PAGE, extensions=["reading"])
    assert done.returncode == 0, done.stderr
    return html


def test_the_line_stands_under_the_title_with_the_time_of_the_prose_alone(page):
    after_title = page.split("</h1>", 1)[1].lstrip()
    line = re.match(r'<p class="reading">(.*?)</p>', after_title, re.S).group(1)
    text = re.sub("<[^>]*>", "", line)
    assert text == f"Reading time: about {WORDS // reading.WORDS_A_MINUTE} minutes. You should know: the other page."
    assert 'href="other.html"' in line
    assert page.count("You should know") == 1


def test_every_page_to_be_read_says_what_to_know():
    parts = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
    chapters = [chapter["file"] for part in parts if part["caption"] != "Appendices" for chapter in part["chapters"]]
    assert len(chapters) > 10
    # That page is the executed notebook.
    for chapter in set(chapters) - {"book/one-run"}:
        text = (ROOT / f"{chapter}.md").read_text()
        assert len(re.findall(r"^# .*\n\n```\{needs\}\n.+\n```$", text, re.MULTILINE)) == 1, chapter


def test_the_line_is_not_what_search_engines_are_told(page):
    from docutils import nodes
    from web import describe

    doctree = nodes.section("", nodes.paragraph("", "line " * 20, classes=[reading.LINE]),
                            nodes.paragraph("", "text " * 20))  # fmt: skip
    assert describe(doctree).startswith("text")
