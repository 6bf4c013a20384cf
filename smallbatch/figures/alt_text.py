"""Words for those who cannot see a figure, made from the numbers of its table: what several figures say alike."""

from collections.abc import Callable

import numpy as np
import pandas as pd


def means(table: pd.DataFrame, x: str, y: str, places: int = 1, scale: float = 1.0, unit: str = "") -> str:
    """Return the mean of a column at each value of another: "1: 40.1 %, 2: 39.0 %"."""
    found = scale * table.groupby(x)[y].mean()
    return ", ".join(f"{_plain(value)}: {mean:z.{places}f}{unit}" for value, mean in found.items())


def lines(table: pd.DataFrame, by: str, x: str, y: str, places: int = 1, scale: float = 1.0, unit: str = "") -> str:
    """Return the means along each line of a chart: "moving 1: 40.1 %, 2: 39.0 %; batch 1: ..."."""
    return "; ".join(
        f"{_plain(name)}: {means(part, x, y, places, scale, unit)}" for name, part in table.groupby(by, sort=False)
    )


def ends(values: pd.Series, text: Callable[[float], str]) -> str:
    """Return what is at the smallest and at the largest batch size, the index of `values`."""
    shown = values.iloc[[0, -1]]
    return " and ".join(f"{text(value)} at batch size {size}" for size, value in shown.items())


def geometric_means(table: pd.DataFrame, by: str, column: str) -> pd.Series:
    """Return the geometric mean of a column at each value of another."""
    return table[column].astype(float).map(np.log).groupby(table[by]).mean().map(np.exp)


def last_epochs(history: pd.DataFrame) -> pd.DataFrame:
    """Return the row of each run's last epoch."""
    return history.sort_values("epoch").groupby("run").tail(1)


def _plain(value) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
