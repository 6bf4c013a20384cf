"""Summaries of the benchmark: ratios the right way round, and growth as an exponent."""

import pandas as pd
import pytest

from smallbatch.measurements.benchmark import growth_exponents, milliseconds_per_step


def test_ratios_say_how_many_times_longer_a_peer_takes():
    rows = [
        ("ours", 1, 0.01),
        ("ours", 1, 0.03),
        ("ours", 1, 0.02),
        ("peer", 1, 0.05),
        ("ours", 32, 0.2),
        ("peer", 32, 0.1),
    ]
    table = pd.DataFrame(rows, columns=["contender", "batch_size", "seconds"])
    shown = milliseconds_per_step(table, {1: 0.005, 32: 0.05})
    assert shown.loc[1, ["ours", "peer", "floor", "peer / ours", "ours / floor"]].tolist() == [20, 50, 5, 2.5, 4]
    assert shown.loc[32, "peer / ours"] == 0.5


def test_growth_is_the_slope_of_medians_on_logarithmic_axes():
    rows = [("images", work, work * seconds) for work in (1, 2, 8) for seconds in (3.0, 3.0, 50.0)]
    rows += [("size", work, work**0.5) for work in (1, 4, 16)]
    table = pd.DataFrame(rows, columns=["quantity", "proportional_to", "seconds"])
    assert growth_exponents(table).to_dict() == pytest.approx({"images": 1.0, "size": 0.5})
