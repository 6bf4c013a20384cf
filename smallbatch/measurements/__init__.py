"""What each measurement notebook needs beside its page: its parameters (`Config`) and helpers that are light.

One module per notebook, of the same name (see `smallbatch.notebooks` for how to add one). The workflow imports these
modules to check a study, so none of them imports Keras at its top; functions that need it import it inside.
"""
