"""The roles and directives that put named numbers on a page: as text whatever they hold, and never silently nothing."""

import json
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

NUMBERS = {
    "count": 3, "zero": 0, "text": "<script>alert(1)</script> *not* emphasis", "word": "not decided",
    "yes": True, "no": False,
    "table": {
        "head": ["A", "B"],
        "widths": [30, 70],
        "rows": [[[{"strong": "bold"}], [{"verdict": "supported"}]], [[{"page": "other", "text": "there"}], "<b>"],
                 [[{"code": "a<b"}], ["in ", {"code": "c"}]]],
    },
    "empty": {"head": ["A"], "rows": []},
}  # fmt: skip
PAGE = """# Page

Count {n}`count`, zero {n}`zero`, text {n}`text`, badge {badge}`word`, elsewhere {n}`other:count`.

```{when} yes
Shown with {n}`count`.
```

```{when} no
HIDDEN
```

```{unless} no
Shown otherwise.
```

```{when} empty
HIDDEN
```

```{when} table
:::{numbers-table} table
:::
```
"""


def build(folder, page=PAGE, numbers=NUMBERS, extensions=()):
    """Build a page with its numbers as the book does; return the finished process and the page's HTML."""
    (folder / "book/_drawn/numbers").mkdir(parents=True)
    (folder / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'book/_extensions')!r})\n"
        f"extensions = {['myst_parser', 'named_numbers', *extensions]}\nmyst_enable_extensions = ['colon_fence']\n"
    )
    (folder / "index.md").write_text("# Home\n\n```{toctree}\nbook/page\nbook/other\n```\n")
    (folder / "book/page.md").write_text(page)
    (folder / "book/other.md").write_text("# Other\n")
    for name, found in (("page", numbers), ("other", {"count": 7})):
        (folder / f"book/_drawn/numbers/{name}.json").write_text(json.dumps(found))
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-b",
        "html",
        str(folder),
        str(folder / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    html = folder / "out/book/page.html"
    return done, html.read_text() if html.is_file() else ""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    done, html = build(tmp_path_factory.mktemp("named"))
    assert done.returncode == 0, done.stderr
    return html


def test_values_become_text_and_never_markup(built):
    assert "Count 3, zero 0" in built and "elsewhere 7" in built
    assert "&lt;script&gt;alert(1)&lt;/script&gt; *not* emphasis" in built and "<script>alert" not in built
    assert '<span class="verdict verdict-not-decided">not decided</span>' in built


def test_paragraphs_are_there_by_the_truth_of_a_value(built):
    assert "Shown with 3." in built and "Shown otherwise." in built and "HIDDEN" not in built


def test_a_table_has_its_parts(built):
    assert "<strong>bold</strong>" in built and '<span class="verdict verdict-supported">supported</span>' in built
    assert 'href="other.html"' in built and "&lt;b&gt;" in built
    assert re.search(r"<code[^>]*><span class=\"pre\">a&lt;b</span></code>", built)


@pytest.mark.parametrize(
    "text", ["{n}`missing`", "{n}`nowhere:count`", "```{when} missing\nx\n```", "```{numbers-table} missing\n```"]
)
def test_a_name_that_is_not_there_ends_the_build(tmp_path, text):
    done, _ = build(tmp_path, f"# Page\n\n{text}\n")
    assert done.returncode != 0
    assert "has no 'missing'; it has count, zero" in done.stderr or "has written nothing" in done.stderr
