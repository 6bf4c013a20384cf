"""What the benchmark (`python -m bench`) measured, summarized for its own output and for the page that shows it."""

import numpy as np
import pandas as pd


def milliseconds_per_step(table: pd.DataFrame, floor_seconds: dict[int, float]) -> pd.DataFrame:
    """Return the medians over rounds by batch size, a column per contender, with the lower bound and the ratios.

    `table` has columns `batch_size`, `contender` and `seconds`; `floor_seconds` is the least that a step can take.
    """
    steps = table.groupby(["batch_size", "contender"])["seconds"].median().unstack()
    shown = (1000 * steps).round(1).assign(floor=[round(1000 * floor_seconds[b], 1) for b in steps.index])
    for peer in steps.columns.drop("ours"):
        shown[f"{peer} / ours"] = (steps[peer] / steps["ours"]).round(2)
    return shown.assign(**{"ours / floor": (steps["ours"] / pd.Series(floor_seconds)).round(1)})


def growth_exponents(table: pd.DataFrame) -> pd.Series:
    """Return by quantity the exponent of time in what it should be proportional to: 1 is linear."""
    medians = table.groupby(["quantity", "proportional_to"])["seconds"].median().apply(np.log).reset_index()
    return medians.groupby("quantity").apply(
        lambda part: np.polyfit(np.log(part["proportional_to"]), part["seconds"], 1)[0], include_groups=False
    )
