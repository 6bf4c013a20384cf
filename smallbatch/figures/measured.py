"""The measurements at a checkpoint as figures need them: points of all networks, and what the networks were."""

import pandas as pd

from smallbatch.figures.evidence import Data, Evidence
from smallbatch.study.notebooks import config_class


def measured(evidence: Evidence, notebook: str) -> Data:
    """Return all points of a measurement notebook, with the runs behind them; see `Evidence.measurement`.

    Gathered tables name only the parameters that are not at the notebook's default; `runs` of the data has them all.
    """
    points, runs, study = evidence.measurement(notebook)
    defaults = {name: field.default for name, field in config_class(notebook).model_fields.items()}
    missing = {
        name: default for name, default in defaults.items() if name not in runs and not isinstance(default, list)
    }
    head = pd.DataFrame([missing] * len(runs), index=runs.index)
    return Data(points, study, pd.concat([head, runs], axis=1))


def first_network(data: Data) -> Data:
    """Return the points of the network with the smallest seed alone."""
    points = data.table[data.table["seed"] == data.table["seed"].min()]
    return Data(points, data.study, data.runs[data.runs["run"].isin(points["run"])])
