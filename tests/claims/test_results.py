"""Results: their notes say what their fields hold, in the order of the published table."""

import numpy as np
import pytest

from smallbatch.claims.results import Result


def test_a_plain_result_of_six_seeds_needs_no_notes():
    assert Result(1.0, n_seeds=6, n_runs=12).notes() == []


def test_notes_tell_every_field_in_order():
    result = Result(
        -2.0, n_seeds=4, n_runs=8, n_diverged=3, seeds_left_out=(1, 5), shown="dropout = 0.2", best_of=3, n_compared=9,
        details=("ranking: dropout = 0.2 -2.0",),
    )  # fmt: skip
    assert result.notes() == [
        "shown: dropout = 0.2, the best of 3, so its number flatters it",
        "3 of 8 runs diverged and count with the error they ended with",
        "seeds left out, as runs are missing: 1, 5",
        "ranking: dropout = 0.2 -2.0",
        "with 4 seeds and 9 remedies, the smallest p can be 1 after Holm",
        "with 4 seeds the sign-flip p cannot be below 0.125",
    ]
    assert Result(-2.0, n_seeds=6, shown="a, b").notes() == ["together: a, b"]


@pytest.mark.parametrize(
    ("n_seeds", "note"),
    [
        (2, "nothing is decided by fewer than 3 seeds"),
        (3, "with 3 seeds the sign-flip p cannot be below 0.25"),
        (5, "with 5 seeds the sign-flip p cannot be below 0.0625"),
        (6, None),
    ],
)
def test_few_seeds_are_told_with_what_they_cannot_show(n_seeds, note):
    assert Result(1.0, n_seeds=n_seeds).notes() == ([note] if note else [])


def test_holm_is_told_only_where_it_keeps_p_from_deciding():
    assert Result(1.0, n_seeds=6, n_compared=8).notes() == [
        "with 6 seeds and 8 remedies, the smallest p can be 0.25 after Holm"
    ]
    assert Result(1.0, n_seeds=6, n_compared=1).notes() == Result(1.0, n_seeds=10, n_compared=8).notes() == []


def test_the_fraction_that_diverged_is_that_of_the_runs():
    assert Result(1.0, n_runs=8, n_diverged=2).diverged == 0.25
    assert np.isnan(Result(1.0).diverged)
