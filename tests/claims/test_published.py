"""The verdicts that are published: judged anew, the committed tables come out again."""

import io

import pandas as pd
import pytest

from smallbatch import claims
from tests.conftest import ROOT


@pytest.mark.parametrize("study", ["laptop", "gpu"])
def test_the_registered_verdicts_of_a_published_study_are_those_in_the_repository(study):
    """Texts to the letter; numbers as far as another processor's order of summation lets them be."""
    published = (ROOT / "results" / study / "verdicts.csv").read_text()
    judged = claims.judge(claims.read(f"results/{study}")).table.to_csv(index=False)
    before, now = (
        pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""]) for text in (published, judged)
    )
    pd.testing.assert_frame_equal(now, before, rtol=1e-9, atol=1e-9)
    assert len(before) > 60
