"""The notebooks that a study can run, and the parameters of each.

To add a measurement notebook, say `my_measurement`:

1. Parameters: write `smallbatch/measurements/my_measurement/parameters.py` with `class Config(Parameters)`, or
   `class Config(RunConfig)` if the notebook trains a network first. It has `NOTEBOOK = "my_measurement"` and a
   `parameter(...)` for each of its own parameters; a redefined one changes the default. Nothing there imports Keras at
   its top. Add the name to `CONFIGS` below. What measures goes into `estimator.py` beside it, what makes the published
   table and numbers into `summary.py`.
2. Notebook: write `notebooks/my_measurement.ipynb`. Its first code cell, tagged `parameters`, holds every parameter
   with its default; the next one makes `config = Config.from_notebook(globals())`. The last one ends with
   `records.write_measurement(config, records.make_measurement(config, summary, seconds), table)`, where `table` is a
   tidy data frame, a row per measured value or point.
3. Study: give an experiment of `studies/*.yaml` the line `notebook: my_measurement` and a grid over its parameters.
   `make study` then leaves `results/<study>/my_measurement.csv` and `my_measurement-summary.csv`.

Classes are imported when they are asked for: a measurement that cannot be imported does not stop the others.
"""

import importlib

from smallbatch.errors import require
from smallbatch.parameters import Parameters

RETRAIN = "retrain"
CONFIGS = {
    RETRAIN: "smallbatch.training.config.RunConfig",
    "wilson_martinez": "smallbatch.measurements.wilson_martinez.parameters.Config",
    "stable_learning_rate": "smallbatch.measurements.stable_learning_rate.parameters.Config",
    "gradient_noise": "smallbatch.measurements.gradient_noise.parameters.Config",
    "batch_norm_noise": "smallbatch.measurements.batch_norm_noise.parameters.Config",
    "cost": "smallbatch.measurements.cost.parameters.Config",
}


def config_class(notebook: str) -> type[Parameters]:
    """Return the class of a notebook's parameters; raise `ParameterError` naming the notebooks there are."""
    require("notebook", notebook, notebook in CONFIGS, ", ".join(CONFIGS))
    module, name = CONFIGS[notebook].rsplit(".", 1)
    return getattr(importlib.import_module(module), name)
