"""The table that is published and the numbers that a page would quote about learning rates."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.measurements.stable_learning_rate import estimator, scaling_laws
from smallbatch.measurements.stable_learning_rate.summary import summarize, tidy


def test_the_summary_of_rates_holds_rates_laws_and_the_best_of_them():
    runs = pd.DataFrame(
        [(b, s, 0.1 * b * 2**s, True) for b in (1, 2, 4, 8) for s in (0, 1)],
        columns=["batch_size", "seed", "learning_rate", "stable"],
    )
    points = estimator.stable_limit(runs)
    fits = scaling_laws.fit_laws(points["batch_size"], points["learning_rate"])
    summary = summarize(fits, points)
    assert summary["rate"]["batch_4"] == pytest.approx(0.4 * 2**0.5)
    assert summary["power_exponent"]["value"] == pytest.approx(1)
    assert summary["best_law"] == "linear" and summary["at_edge"] == 8
    assert summary["left_out_error"]["square_root"] > summary["left_out_error"]["linear"]


def test_the_table_of_rates_keeps_every_loss():
    steps = pd.DataFrame([(1, 0.123456789, 0, 2.0)], columns=["batch_size", "learning_rate", "draw", "loss"])
    columns = ["batch_norm", "batch_size", "learning_rate", "seed", "loss", "stable"]
    runs = pd.DataFrame([("batch", 2, 0.5, 3, np.nan, False)], columns=columns)
    table = tidy(steps, runs)
    assert table["repetition"].tolist() == [0, 3] and table["learning_rate"].tolist() == [0.123457, 0.5]
    assert table["batch_norm"].tolist() == ["recalibrated", "batch"] and np.isnan(table["loss"][1])
