"""The visible cell of a results page leads from the published table of runs to the number that the page opens with."""

import pandas as pd
import pytest

from smallbatch.figures.evidence import PUBLISHED
from smallbatch.paths import in_project
from workflow.page_cells import cells_of

# Of each page: the claim whose amended verdict it opens with.
HEADLINES = {"is-it-overfitting": "decay-lag", "remedies": "remedies"}


@pytest.mark.parametrize("page", HEADLINES)
def test_the_cell_ends_in_the_number_of_the_amended_verdict(page):
    (cell,) = cells_of(page)
    lines = cell.strip().splitlines()
    names = {}
    exec("\n".join([*lines[:-1], f"value = {lines[-1]}"]), names)
    verdicts = pd.read_csv(in_project(f"results/{PUBLISHED}/verdicts-amended.csv"))
    (expected,) = verdicts.query("claim == @HEADLINES[@page] and check == 'main'")["number"]
    assert names["value"] == pytest.approx(expected, abs=0.05)
