"""The field that filters the table of runs: by words, by address, and said aloud. Needs a browser, but no book."""

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
ROWS = [
    ("b1-s0", "batch_size search", "finished"),
    ("b1-s1", "batch_size", "diverged"),
    ("b32-s0", "ghost", "finished"),
]
BODY = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in ROWS)
PAGE = f"""<!doctype html><html lang="en"><title>Runs</title><body><ul><li id="experiment-ghost">ghost</li></ul>
<div class="runs-table"><table><thead><tr><th>Run</th></tr></thead><tbody>{BODY}</tbody></table></div>
<script src="{(ROOT / "book/_static/runs.js").as_uri()}"></script></body></html>"""


@pytest.fixture
def open_runs(browser, tmp_path):
    """A function that opens the table with something behind its address."""
    (tmp_path / "runs.html").write_text(PAGE)
    page = browser.new_page()
    yield lambda address="": (page.goto("about:blank"), page.goto((tmp_path / "runs.html").as_uri() + address), page)[
        -1
    ]
    page.close()


def shown(page):
    return page.locator("tbody tr:visible td:first-child").all_inner_texts()


def said(page):
    return page.locator("output[aria-live=polite]").inner_text()


def test_words_filter_rows_and_the_count_is_announced(open_runs):
    page = open_runs()
    assert shown(page) == [row[0] for row in ROWS] and said(page) == "3 of 3 runs shown"
    field = page.get_by_label("Show runs with")
    field.fill("B1- search")
    assert shown(page) == ["b1-s0"] and said(page) == "1 of 3 runs shown"
    field.fill("nothing like it")
    assert shown(page) == [] and said(page) == "0 of 3 runs shown"
    field.fill("")
    assert len(shown(page)) == 3


@pytest.mark.parametrize(
    ("address", "runs"),
    [
        ("?q=diverged", ["b1-s1"]),
        ("#experiment-ghost", ["b32-s0"]),
        ("?q=b1-&x=1", ["b1-s0", "b1-s1"]),
        ("#top", ["b1-s0", "b1-s1", "b32-s0"]),
    ],
)
def test_the_address_fills_the_field(open_runs, address, runs):
    assert shown(open_runs(address)) == runs


def test_a_link_on_the_page_fills_the_field_again(open_runs):
    page = open_runs("?q=b1-")
    page.evaluate("window.location.hash = '#experiment-ghost'")
    page.wait_for_function("document.querySelectorAll('tbody tr:not([hidden])').length === 1")
    assert shown(page) == ["b32-s0"]


def test_without_the_script_the_whole_table_is_there(browser, tmp_path):
    (tmp_path / "runs.html").write_text(PAGE)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "runs.html").as_uri())
    assert len(shown(page)) == 3 and page.locator("input").count() == 0
    context.close()
