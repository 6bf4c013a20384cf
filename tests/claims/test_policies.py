"""Every policy in every evaluation in one table."""

import pytest

from smallbatch.claims import Tables, policies
from tests.simulated import study


def test_rows_and_slopes_are_those_of_the_truth():
    table = policies.table(study(sgd=(0.5, 0.0), experiments=("batch_size", "linear_scaling")))
    assert list(zip(table["policy"], table["evaluation"], strict=True)) == [
        *(
            (policy, name)
            for policy in ("batch_size", "linear_scaling")
            for name in ("moving", "batch", "recalibrated")
        ),
        ("as deployed", "as deployed"),
    ]
    assert table["slope"].tolist() == pytest.approx([0.5] * 7, abs=0.03)
    assert set(table["best"]) == {"1"} and (table["p_best"] == 1).all()
    assert (table["32"] - table["1"]).tolist() == pytest.approx([2.5] * 7, abs=0.15)


def test_two_seeds_have_means_and_no_best_size():
    table = policies.table(study(range(2), experiments=("batch_size",)))
    assert (table["best"] == "").all() and table["p_best"].isna().all() and table["slope"].notna().all()


def test_nothing_measured_is_no_row():
    assert policies.table(Tables()).empty
