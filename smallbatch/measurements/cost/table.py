"""The table that measurements and estimates share, a row per number: its words, how it is made, how it is read."""

import pandas as pd

from smallbatch.measurements.cost.parameters import Config, Network

MEASURED, ESTIMATE = "measured", "estimate"
HERE, CARD = "this machine", "card"
# How an amount of memory was found. The last three are estimates for the GPU.
PROCESS, COUNTED, COMPILED, EXTRAPOLATED = "process", "counted", "compiled", "extrapolated"
SECONDS_PER_HOUR = 3600


def time_rows(config: Config, batch_size: int, seconds_per_step: float) -> list[tuple[str, float]]:
    """Return what follows from the time of a step, by quantity: an epoch and the whole run are training alone."""
    steps = config.steps_of_a_run(batch_size)
    return [
        ("seconds_per_step", seconds_per_step),
        ("images_per_second", batch_size / seconds_per_step),
        ("seconds_per_epoch", steps / config.epochs_of_a_run * seconds_per_step),
        ("hours_of_run", steps * seconds_per_step / SECONDS_PER_HOUR),
    ]


def tidy(status: str, machine: str, method: str, network: Network, size: int, rows: list) -> pd.DataFrame:
    """Return the tidy table of some (round, quantity, value)."""
    head = {"status": status, "machine": machine, "network": network.name, "image_size": network.image_size}
    table = pd.DataFrame(rows, columns=["round", "quantity", "value"]).astype({"round": "Int64"})
    return pd.DataFrame(head | {"batch_size": size, "method": method}, index=table.index).join(table)


def by_batch_size(table: pd.DataFrame, network: Network, method: str, quantity: str = "memory_mib") -> pd.Series:
    """Return a quantity by batch size that one method gives for a network; empty where it gives none."""
    same = (table["network"] == network.name) & (table["image_size"] == network.image_size)
    rows = table[same & (table["quantity"] == quantity) & (table["method"] == method)]
    # The network may stand there twice, as one measured here and as one on the GPU.
    return rows.groupby("batch_size")["value"].median()


def medians(table: pd.DataFrame, machine: str, quantities: list[str]) -> pd.DataFrame:
    """Return a row per network, image size and batch size with the medians over rounds, a column per quantity.

    Of this machine what was measured, of the GPU what was estimated from the count.
    """
    method = {HERE: PROCESS, CARD: COUNTED}[machine]
    rows = table[(table["machine"] == machine) & (table["method"] == method) & table["quantity"].isin(quantities)]
    keys = ["network", "image_size", "batch_size"]
    wide = rows.pivot_table(index=keys, columns="quantity", values="value", aggfunc="median")
    return wide.reindex(columns=quantities).sort_index(ascending=[False, True, True])
