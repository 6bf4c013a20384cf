"""Memory as a straight line in the batch size, and what fits."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.measurements.cost.memory import fit_memory, largest_that_fits, memory_on_gpu
from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import summarize
from smallbatch.measurements.cost.table import COMPILED, COUNTED, EXTRAPOLATED
from tests.costs import everything


def test_a_line_through_memory_by_hand():
    line = fit_memory(pd.Series({1: 12.0, 3: 16.0, 5: 20.0}))
    assert line == pytest.approx({"constant_mib": 10, "per_image_mib": 2, "off_by_mib": 0})
    # Points 0, 3, 0 at 0, 1, 2: the best line is level, at 1, and the middle point is 2 off.
    assert fit_memory(pd.Series({0: 0.0, 1: 3.0, 2: 0.0}))["off_by_mib"] == pytest.approx(2)


def test_which_batch_sizes_fit_by_each_method(answers, counted):
    config = Config.create(card_memory_gib=5.0, compiled_batch_sizes=[1, 8])
    table, left_out = everything(config, counted)
    found = memory_on_gpu(config, table).set_index(["image_size", "method", "batch_size"]).sort_index()
    # Compiled: 600 + 200 B MiB, at the larger size only; the card has 5,120 MiB.
    compiled = found.loc[(299, COMPILED)]
    np.testing.assert_allclose(compiled["memory_gib"] * 1024, [600 + 200 * b for b in config.batch_sizes])
    np.testing.assert_allclose(compiled["margin_gib"] * 1024, [4520 - 200 * b for b in config.batch_sizes])
    assert compiled["fits"].tolist() == [True] * 5 + [False]
    # Measured at 1 and 4: 100 + 2 B MiB, and 1 MiB of weights that the process held before.
    np.testing.assert_allclose(
        found.loc[(299, EXTRAPOLATED), "memory_gib"] * 1024, [101 + 2 * b for b in config.batch_sizes]
    )
    np.testing.assert_allclose(
        found.loc[(107, COUNTED), "memory_gib"] * 1024, [3 + 1.5 * b for b in config.batch_sizes]
    )
    assert set(found.loc[107].index.get_level_values("method")) == {COUNTED}
    summary = summarize(config, table, left_out)["estimate_card_memory"]["full_299px"]
    assert summary["compiled"]["fits"] == "1, 2, 4, 8, 16" and summary["compiled"]["largest_that_fits"] == 22
    assert summary["compiled"]["margin_gib_batch_32"] == pytest.approx((4520 - 6400) / 1024)
    assert summary["counted"]["largest_that_fits"] == (5120 - 3) // 1.5


def test_a_card_that_is_too_small_for_the_weights_fits_nothing():
    config = Config.create(card_memory_gib=0.5)
    assert largest_that_fits(config, {"constant_mib": 600.0, "per_image_mib": 10.0}) == 0
    assert largest_that_fits(config, {"constant_mib": 112.0, "per_image_mib": 10.0}) == 40
