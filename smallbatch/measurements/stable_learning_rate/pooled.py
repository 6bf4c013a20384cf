"""From the gathered points of `stable_learning_rate` to one rate per checkpoint and batch size, and their laws.

A checkpoint (a run of the notebook, with its seed) is the unit, as a seed is elsewhere: its limits with several orders
of images are averaged first. With fewer than `FEWEST_SEEDS` checkpoints each order of images is a unit of its own.
"""

import numpy as np
import pandas as pd

from smallbatch.measurements.stable_learning_rate.estimator import best_learning_rate, stable_limit
from smallbatch.measurements.stable_learning_rate.scaling_laws import Fits, fit_laws
from smallbatch.statistics import FEWEST_SEEDS, Estimate, mean_over_seeds

ONE_STEP = "one step"
SHORT = "short training"
# What is measured, by the columns `measurement` and `batch_norm`; in the order of the notebook.
PANELS = ((ONE_STEP, "recalibrated"), (SHORT, "recalibrated"), (SHORT, "batch"))
# A law needs three batch sizes.
FEWEST_SIZES = 3


def rates(points: pd.DataFrame) -> pd.DataFrame:
    """Return the best rate of a step and the largest rate of a short training, by unit and batch size.

    `points` is the gathered table of the notebook. Columns `measurement`, `batch_norm`, `run`, `unit` (run, and order
    of images where that is the unit), `batch_size`, `learning_rate` (geometric mean over a unit's orders) and
    `at_edge`: true where a limit lies above all rates tried. A limit below all rates tried is left out.
    """
    parts = [
        _of_panel(points[(points["measurement"] == measurement) & (points["batch_norm"] == batch_norm)], measurement)
        .assign(measurement=measurement, batch_norm=batch_norm)
        for measurement, batch_norm in PANELS
    ]  # fmt: skip
    columns = ["measurement", "batch_norm", "run", "unit", "batch_size", "learning_rate", "at_edge"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def _of_panel(points: pd.DataFrame, measurement: str) -> pd.DataFrame:
    few = points["run"].nunique() < FEWEST_SEEDS
    parts = []
    for run, rows in points.drop(columns="seed").groupby("run"):
        if measurement == ONE_STEP:
            found = best_learning_rate(rows.rename(columns={"repetition": "draw"})).assign(unit=run)
        else:
            # Beside single steps, which have none, the column is not one of booleans.
            stable = rows["stable"].astype(str) == "True"
            found = stable_limit(rows.rename(columns={"repetition": "seed"}).assign(stable=stable))
            found = found.dropna(subset="learning_rate")
            found["unit"] = [f"{run}/{seed}" for seed in found["seed"]] if few else run
        parts.append(found.assign(run=run, log=np.log(found["learning_rate"])))
    if not parts:
        return pd.DataFrame()
    grouped = pd.concat(parts).groupby(["run", "unit", "batch_size"], as_index=False)
    found = grouped.agg(log=("log", "mean"), at_edge=("at_edge", "any"))
    return found.assign(learning_rate=np.exp(found.pop("log")))


def laws(panel: pd.DataFrame) -> Fits | None:
    """Return the laws fitted to the `rates` of one measurement; None with rates at fewer than three batch sizes."""
    if panel["batch_size"].nunique() < FEWEST_SIZES:
        return None
    return fit_laws(panel["batch_size"], panel["learning_rate"])


def exponent(panel: pd.DataFrame) -> Estimate:
    """Return the exponent of the batch size that the rates grow with: fitted for each unit, then averaged over units.

    0 is the same rate at every batch size, 1 linear scaling. Units without all batch sizes are left out.
    """
    logs = np.log2(panel.pivot(index="unit", columns="batch_size", values="learning_rate")).dropna()
    if logs.shape[1] < 2 or logs.empty:
        return mean_over_seeds([])
    return mean_over_seeds(np.polyfit(np.log2(logs.columns.to_numpy(float)), logs.T, 1)[0])
