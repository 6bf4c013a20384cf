"""Summaries of what the benchmark measured, for its own output and for the page that shows it."""

import numpy as np
import pandas as pd


def summary(table: pd.DataFrame, floor_seconds: dict[int, float]) -> pd.DataFrame:
    """Return milliseconds per step (median over rounds), by batch size, with the floor and this project's ratios."""
    steps = table.groupby(["batch_size", "contender"])["seconds"].median().unstack()
    shown = (1000 * steps).round(1).assign(floor=[round(1000 * floor_seconds[b], 1) for b in steps.index])
    for peer in steps.columns.drop("ours"):
        shown[f"{peer} / ours"] = (steps[peer] / steps["ours"]).round(2)
    return shown.assign(**{"ours / floor": (steps["ours"] / pd.Series(floor_seconds)).round(1)})


def exponents(table: pd.DataFrame) -> pd.Series:
    """Return by quantity the slope of log time on log of what it should be proportional to: 1 is linear."""
    medians = table.groupby(["quantity", "proportional_to"])["seconds"].median().apply(np.log).reset_index()
    return medians.groupby("quantity").apply(
        lambda part: np.polyfit(np.log(part["proportional_to"]), part["seconds"], 1)[0], include_groups=False
    )
