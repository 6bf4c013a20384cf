"""The lag of moving averages: a line per run, and words about the last epoch."""

import numpy as np
import pandas as pd

from smallbatch.figures.catalogue import FIGURES, moving_average_lag
from smallbatch.figures.evidence import Evidence
from tests import simulated
from tests.figures.drawn import evidence_of, legend, table_of


def test_lag_curves_leave_out_runs_without_batch_statistics():
    history = pd.DataFrame(
        {
            "run": ["a", "a", "b"],
            "batch_size": [4, 4, 32],
            "epoch": [1, 2, 1],
            "lag_mean": [2.0, 1.0, np.nan],
            "lag_sd": [0.2, 0.1, np.nan],
        }
    )
    axis = moving_average_lag.lag_curves(history).axes[0]
    assert [list(line.get_ydata()) for line in axis.lines] == [[2, 1], [2, 1]]
    assert legend(axis) == ["4"]
    moving_average_lag.lag_curves(history[history["run"] == "b"])  # none at all is no error


def test_the_words_by_batch_size_are_those_of_the_last_epoch():
    table = table_of("lag-by-batch-size", evidence_of(simulated.study(experiments=("batch_size",), seeds=(0, 1))))
    assert table.loc[table["epoch"] == 1, "lag_mean"].mean() == 0.5  # and a fifth of it after five epochs
    assert "last epoch, mean over runs: 1: 0.10, 2: 0.10" in FIGURES["lag-by-batch-size"].alt(table)


def test_the_words_by_momentum_are_the_end_of_the_lines():
    table = table_of("phantom-lag", Evidence("no such study"))
    above, below = FIGURES["phantom-lag"].draw(table).axes
    assert legend(above) == ["0.9", "0.99"]
    alt = FIGURES["phantom-lag"].alt(table)
    for axis, words in ((above, "distance of means"), (below, "of standard deviations")):
        means = {line.get_label(): line.get_ydata()[-1] for line in axis.lines if line.get_marker() != "None"}
        assert f"{words} 0.9: {means['0.9']:.2f}, 0.99: {means['0.99']:.2f}" in alt
        assert np.isfinite(list(means.values())).all()
