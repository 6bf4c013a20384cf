"""The checks of a claim in words: what stands in a table or a sentence is the verdict and the number of its row."""

import pandas as pd
import pytest

from smallbatch.claims import checks

ROW = {"claim": "regularization", "unit": "points per doubling", "low": 0.25, "high": 0.75, "number": 0.5, "n_seeds": 6,
       "experiment": "tuned", "notes": ""}  # fmt: skip
MISSING = "there are no runs of experiment linear_scaling"
VERDICTS = pd.DataFrame(
    [
        ROW | {"check": "main", "verdict": "supported"},
        ROW | {"check": "fixed learning rate", "verdict": "not measured", "number": float("nan"), "notes": MISSING},
    ]
)


def test_a_ruling_is_the_verdict_with_its_number():
    text = checks.ruling(VERDICTS, "regularization")
    assert text == "supported: 0.50 points per doubling (95 % interval 0.25 to 0.75, 6 seeds)"


def test_what_was_not_measured_says_so_once_and_why():
    text = checks.ruling(VERDICTS, "regularization", "fixed learning rate")
    assert text == f"not measured in this study: {MISSING}"


def test_a_table_has_a_row_for_each_check_under_the_name_it_has_on_the_page():
    lines = checks.table(VERDICTS, "regularization", {"main": "tuned", "fixed learning rate": "fixed"}).splitlines()
    rows = [tuple(line[4:] for line in lines[k : k + 3]) for k in range(5, len(lines) - 1, 3)]
    assert rows[0] == ("Check", "Verdict", "Number")
    assert rows[1][:2] == ("tuned", "{verdict}`supported`") and rows[1][2].startswith("0.50 points per doubling")
    assert rows[2] == ("fixed", "{verdict}`not measured`", r"there are no runs of experiment linear\_scaling")
    assert lines[0] == "```{list-table}" and lines[-1] == "```"


def test_a_check_that_no_study_has_is_an_error():
    with pytest.raises(KeyError, match="no check"):
        checks.table(VERDICTS, "regularization", {"misspelt": "?"})
