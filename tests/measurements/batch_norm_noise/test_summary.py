"""Measured noise beside the formula, by part of the network."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.measurements.batch_norm_noise.summary import compare, summarize


def noise_table(measured, predicted, deals=2):
    rows = [(k, f"layer{k}", 4, 2, d, measured, 0.1, predicted, 0.3) for k in range(3) for d in range(deals)]
    columns = ["place", "layer", "positions", "batch_size", "deal"]
    return pd.DataFrame(rows, columns=[*columns, "mean_noise", "sd_noise", "predicted", "between_images"])


def test_measured_noise_is_compared_with_the_formula_of_independent_images():
    batch, fixed = noise_table(0.2, 0.35), noise_table(0.4, 0.4, deals=5)
    batch.loc[0, "mean_noise"] = 0.6  # one of the two deals of the first layer
    table = compare(batch, fixed).set_index(["upstream", "place"])
    assert len(table) == 6 and (table["predicted"] == 0.4).all()
    assert table.loc[("fixed", 2), "ratio"] == pytest.approx(1)
    assert table.loc[("batch", 2), "ratio"] == pytest.approx(0.5)
    assert table.loc[("batch", 0), "mean_noise"] == pytest.approx(np.sqrt((0.6**2 + 0.2**2) / 2))
    assert table.loc["batch", "part"].tolist() == ["first third", "middle third", "last third"]
    summary = summarize(table.reset_index().assign(state="after training"))
    assert summary["after_training"].keys() == {"all_layers", "first_third", "middle_third", "last_third"}
    last = summary["after_training"]["last_third"]
    assert last.pop("ratio_batch_2")["median"] == pytest.approx(0.5)
    assert last.pop("ratio_fixed_2")["median"] == pytest.approx(1)
    assert last == pytest.approx({"between_images": 0.3, "mean_noise_2": 0.2, "sd_noise_2": 0.1})
    ratios = summary["after_training"]["all_layers"]["ratio_batch_2"]
    assert list(ratios.values()) == pytest.approx([0.5, 0.5, (0.5 + np.sqrt(0.2) / 0.4) / 2])
