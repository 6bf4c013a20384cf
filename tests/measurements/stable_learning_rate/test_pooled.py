"""From the points of several checkpoints to one rate per unit and batch size."""

import pandas as pd
import pytest

from smallbatch.measurements.stable_learning_rate import pooled
from tests.stable_rates import SIZES, points


def test_with_three_checkpoints_each_is_a_unit_and_with_fewer_each_order_of_images():
    many, few = pooled.rates(points(range(3))), pooled.rates(points(range(2)))
    for found, n in ((many, 3), (few, 4)):
        short = found[found["measurement"] == "short training"]
        assert (short.groupby(["batch_norm", "batch_size"]).size() == n).all()
        assert short["learning_rate"].to_numpy() == pytest.approx(0.02 * short["batch_size"].to_numpy())
    one = many[many["measurement"] == "one step"]
    assert len(one) == 3 * len(SIZES) and one["learning_rate"].to_numpy() == pytest.approx(
        0.025
    )  # the parabola's lowest point


def test_a_limit_that_was_not_seen_is_at_the_edge_and_one_below_all_rates_is_left_out():
    table = points(range(3))
    short = table["measurement"] == "short training"
    table.loc[short & (table["batch_size"] == 8), "stable"] = True
    table.loc[short & (table["batch_size"] == 1), "stable"] = False
    found = pooled.rates(table)
    found = found[found["measurement"] == "short training"]
    assert set(found["batch_size"]) == {2, 4, 8}
    assert (
        found.loc[found["batch_size"] == 8, "at_edge"].all() and not found.loc[found["batch_size"] < 8, "at_edge"].any()
    )


@pytest.mark.parametrize("power", [0.0, 0.5, 1.4])
def test_the_fitted_power_is_that_of_the_rates(power):
    rows = [(f"unit {unit}", size, (unit + 1) * 0.01 * size**power) for unit in range(4) for size in SIZES]
    panel = pd.DataFrame(rows, columns=["unit", "batch_size", "learning_rate"])
    found = pooled.exponent(panel)
    assert found.number == pytest.approx(power) and found.n == 4
    incomplete = pooled.exponent(panel.drop(index=0))
    assert incomplete.n == 3 and incomplete.number == pytest.approx(power)
