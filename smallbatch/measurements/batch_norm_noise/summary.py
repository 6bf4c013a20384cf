"""From the noise that was measured to the published tables and numbers: beside the formula, by part of the network."""

import numpy as np
import pandas as pd

# Parts of the network, by the order in which its batch norm layers run.
PARTS = ("first third", "middle third", "last third")


def compare(batch: pd.DataFrame, fixed: pd.DataFrame) -> pd.DataFrame:
    """Return one row per layer, batch size and `upstream` (batch, fixed), with the deals pooled.

    The tables are those of `batch_norm_noise`. `mean_noise` and `sd_noise` are root mean squares over deals.
    `predicted` and `between_images` are those with fixed layers upstream in both kinds of rows: what the formula says
    of a layer whose inputs are independent; `ratio` is mean noise over predicted. `part` is the third of the network.
    """
    tables = []
    for upstream, table in (("batch", batch), ("fixed", fixed)):
        squares = table.assign(mean_noise=table["mean_noise"] ** 2, sd_noise=table["sd_noise"] ** 2)
        pooled = squares.groupby(["place", "layer", "positions", "batch_size"], as_index=False)[
            ["mean_noise", "sd_noise"]
        ].mean()
        pooled[["mean_noise", "sd_noise"]] **= 0.5
        tables.append(pooled.assign(upstream=upstream))
    formula = fixed.groupby(["place", "batch_size"], as_index=False)[["predicted", "between_images"]].mean()
    table = pd.concat(tables).merge(formula, on=["place", "batch_size"], validate="many_to_one")
    table["ratio"] = table["mean_noise"] / table["predicted"]
    thirds = (len(PARTS) * table["place"]) // (table["place"].max() + 1)
    return table.assign(part=np.array(PARTS)[thirds])


def summarize(table: pd.DataFrame) -> dict:
    """Return the numbers a page would quote, by state and part of the network: medians over its layers.

    The ratio of measured noise to the formula's comes with its quartiles over the layers.
    """
    summary = {}
    whole = table.assign(part="all layers")
    for (state, part), rows in pd.concat([whole, table]).groupby(["state", "part"], sort=False):
        found = {"between_images": rows["between_images"].median()}
        for (upstream, size), some in rows.groupby(["upstream", "batch_size"]):
            quartiles = some["ratio"].quantile([0.25, 0.5, 0.75])
            names = ("lower_quartile", "median", "upper_quartile")
            found[f"ratio_{upstream}_{size}"] = dict(zip(names, quartiles, strict=True))
            if upstream == "batch":
                found[f"mean_noise_{size}"] = some["mean_noise"].median()
                found[f"sd_noise_{size}"] = some["sd_noise"].median()
        summary.setdefault(state.replace(" ", "_"), {})[part.replace(" ", "_")] = found
    return summary


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it is published: columns in order, and no more digits than mean something."""
    columns = ["state", "upstream", "layer", "place", "part", "positions", "batch_size"]
    numbers = ["mean_noise", "sd_noise", "predicted", "ratio", "between_images"]
    rounded = table[numbers].map(lambda x: float(f"{x:.4g}"))
    return pd.concat([table[columns], rounded], axis=1).reset_index(drop=True)
