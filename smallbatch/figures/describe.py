"""Words for those who cannot see a figure, made from its numbers."""

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


def _plain(value) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
