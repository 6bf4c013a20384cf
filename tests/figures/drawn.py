"""What a figure shows, the table that its packet holds, and evidence that is made up."""

import dataclasses
import io

import numpy as np
import pandas as pd
from matplotlib.collections import PathCollection

from smallbatch.claims import Tables
from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.evidence import Evidence
from smallbatch.figures.packet import read_data


def scatters(axis):
    """The collections of dots; bars and error bars are collections too."""
    return [collection for collection in axis.collections if isinstance(collection, PathCollection)]


def dots(axis):
    """The points of all scatters, (n, 2)."""
    return np.concatenate([np.asarray(scatter.get_offsets()) for scatter in scatters(axis)])


def hollow(axis):
    """The points of the scatters without a face, (n, 2)."""
    found = [np.asarray(scatter.get_offsets()) for scatter in scatters(axis) if not len(scatter.get_facecolor())]
    return np.concatenate(found) if found else np.empty((0, 2))


def lines(axis):
    """The points of each line by its label."""
    return {line.get_label(): line.get_xydata() for line in axis.lines}


def legend(axis):
    """The labels of the legend, in order: the axis's own, or the one below all panels."""
    shown = axis.get_legend() or axis.figure.legends[0]
    return [text.get_text() for text in shown.get_texts()]


def as_read(table):
    """The table as the packet's CSV has it."""
    return read_data(io.StringIO(table.to_csv(index=False)))


def table_of(slug, evidence):
    """The table of a figure as its packet's CSV has it."""
    return as_read(FIGURES[slug].data(evidence).table)


def evidence_of(tables, *experiments):
    """Evidence of a made-up study; with these experiments alone, where some are named."""
    runs = tables.runs
    if experiments:
        names = runs["experiments"].str.split().map(lambda names: sorted(set(names) & set(experiments)))
        runs = runs[names.map(bool)].assign(experiments=names.str.join(" "))
    history = tables.history[tables.history["run"].isin(runs["run"])]
    found = Evidence("made-up")
    found.__dict__["tables"] = dataclasses.replace(tables, runs=runs, history=history)
    return found


class Measured(Evidence):
    """Evidence with made-up points of one notebook."""

    def __init__(self, table, **tables):
        super().__init__("made-up")
        self._table = table
        empty = {name: pd.DataFrame() for name in ("runs", "history", "test_correct", "stable_learning_rate")}
        self.__dict__["tables"] = Tables(**empty | tables)

    def measurement(self, notebook):
        runs = self._table[["run", "seed"]].drop_duplicates().assign(processor="a processor")
        return self._table, runs, "made-up"
