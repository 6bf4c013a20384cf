"""The list of all runs: whatever a record holds is shown as text, and the rows are those of the study."""

import json
import re

import pytest

from smallbatch.study.overview import Overview
from tests.book.test_named_roles import build
from workflow.page_numbers import SOURCES, numbers_of

POISON = "<script>window.ran=1</script>"
NUMBERS = {
    "study": "so&so",
    "experiments": {"head": ["", "", ""], "rows": [["ghost", POISON, "1 of 2"]]},
    "runs": {"head": ["Run", "Minutes"], "rows": [[POISON, "0.5"], ["b1-s0", ""]], "numeric": [False, True]},
    "tables": {"head": ["", ""], "rows": [['a"b.csv', "1,204"]]},
}
PAGE = "# Runs\n\n" + "\n".join(f"```{{every-run}} {part}\n```\n" for part in ("experiments", "runs", "tables"))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    done, html = build(tmp_path_factory.mktemp("runs"), PAGE, NUMBERS, ["every_run"])
    assert done.returncode == 0, done.stderr
    return html


def test_what_records_hold_is_shown_as_text(page):
    assert POISON not in page and page.count("&lt;script&gt;window.ran=1&lt;/script&gt;") == 2


def test_the_table_has_a_row_per_run_and_numbers_to_the_right(page):
    (body,) = re.findall(r"<tbody>(.*?)</tbody>", page)
    assert body.count("<tr>") == 2 and '<td class="number">0.5</td>' in body
    assert "The table of 2 runs is in the web edition" in page


def test_an_experiment_links_to_itself_and_a_table_can_be_downloaded(page):
    assert re.search(r'<li id="experiment-ghost">.*?href="#experiment-ghost".*?\(1 of 2 runs\)', page, re.S)
    assert 'href="../data/so%26so/a%22b.csv" download' in page and "(1,204 kB)" in page


@pytest.mark.parametrize("part", ["all", "missing"])
def test_a_part_that_is_not_there_ends_the_build(tmp_path, part):
    numbers = {name: value for name, value in NUMBERS.items() if name != "tables"}
    named = "tables" if part == "missing" else part
    done, _ = build(tmp_path, f"# Runs\n\n```{{every-run}} {named}\n```\n", numbers, ["every_run"])
    assert done.returncode != 0
    assert "has no 'tables'" in done.stderr or "Allowed: experiments, runs, tables" in done.stderr


def test_the_page_lists_every_run_of_the_study_as_its_record_has_it():
    found = numbers_of(SOURCES / "runs.py")("noise_floor")
    overview = Overview("noise_floor")
    assert [row[0] for row in found["runs"]["rows"]] == list(overview.records)
    assert found["n_done"] == overview.n_done == len(found["runs"]["rows"]) > 0
    record = next(iter(overview.records.values()))
    row = dict(zip(found["runs"]["head"], found["runs"]["rows"][0], strict=True))
    error = 100 * (1 - record["metrics"]["moving"]["test"]["accuracy"])
    assert row["Test error, moving averages (%)"] == f"{error:.1f}" and row["Steps"] == str(record["steps"])
    assert len(found["runs"]["numeric"]) == len(found["runs"]["head"]) and json.dumps(found)
