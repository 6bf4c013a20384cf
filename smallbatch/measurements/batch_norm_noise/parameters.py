"""The noise of batch statistics, layer by layer: the parameters of the notebook, and its tables."""

from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import model_validator

from smallbatch.measurements.checkpoint import BATCH_SIZES, CheckpointConfig
from smallbatch.parameters import parameter

# Parts of the network, by the order in which its batch norm layers run.
PARTS = ("first third", "middle third", "last third")


class Config(CheckpointConfig):
    """The parameters of the notebook: those of the training, and how the noise of its batch norm is measured."""

    NOTEBOOK: ClassVar[str] = "batch_norm_noise"

    batch_sizes: list[int] = parameter(
        [*BATCH_SIZES, 64],
        "Batch sizes that the images are dealt into.",
        "images",
        allowed="list of whole numbers, ≥ 1",
    )
    images_measured: int = parameter(512, "Training images that are dealt into batches.", "images", ge=4)
    deals: int = parameter(4, "How often the images are dealt, at random.", ge=1)

    @model_validator(mode="after")
    def _check_measurement(self):
        sizes = self.batch_sizes
        if not sizes or min(sizes) < 1 or max(sizes) > self.images_measured // 4:
            raise ValueError(
                f"batch_sizes = {sizes} with images_measured = {self.images_measured} is not allowed. "
                "Allowed: whole numbers from 1 to a quarter of the images"
            )
        return self

    def shown_batch_size(self) -> int:
        """Return the batch size in the middle of those measured, for figures that show one."""
        return sorted(self.batch_sizes)[len(self.batch_sizes) // 2]


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
