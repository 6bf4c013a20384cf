"""Shared by the tests of the book: one browser for all of them."""

import os

import pytest

from workflow.pdf import find_chromium


@pytest.fixture(scope="session")
def browser():
    executable = find_chromium()
    if executable is None:
        assert not os.environ.get("CI"), "CI has to install chromium"
        pytest.skip("no Chromium on this machine: the pages are not opened")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()
