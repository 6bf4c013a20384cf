"""What each measurement notebook needs beside its page, one package per notebook and of the same name.

In each, `parameters` holds the `Config` and its checks, `estimator` the measurement, and `summary` the tables and
numbers that are published; other modules hold what has a name of its own. Shared by several: `checkpoint` and
`objective`. The workflow imports `parameters` to check a study, and pages import `summary`: neither loads Keras.
`benchmark` has no notebook: it summarizes what `python -m bench` measured. `smallbatch.study.notebooks` says how to add
a measurement.
"""
