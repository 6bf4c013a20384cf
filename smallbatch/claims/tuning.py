"""Learning rates that experiment `search` chooses for each batch size, and which experiment a claim then rests on."""

import numpy as np
import pandas as pd

from smallbatch.claims.tables import NotMeasured, Tables, cells_across, runs_of
from smallbatch.statistics import error_points

TUNED, FIXED_RATE = "tuned", "batch_size"


def deciding_experiment(tables: Tables) -> tuple[str, tuple[str, ...]]:
    """Return the experiment that decides about batch sizes, and what to know about its learning rates.

    It is `tuned`, or `batch_size` where that is missing.
    """
    try:
        cells_across(tables, TUNED, "used_sgd_batch_size")
    except NotMeasured as reason:
        return FIXED_RATE, (f"at a fixed learning rate, as {reason}",)
    return TUNED, tuple(_remarks_on_tuning(tables))


def rates_in_words(experiment: str) -> str:
    """Return what learning rates the batch sizes had in the experiment that decides."""
    if experiment == TUNED:
        return "Each batch size had a learning rate of its own, chosen on validation images."
    return "All batch sizes had the same learning rate."


def chosen_learning_rates(tables: Tables, evaluation: str = "recalibrated") -> pd.DataFrame:
    """Return the learning rate that experiment `search` chooses at each batch size, by validation accuracy alone.

    Chosen is the rate with the highest mean accuracy of the evaluation over seeds, and of equals the smallest. Only
    rates that all seeds of a batch size have tried take part; a diverged run without an accuracy counts as chance
    level. Columns `batch_size`, `learning_rate` (as used, after scaling), `validation_error` (points), `at_edge` (the
    smallest or largest rate tried, so that a wider grid might find a better one), `n_seeds` and `n_rates`.

    Raises `NotMeasured` where there is no such experiment.
    """
    rows = []
    for batch_size, errors in search_errors(tables, evaluation).items():
        means = errors.mean()
        best = means.idxmin()
        at_edge = best in (means.index.min(), means.index.max())
        rows.append([batch_size, best, means[best], at_edge, *errors.shape])
    columns = ["batch_size", "learning_rate", "validation_error", "at_edge", "n_seeds", "n_rates"]
    return pd.DataFrame(rows, columns=columns)


def edge_in_words(batch_size: float) -> str:
    """Return that the rate chosen at a batch size might not be the best."""
    return f"the rate chosen at {batch_size} is the end of those tried"


def _remarks_on_tuning(tables: Tables) -> list[str]:
    """Return where the runs of `tuned` do not have the rate that `search` chooses, or it is the end of those tried."""
    try:
        chosen = chosen_learning_rates(tables).set_index("batch_size")
        used = runs_of(tables, TUNED).groupby("used_sgd_batch_size")["used_learning_rate"].first()
    except NotMeasured:
        return ["tuned at rates that this study's tables cannot check"]
    both = chosen.join(used, how="inner")
    other = both[~np.isclose(both["learning_rate"], both["used_learning_rate"])]
    return [
        *(f"tuned at {row.used_learning_rate:g} at {size}, search chooses {row.learning_rate:g}"
          for size, row in other.iterrows()),
        *map(edge_in_words, both.index[both["at_edge"]]),
    ]  # fmt: skip


def search_errors(tables: Tables, evaluation: str = "recalibrated") -> dict[int, pd.DataFrame]:
    """Return, by batch size, validation errors in points: a row per seed, a column per rate that all seeds tried."""
    rows = runs_of(tables, "search")
    column = f"{evaluation}_validation_accuracy"
    if column not in rows:
        raise NotMeasured(f"the runs have no column {column}")
    rows = rows.assign(error=error_points(rows[column], tables.n_classes))
    wide = {
        size: part.pivot_table(index="seed", columns="used_learning_rate", values="error").dropna(axis="columns")
        for size, part in rows.groupby("used_sgd_batch_size")
    }
    return {size: errors for size, errors in wide.items() if errors.size}
