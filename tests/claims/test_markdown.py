"""Verdicts in tables: what stands in a row is the verdict and the number of its analysis."""

import dataclasses

import pytest

from smallbatch.claims import Verdicts, markdown
from smallbatch.claims.results import Result
from smallbatch.claims.rules import SLOPE
from smallbatch.claims.verdicts import Verdict

RESULT = Result(0.5, 0.25, 0.75, n_seeds=6, experiment="tuned")
MAIN = Verdict("regularization", "main", SLOPE.unit, "recalibrated", "", "", "", SLOPE.decide(RESULT), RESULT)
MISSING = "there are no runs of experiment linear_scaling"
OTHER = dataclasses.replace(
    Verdict("regularization", "fixed learning rate", SLOPE.unit, "", "", "", ""), missing=MISSING
)
VERDICTS = Verdicts([MAIN, OTHER])


def test_a_table_has_a_row_for_each_analysis_under_the_name_it_has_on_the_page():
    text = markdown.table(VERDICTS, "regularization", {"main": "tuned", "fixed learning rate": "fixed"})
    lines = text.splitlines()
    rows = [tuple(line[4:] for line in lines[k : k + 3]) for k in range(5, len(lines) - 1, 3)]
    assert rows[0] == ("Check", "Verdict", "Number")
    assert rows[1] == (
        "tuned", "{verdict}`supported`", "0.50 points per doubling (95% CI 0.25 to 0.75, 6 seeds)"
    )  # fmt: skip
    assert rows[2] == ("fixed", "{verdict}`not measured`", r"there are no runs of experiment linear\_scaling")
    assert lines[0] == "```{list-table}" and lines[-1] == "```" and ":widths: 40 22 38" in lines


def test_an_analysis_that_no_study_has_is_an_error():
    with pytest.raises(KeyError, match="no check"):
        markdown.table(VERDICTS, "regularization", {"misspelt": "?"})
