"""Errors in the middle of a training, from the snapshots of a longer one, and the claims' estimators made of them.

Where the learning rate is constant, a long training contains the short ones: its state after 60 epochs is that of a
training of 60 epochs.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from smallbatch.claims.contrasts import ARTEFACT, Estimator, over_seeds, scattered
from smallbatch.claims.results import Result
from smallbatch.claims.tables import Cells, NotMeasured, Tables, cells_of, errors_of, values_of
from smallbatch.statistics import error_points


class State(NamedTuple):
    """A training at some point: its condition, an experiment with the values wanted there, after epochs or steps."""

    condition: tuple[str, dict]
    epoch: float | None = None
    steps: int | None = None


def difference_at(of: State, minus: State, evaluation: str) -> Estimator:
    """Estimate the difference of the test errors of two trainings, each at some point; Student's t interval."""

    def estimate(tables: Tables) -> Result:
        cells = cells_of(tables, {"of": of.condition, "minus": minus.condition})
        differences = errors_at(tables, cells, (of, minus), evaluation) @ np.array([1, -1])
        return scattered(over_seeds(tables, cells, differences, "t"), evaluation, (1, -1))

    return estimate


def cost_of_averages(momentum: str, *states: State) -> Estimator:
    """Estimate the test error in a model's moving averages minus that in recalibrated statistics, in points.

    `momentum` names the evaluation by moving averages: "moving" for the model's own, "moving_0.9997" and the like for
    those that were followed. With two states: how much more they cost in the first. Student's t interval.
    """

    def estimate(tables: Tables) -> Result:
        cells = cells_of(tables, {str(k): state.condition for k, state in enumerate(states)})
        costs = errors_at(tables, cells, states, momentum) - errors_at(tables, cells, states, "recalibrated")
        signs = np.array([1, -1][: len(states)])
        result = over_seeds(tables, cells, costs @ signs, "t")
        # The scatter is known for a model's own momentum alone.
        return scattered(result, ARTEFACT, signs) if momentum == "moving" else result

    return estimate


def regret_at(state: State, evaluation: str) -> Estimator:
    """Estimate the test error of a state minus that at the snapshot with the lowest validation loss until then.

    Loss and error are of the same evaluation. Student's t interval.
    """

    def estimate(tables: Tables) -> Result:
        cells = cells_of(tables, {"of": state.condition})
        at_end = errors_at(tables, cells, (state,), evaluation)[:, 0]
        rows = _rows(tables, evaluation)
        best, epochs = [], []
        for run in cells.runs["of"]:
            before = rows[(rows["run"] == run) & (rows["epoch"] <= state.epoch)]
            epoch = before[before["split"] == "validation"].set_index("epoch")["loss"].idxmin()
            test = before[(before["split"] == "test") & (before["epoch"] == epoch)]
            best.append(float(error_points(test["accuracy"], tables.n_classes).iloc[0]))
            epochs.append(f"{epoch:g}")
        detail = f"epochs of the lowest validation loss: {', '.join(epochs)}"
        return over_seeds(tables, cells, at_end - np.array(best), "t", [detail])

    return estimate


def errors_at(tables: Tables, cells: Cells, states: tuple[State, ...], evaluation: str) -> np.ndarray:
    """Return test errors in points, (seeds, states), of the cells' runs, a column of which belongs to each state.

    The end of a training is a snapshot too. Raises `NotMeasured` where a run has none at that point.
    """
    columns = [_at(tables, cells, place, state, evaluation) for place, state in enumerate(states)]
    return np.stack(columns, axis=1)


def _at(tables: Tables, cells: Cells, place: int, state: State, evaluation: str) -> np.ndarray:
    runs = cells.names[:, place]
    column, value = ("epoch", state.epoch) if state.steps is None else ("steps", state.steps)
    one = Cells(cells.runs.iloc[:, [place]], cells.experiments)
    done = values_of(tables, one, {"epoch": "epochs_done", "steps": "steps_done"}[column])[:, 0]
    if (done == value).all():
        return errors_of(tables, one, evaluation)[:, 0]
    rows = _rows(tables, evaluation)
    rows = rows[(rows["split"] == "test") & (rows[column] == value)].set_index("run")["accuracy"].reindex(runs)
    if rows.isna().any():
        raise NotMeasured(f"no snapshot after {value:g} {column.rstrip('s')}s of {rows.index[rows.isna()][0]}")
    return error_points(rows, tables.n_classes).to_numpy()


def _rows(tables: Tables, evaluation: str) -> pd.DataFrame:
    if tables.snapshots.empty:
        raise NotMeasured("there are no snapshots")
    return tables.snapshots[tables.snapshots["evaluation"] == evaluation]
