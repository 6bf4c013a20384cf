"""The report on a study in a browser: axe finds nothing serious, and it fits a phone."""

import pytest

from tests.book.test_accessibility import grave
from tests.workflow.test_report import project
from workflow import report

pytestmark = pytest.mark.slow


def test_axe_finds_nothing_serious_in_a_report_and_it_fits_a_phone(tmp_path, monkeypatch, browser):
    monkeypatch.chdir(project(tmp_path))
    page = browser.new_page()
    page.set_content(report.page("mine"))
    assert grave(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
