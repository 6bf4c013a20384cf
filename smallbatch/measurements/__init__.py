"""What each measurement notebook needs beside its page: its parameters (`Config`) and helpers that are light.

One package per notebook, of the same name (see `smallbatch.study.notebooks` for how to add one). The workflow imports
their `parameters` to check a study, so those do not import Keras at their top; functions that need it import it inside.
"""
