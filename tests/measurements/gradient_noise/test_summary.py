"""The numbers that a page would quote about gradient noise."""

import numpy as np
import pandas as pd

from smallbatch.measurements.gradient_noise.summary import summarize


def test_the_summary_of_noise_names_epoch_and_kind():
    rows = [(0, "recalibrated", 8, 5.0, np.nan), (0, "batch", 2, np.inf, 0.4), (0, "batch", 8, 6.0, np.nan)]
    table = pd.DataFrame(rows, columns=["epoch", "batch_norm", "batch_size", "noise_scale", "cosine"])
    summary = summarize(table.assign(low=1.0, high=9.0, cosine_low=0.1, cosine_high=0.7))
    assert summary["recalibrated"]["epoch_0"] == {"noise_scale": 5.0, "low": 1.0, "high": 9.0}
    assert summary["batch_of_2"]["epoch_0"] == {
        "noise_scale": np.inf, "low": 1.0, "high": 9.0, "cosine": 0.4, "cosine_low": 0.1, "cosine_high": 0.7,
    }  # fmt: skip
