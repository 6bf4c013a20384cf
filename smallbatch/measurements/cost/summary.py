"""From the table to the hours of a run and the numbers that are published."""

import pandas as pd

from smallbatch.measurements.cost.memory import check_of_the_count, largest_that_fits, memory_on_gpu
from smallbatch.measurements.cost.parameters import FULL, Config, Network
from smallbatch.measurements.cost.table import CARD, COMPILED, COUNTED, HERE, by_batch_size, medians


def hours_of_a_run(config: Config, table: pd.DataFrame) -> pd.DataFrame:
    """Return the hours of the run that is asked for: a row per machine, network, image size and batch size.

    Medians over rounds, measured here and then estimated for the GPU. Columns: those keys, `hours_of_run`, and of the
    run itself `epochs_of_a_run` and `images_of_a_run`.
    """
    parts = [medians(table, machine, ["hours_of_run"]).dropna().reset_index().assign(machine=machine)
             for machine in (HERE, CARD)]  # fmt: skip
    return pd.concat(parts, ignore_index=True).assign(
        epochs_of_a_run=config.epochs_of_a_run, images_of_a_run=config.images_of_a_run
    )


def summarize(config: Config, table: pd.DataFrame, left_out: dict[str, str]) -> dict:
    """Return the numbers that a page would quote. Everything under a key that starts with `estimate` is one.

    `table` holds the rows of `estimator.measure`, `gpu.estimate` and `gpu.compile_without_running`.
    """
    times = ["seconds_per_step", "images_per_second", "seconds_per_epoch", "hours_of_run"]
    here = medians(table, HERE, [*times, "start_up_seconds", "memory_before_mib", "memory_peak_mib", "memory_mib"])
    card = medians(table, CARD, [*times, "memory_mib"])
    evaluation = table[table["quantity"] == "evaluation_seconds_per_image"].groupby(["network", "image_size"])["value"]
    on_card = memory_on_gpu(config, table)
    larger = config.estimated()[-1]
    counted, compiled = (by_batch_size(table, larger, way, "operations") for way in (COUNTED, COMPILED))
    return {
        "measured": _by_label(here),
        "measured_busy_cores_before": float(table.loc[table["quantity"] == "busy_cores_before", "value"].max()),
        "measured_hours_smallest_over_largest": _ratios(here),
        "measured_evaluation_seconds_per_image": {
            f"{network}_{size}px": float(value) for (network, size), value in evaluation.median().items()
        },
        "check_of_counted_memory": check_of_the_count(config, table),
        "check_of_counted_operations": float((compiled / counted).median()) if len(compiled) else None,
        "estimate_gflop_per_image": {network.label: _gflop_per_image(table, network) for network in config.estimated()},
        "estimate_card": _by_label(card),
        "estimate_card_hours_smallest_over_largest": _ratios(card),
        "estimate_card_memory": {
            f"{FULL}_{image_size}px": {method: _what_fits(config, part) for method, part in rows.groupby("method")}
            for image_size, rows in on_card.groupby("image_size")
        },
        "left_out": left_out,
    }


def _gflop_per_image(table: pd.DataFrame, network: Network) -> float:
    operations = by_batch_size(table, network, COUNTED, "operations")
    return float((operations / operations.index).median() / 1e9)


def _what_fits(config: Config, rows: pd.DataFrame) -> dict:
    line = rows.iloc[0][["constant_mib", "per_image_mib", "off_by_mib"]].astype(float).to_dict()
    margins = {f"margin_gib_batch_{row.batch_size}": float(row.margin_gib) for row in rows.itertuples()}
    fits = ", ".join(str(size) for size in rows.loc[rows["fits"], "batch_size"])
    return line | {"fits": fits, "largest_that_fits": largest_that_fits(config, line)} | margins


def _by_label(wide: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    found = {}
    for (network, image_size, batch_size), row in wide.iterrows():
        found.setdefault(f"{network}_{image_size}px", {})[f"batch_{batch_size}"] = row.dropna().to_dict()
    return found


def _ratios(wide: pd.DataFrame) -> dict[str, float]:
    """Return the hours at the smallest batch size over those at the largest, by network."""
    hours = wide["hours_of_run"].dropna()
    return {
        f"{network}_{size}px": float(part.iloc[0] / part.iloc[-1])
        for (network, size), part in hours.groupby(level=["network", "image_size"])
    }
