"""From the rates of one checkpoint to the table and the numbers that are published."""

import numpy as np
import pandas as pd

from smallbatch.measurements.stable_learning_rate.scaling_laws import Fits


def summarize(fits: Fits, points: pd.DataFrame) -> dict:
    """Return the numbers a page would quote: the rate at each batch size, and the laws with their intervals."""
    rates = points.groupby("batch_size")["learning_rate"].apply(lambda rates: float(np.exp(np.log(rates).mean())))
    parameters = {
        f"{row.law} {row.parameter}".replace(" ", "_"): {"value": row.value, "low": row.low, "high": row.high}
        for row in fits.parameters.itertuples()
    }
    names = ("aicc", "left_out_error", "share_best")
    comparison = {
        name: {row["law"].replace(" ", "_"): row[name] for row in fits.comparison.to_dict("records")} for name in names
    }
    best = fits.comparison.loc[fits.comparison["is_best"], "law"].iloc[0]
    return {
        "rate": {f"batch_{size}": rate for size, rate in rates.items()},
        **parameters,
        **comparison,
        "best_law": best,
        "at_edge": int(points["at_edge"].sum()),
    }


def interval(resampled: np.ndarray) -> np.ndarray:
    """Return the ends of 95 % percentile intervals, (n, 2), of resampled numbers (resamples, n)."""
    return np.quantile(resampled, [0.025, 0.975], axis=0).T


def tidy(steps: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return both measurements as one table: a row per loss, at its batch size, learning rate and repetition.

    `repetition` is the batch drawn for a single step, or the order of images of a short training. A loss that is not a
    number is an empty field.
    """
    one = steps.rename(columns={"draw": "repetition"}).assign(measurement="one step", batch_norm="recalibrated")
    other = runs.rename(columns={"seed": "repetition"}).assign(measurement="short training")
    columns = ["measurement", "batch_norm", "batch_size", "repetition", "learning_rate", "loss", "stable"]
    table = pd.concat([one, other], ignore_index=True)[columns]
    # Six digits are more than a loss in single precision has.
    return table.assign(**{name: table[name].map(lambda x: float(f"{x:.6g}")) for name in ("learning_rate", "loss")})
