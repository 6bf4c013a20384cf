"""For readers who have the CSV file of a figure: draw it again. The box under every figure prints this import.

It printed it in earlier versions of the book too, so this module and `redraw` stay where they are.
"""

from pathlib import Path

import matplotlib.pyplot as plt

from smallbatch.figures.catalogue import FIGURES
from smallbatch.figures.packet import picture, read_data


def redraw(slug: str, path: str | Path) -> plt.Figure:
    """Return the figure with this slug, or one that it had before, drawn from the table in a CSV file.

    Raises `KeyError` where the catalogue has no such figure.

    Examples:
    --------
    >>> redraw("error-by-batch-size", "error-by-batch-size.csv").savefig("mine.png")  # doctest: +SKIP
    """
    former = {old: entry for entry in FIGURES.values() for old in entry.formerly}
    if slug not in former | FIGURES:
        raise KeyError(f"slug = {slug!r} is not in the catalogue. Allowed: {', '.join(FIGURES)}")
    return picture((former | FIGURES)[slug], read_data(path))
