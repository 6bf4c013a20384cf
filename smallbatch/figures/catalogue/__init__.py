"""All figures of the book by slug, one file per family: data, drawing, alternative text and entry.

To add a figure:

1. Its family. Write in `catalogue/<family>.py`, in this order: a function that chooses the data (it gets the `Evidence`
   of a study and returns `FigureData`, or raises `NotMeasured` with the reason), one that draws a table, one that tells
   the same table in words, and an entry in the family's list `FIGURES`. The drawing gets the table as its CSV file
   has it and nothing else, so what it needs must be a column. A notebook that shows the figure for its single run
   draws with the same function.
2. Its page. Put the directive `citable` with the slug where the figure belongs; the gallery and the page of the code
   find it there.
3. A test in `tests/figures/test_<family>.py`: dots and lines are the numbers of the table, and so are the words.

Nothing else: a new family is found by being here, and the files, the citation, the box under the figure and the tests
of all figures follow from the entry. Colours, markers and axes come from `style`, the words that alternative texts
share from `alt_text`. A slug never changes; see `FigureEntry.formerly`.
"""

from importlib import import_module
from pkgutil import iter_modules

from smallbatch.figures.packet import FigureEntry

FAMILIES = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
# What a notebook alone draws has no entry, and one family has nothing else.
FIGURES: dict[str, FigureEntry] = {entry.slug: entry for family in FAMILIES for entry in getattr(family, "FIGURES", ())}
