"""Every choice of learning rates in every evaluation: mean errors by batch size, slope, and which size is best."""

import pandas as pd

from smallbatch.claims.conditions import EVALUATIONS
from smallbatch.claims.contrasts import contrast, slope_weights
from smallbatch.claims.deployable import DEPLOYED, POLICIES, choose
from smallbatch.claims.tables import NotMeasured, Tables, cells_across, errors_of
from smallbatch.statistics import probability_best, t_interval

ALL_POLICIES = (*POLICIES, "linear_scaling")


def table(tables: Tables) -> pd.DataFrame:
    """Return a row per policy and evaluation, and one for each batch size at its best deployable choice.

    Columns: `policy` (experiment), `evaluation`, the mean test error in points by batch size, `slope` on log2 of the
    batch size with the ends of its 95 % interval (Student's t; points per doubling), `best`, the batch size with the
    highest bootstrap probability of the lowest error, and that probability, `p_best`. With too few seeds there is
    neither interval nor best size. What was not measured is left out.
    """
    rows = []
    for policy in ALL_POLICIES:
        try:
            cells = cells_across(tables, policy, "used_sgd_batch_size")
        except NotMeasured:
            continue
        for evaluation in EVALUATIONS:
            errors = pd.DataFrame(errors_of(tables, cells, evaluation), columns=list(cells.runs))
            result = contrast(tables, cells, slope_weights(cells), evaluation, "t")
            rows.append(_row(policy, evaluation, errors, result.number, result.low, result.high))
    try:
        chosen = choose(tables)
    except NotMeasured:
        return pd.DataFrame(rows)
    slopes = chosen.errors.to_numpy() @ slope_weights(chosen.cells)
    rows.append(_row(DEPLOYED, DEPLOYED, chosen.errors, slopes.mean(), *t_interval(slopes)))
    return pd.DataFrame(rows)


def _row(policy: str, evaluation: str, errors: pd.DataFrame, slope: float, low: float, high: float) -> dict:
    chances = pd.Series(probability_best(errors.to_numpy()), index=errors.columns)
    means = {f"{size:g}": mean for size, mean in errors.mean().items()}
    few = chances.isna().all()  # too few seeds for a bootstrap
    best = {"best": "" if few else f"{chances.idxmax():g}", "p_best": chances.max()}
    return {"policy": policy, "evaluation": evaluation, **means, "slope": slope, "low": low, "high": high, **best}
