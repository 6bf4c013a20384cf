"""From noise scales along a training to the table and the numbers that are published."""

import pandas as pd


def summarize(table: pd.DataFrame) -> dict:
    """Return the numbers a page would quote: noise scales and cosines with intervals, by statistics and epoch."""
    summary = {}
    for row in table.to_dict("records"):
        kind = "recalibrated" if row["batch_norm"] == "recalibrated" else f"batch_of_{row['batch_size']}"
        names = ["noise_scale", "low", "high"]
        if pd.notna(row.get("cosine")):
            names += ["cosine", "cosine_low", "cosine_high"]
        summary.setdefault(kind, {})[f"epoch_{row['epoch']}"] = {name: row[name] for name in names}
    return summary


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it is published: the epoch first, and six digits."""
    numbers = table.select_dtypes("float").columns
    rounded = table.assign(**{name: table[name].map(lambda x: float(f"{x:.6g}")) for name in numbers})
    return rounded[["epoch", *rounded.columns.drop("epoch")]]
