"""Batch norm: the layers that stand in for it, what it does in a model, and its statistics measured and repaired.

Nothing here knows a network, a data set or a run of the book: it works on any Keras model.
"""
